"""The NTAG 424 DNA model against what NXP and readers of real cards published, byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards import ev2
from reader_agent.cards.ev2 import Session, SessionKeys
from reader_agent.emulators.tags.ntag424 import NDEF_FILE, Ntag424
from reader_agent.emulators.tags.ntag424_files import Settings
from reader_agent.emulators.tags.ntag424_personal import personal_card
from schemas.sun import read_sun_url
from tests.ntag424_kit import SELECT_NDEF, UID, ZERO, at_application, link, say, saying

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)

# AN12196: AuthenticateEV2NonFirst inside the transaction 7614281A.
AGAIN = {
    "ti": "7614281A",
    "challenge": "A6A2B3C572D06C097BB8DB70463E22DC",
    "proof": "90AF000020BE7D45753F2CAB85F34BC60CE58B940763FE969658A532DF6D95EA2773F6E99100",
    "welcome": "B888349C24B315EAB5B589E279C8263E",
    "enc": "4CF3CB41A22583A61E89B158D252FC53",
    "mac": "5529860B2FC5FB6154B7F28361D30BF9",
}


@pytest.mark.parametrize("fact", FACTS["ev2"]["authentications"], ids=lambda fact: fact["name"])
def test_published_authentications(fact: dict[str, Any]) -> None:
    rnd_b = fact["rnd_b"]
    if rnd_b is None:
        rnd_b, _ = ev2.answer_challenge(ZERO, ZERO, bytes.fromhex(fact["challenge"]))
        rnd_b = rnd_b.hex()
    card = at_application(Ntag424(UID, random=saying(rnd_b, fact["ti"])))
    assert say(card, fact["opening"]) == fact["challenge"] + "91AF"
    assert say(card, fact["proof"]) == fact["welcome"] + "9100"
    session = card.channel.session
    assert session is not None
    assert (session.ti.hex().upper(), session.counter) == (fact["ti"], 0)
    assert session.keys.enc.hex().upper() == fact["enc"]
    assert session.keys.mac.hex().upper() == fact["mac"]


def test_the_published_authentication_inside_a_transaction() -> None:
    rnd_b, _ = ev2.answer_challenge(ZERO, ZERO, bytes.fromhex(AGAIN["challenge"]))
    card = at_application(Ntag424(UID, random=saying(rnd_b.hex())))
    card.channel.session = Session(SessionKeys(ZERO, ZERO), bytes.fromhex(AGAIN["ti"]), 3, 2)
    assert say(card, "90770000010000") == AGAIN["challenge"] + "91AF"
    assert say(card, AGAIN["proof"]) == AGAIN["welcome"] + "9100"
    session = card.channel.session
    assert (session.slot, session.counter) == (0, 2)
    assert session.ti.hex().upper() == AGAIN["ti"]
    assert session.keys.enc.hex().upper() == AGAIN["enc"]
    assert session.keys.mac.hex().upper() == AGAIN["mac"]


@pytest.mark.parametrize("fact", FACTS["ev2"]["commands"], ids=lambda fact: fact["name"])
def test_published_commands(fact: dict[str, Any]) -> None:
    card = at_application(Ntag424(UID))
    is_writing = fact["ins"] == "8D"
    file = card.iso.files[int(fact["header"][:2] or "2")]
    if is_writing:
        # These were written to files whose settings ask for CommMode.Full.
        file.settings = Settings.parse(bytes.fromhex("033023"))
    slot = 3 if is_writing else 0
    keys = SessionKeys(bytes.fromhex(fact["enc"]), bytes.fromhex(fact["mac"]))
    card.channel.session = Session(keys, bytes.fromhex(fact["ti"]), slot, fact["counter"])
    assert say(card, fact["apdu"]) == fact["answer"] + "9100"
    if is_writing:
        assert file.content.startswith(bytes.fromhex(fact["data"]))
    if fact["ins"] == "5F":
        settings = say(at_application(card), "90F50000010200")
        data = fact["data"]
        assert settings == "00" + data[:6] + "000100" + data[6:] + "9100"


@pytest.mark.parametrize("fact", FACTS["ev2"]["key_changes"], ids=lambda fact: fact["name"])
def test_published_key_changes(fact: dict[str, Any]) -> None:
    card = at_application(Ntag424(UID))
    keys = SessionKeys(bytes.fromhex(fact["enc"]), bytes.fromhex(fact["mac"]))
    card.channel.session = Session(keys, bytes.fromhex(fact["ti"]), 0, fact["counter"])
    assert say(card, fact["apdu"]) == (fact["answer"] or "") + "9100"
    assert card.channel.slots[fact["slot"]].key.hex().upper() == fact["new"]
    assert card.channel.slots[fact["slot"]].version == fact["version"]
    assert (card.channel.session is None) is fact["own"]
    if not fact["own"]:
        assert say(card, f"9064000001{fact['slot']:02X}00") == "917E"  # it has no MAC


def test_the_published_link_with_an_empty_mac_input() -> None:
    fact = FACTS["sun"][0]
    padding = saying(fact["padding"])
    keys = [ZERO] * 5
    card = personal_card(
        bytes.fromhex(fact["uid"]),
        "https://ntag.nxp.com/424",
        keys,
        counter=fact["counter"] - 1,
        random=padding,
    )
    at_application(card)
    say(card, SELECT_NDEF)
    said, published = read_sun_url(link(card)), read_sun_url(fact["url"])
    assert (said.picc_data, said.cmac) == (published.picc_data, published.cmac)


def test_the_published_link_with_file_data() -> None:
    fact = FACTS["sun"][1]
    card = Ntag424(bytes.fromhex(fact["uid"]), random=saying(fact["padding"]))
    head, _, _ = fact["url"].partition("picc_data=")
    text = f"{head}picc_data={'0' * 32}&enc={'x' * 16}{'0' * 16}&cmac={'0' * 16}"
    message = (
        b"\xd1\x01" + bytes([len(text) - 7]) + b"U\x04" + text.removeprefix("https://").encode()
    )
    file = card.iso.files[NDEF_FILE]
    content = len(message).to_bytes(2) + message
    file.content[: len(content)] = content
    picc_at, enc_at = content.index(b"picc_data=") + 10, content.index(b"enc=") + 4
    mac_at = content.index(b"cmac=") + 5
    places = b"".join(at.to_bytes(3, "little") for at in (picc_at, enc_at, enc_at, 32, mac_at))
    file.change(Settings.parse(bytes.fromhex("4000E0 D1 FF12") + places))
    file.counter = fact["counter"] - 1
    at_application(card)
    say(card, SELECT_NDEF)
    assert link(card) == fact["url"]


def test_a_link_in_clear_with_uid_and_counter() -> None:
    fact = FACTS["sun"][2]
    card = Ntag424(bytes.fromhex(fact["uid"]))
    text = f"sdm.example/tagpt?uid={'0' * 14}&ctr={'0' * 6}&cmac={'0' * 16}"
    message = b"\xd1\x01" + bytes([len(text) + 1]) + b"U\x04" + text.encode()
    content = len(message).to_bytes(2) + message
    file = card.iso.files[NDEF_FILE]
    file.content[: len(content)] = content
    uid_at, counter_at = content.index(b"uid=") + 4, content.index(b"ctr=") + 4
    mac_at = content.index(b"cmac=") + 5
    places = b"".join(at.to_bytes(3, "little") for at in (uid_at, counter_at, mac_at, mac_at))
    file.change(Settings.parse(bytes.fromhex("4000E0 C1 FFE2") + places))
    file.counter = fact["counter"] - 1
    at_application(card)
    say(card, SELECT_NDEF)
    assert link(card) == fact["url"]


@pytest.mark.parametrize(
    "fact",
    [fact for fact in FACTS["signatures"] if fact["chips"] == "NTAG 424 DNA"][:2],
    ids=lambda fact: str(fact["uid"]),
)
def test_published_chips_have_their_published_signature(fact: dict[str, Any]) -> None:
    card = Ntag424(bytes.fromhex(fact["uid"]))
    assert say(card, "903C0000010000") == fact["signature"] + "9190"


def test_no_other_chip_passes_for_original() -> None:
    assert say(Ntag424(UID), "903C0000010000") == "00" * 56 + "9190"
    assert say(Ntag424(UID, signature=b"\x5a" * 56), "903C0000010000") == "5A" * 56 + "9190"


def test_the_version_is_told_in_three_frames_as_a_reader_logged_it() -> None:
    frames = FACTS["versions"][0]["frames"]
    card = Ntag424(UID)
    assert say(card, "9060000000") == frames[0]
    assert say(card, "90AF000000") == frames[1]
    last = say(card, "90AF000000")
    assert last.startswith(UID.hex().upper())
    assert (len(last), last[-4:]) == (len(frames[2]), "9100")
    assert say(card, "90AF000000") == "911C"
