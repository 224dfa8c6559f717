"""Tags by name: what a command of an emulated reader may say, and the drawer they come from."""

from __future__ import annotations

import pytest

from reader_agent.emulators.command_lines import BadCommand
from reader_agent.emulators.tags.classic import KEY_B, MifareClassic
from reader_agent.emulators.tags.desfire import Desfire
from reader_agent.emulators.tags.ntag424 import NDEF_FILE, Ntag424
from reader_agent.emulators.tags.spec import MODELS, Drawer, make_tag
from reader_agent.emulators.tags.type2_tag import NTAG215, ULTRALIGHT, Type2Tag

SEVEN = "04958CAA5C5E80"
URL = "https://valet.example/t"
KEY = "5ACE7E50AB65D5D51FD5BF5A16B8205B"


def test_a_bare_text_makes_the_usual_tag_of_that_length() -> None:
    classic, ntag, bare = (
        make_tag(text) for text in ("nfca:3D99C723", "nfca:04416d412b0289", "NFCA:" + "04" * 10)
    )
    assert isinstance(classic, MifareClassic)
    assert classic.uid == bytes.fromhex("3D99C723")
    assert isinstance(ntag, Type2Tag)
    assert ntag.chip is NTAG215
    assert isinstance(bare, Type2Tag)
    assert bare.chip is ULTRALIGHT
    assert len(bare.uid) == 10


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_made_from_its_uid_alone(model: str) -> None:
    tag = make_tag({"model": model, "uid": SEVEN})
    assert tag.uid == bytes.fromhex(SEVEN)
    assert (tag.ats is not None) is (model in {"ntag424", "desfire"})
    assert tag.sak & 0x20 == (0x20 if tag.ats else 0)


@pytest.mark.parametrize("model", ["ultralight", "ntag213", "ntag215", "ntag216", "ntag424"])
def test_a_link_is_stored(model: str) -> None:
    tag = make_tag({"model": model, "uid": SEVEN, "url": "https://a.b"})
    message = bytes.fromhex("D1010455") + b"\x04a.b"
    if isinstance(tag, Ntag424):
        content = bytes(tag.iso.files[NDEF_FILE].content)
    else:
        assert isinstance(tag, Type2Tag)
        content = bytes(tag.memory)
    assert message in content


def test_a_card_with_its_two_keys_is_personalised() -> None:
    tag = make_tag(
        {
            "model": "ntag424",
            "uid": SEVEN,
            "url": URL,
            "meta_key": KEY,
            "file_key": "01" * 16,
            "counter": 7,
        }
    )
    assert isinstance(tag, Ntag424)
    assert [slot.key.hex().upper() for slot in tag.channel.slots[:3]] == [
        "00" * 16,
        KEY,
        "01" * 16,
    ]
    assert tag.iso.files[NDEF_FILE].settings.mirror is not None
    assert tag.iso.files[NDEF_FILE].counter == 7


def test_all_five_keys_may_be_given() -> None:
    keys = [f"{number:02X}" * 16 for number in range(5)]
    tag = make_tag({"model": "ntag424", "uid": SEVEN, "url": URL, "keys": keys})
    assert isinstance(tag, Ntag424)
    assert [slot.key.hex().upper() for slot in tag.channel.slots] == keys
    assert {slot.version for slot in tag.channel.slots} == {1}


def test_a_random_uid_may_be_asked_for() -> None:
    tag = make_tag({"model": "ntag424", "uid": SEVEN, "random_uid": True})
    assert (len(tag.uid), tag.uid[0]) == (4, 0x08)


def test_blocks_of_a_classic_may_be_given() -> None:
    trailer = "FFFFFFFFFFFF" + "FF078069" + "A0A1A2A3A4A5"
    spec = {"model": "classic1k", "uid": "3D99C723", "blocks": {"8": "AB" * 16, "11": trailer}}
    tag = make_tag(spec)
    assert isinstance(tag, MifareClassic)
    assert tag.blocks[8] == b"\xab" * 16
    assert tag.authenticate(KEY_B, 8, bytes.fromhex("A0A1A2A3A4A5"))


def test_counter_and_signature_of_an_ntag_may_be_given() -> None:
    spec = {"model": "ntag213", "uid": SEVEN, "counter": 5, "signature": "5A" * 32}
    tag = make_tag(spec)
    assert isinstance(tag, Type2Tag)
    assert (tag.counter, tag.signature) == (5, b"\x5a" * 32)
    bare = make_tag(f"nfca:{SEVEN}")
    assert isinstance(bare, Type2Tag)
    assert (bare.counter, bare.signature) == (0, bytes(32))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (None, "a tag is a text"),
        (7, "a tag is a text"),
        ([], "a tag is a text"),
        ({1: "2"}, "a tag is a text"),
        ({}, "model"),
        ({"model": "ntag999", "uid": SEVEN}, "model is one of"),
        ({"model": ["ntag213"], "uid": SEVEN}, "model"),
        ("nfca:0102", "digits"),
        ("em4100:0114AE3BBC", "nfca"),
        ("01020304", "begins with"),
        ({"model": "ntag213"}, "needs uid"),
        ({"model": "ntag213", "uid": "xy"}, "hex"),
        ({"model": "ntag213", "uid": "01020304"}, "7 bytes"),
        ({"model": "classic1k", "uid": "01" * 10}, "4 or 7 bytes"),
        ({"model": "ntag213", "uid": SEVEN, "keys": []}, "no keys"),
        ({"model": "desfire", "uid": SEVEN, "url": URL}, "no url"),
        ({"model": "ultralight", "uid": SEVEN, "counter": 1}, "no counter"),
        ({"model": "ntag213", "uid": SEVEN, "url": 5}, "url"),
        ({"model": "ntag213", "uid": SEVEN, "url": URL + "a" * 200}, "too long"),
        ({"model": "ntag213", "uid": SEVEN, "counter": -1}, "24 bits"),
        ({"model": "ntag213", "uid": SEVEN, "counter": 1 << 24}, "24 bits"),
        ({"model": "ntag213", "uid": SEVEN, "counter": "1"}, "24 bits"),
        ({"model": "ntag213", "uid": SEVEN, "signature": "00"}, "32 bytes"),
        ({"model": "ntag424", "uid": SEVEN, "signature": "00" * 32}, "56 bytes"),
        ({"model": "classic1k", "uid": SEVEN, "blocks": []}, "object"),
        ({"model": "classic1k", "uid": SEVEN, "blocks": {"64": "00" * 16}}, "numbers"),
        ({"model": "classic1k", "uid": SEVEN, "blocks": {"x": "00" * 16}}, "numbers"),
        ({"model": "classic1k", "uid": SEVEN, "blocks": {"8": "00"}}, "16 bytes"),
        ({"model": "ntag424", "uid": SEVEN, "meta_key": KEY, "url": URL}, "file_key"),
        ({"model": "ntag424", "uid": SEVEN, "file_key": KEY, "url": URL}, "meta_key"),
        ({"model": "ntag424", "uid": SEVEN, "meta_key": KEY, "file_key": KEY}, "url"),
        ({"model": "ntag424", "uid": SEVEN, "keys": [KEY] * 4, "url": URL}, "list of 5"),
        ({"model": "ntag424", "uid": SEVEN, "keys": [1] * 5, "url": URL}, "key"),
        ({"model": "ntag424", "uid": SEVEN, "keys": [KEY] * 5, "meta_key": KEY}, "give keys"),
        ({"model": "ntag424", "uid": SEVEN, "counter": 1}, "counts nothing"),
        ({"model": "ntag424", "uid": SEVEN, "random_uid": 1}, "true or false"),
        (
            {"model": "ntag424", "uid": SEVEN, "keys": [KEY] * 5, "url": "https://" + "a" * 190},
            "too long",
        ),
    ],
)
def test_what_is_no_tag_is_refused_with_the_reason(spec: object, said: str) -> None:
    for take in (make_tag, Drawer().take):
        with pytest.raises(BadCommand, match=said):
            take(spec)


# The drawer


def test_a_tag_taken_out_again_is_the_same_one() -> None:
    drawer = Drawer()
    spec = {"model": "ntag424", "uid": SEVEN, "url": URL, "keys": [KEY] * 5}
    tag = drawer.take(spec)
    assert drawer.take(dict(reversed(spec.items()))) is tag
    assert drawer.take(f"nfca:{SEVEN}") is tag
    assert drawer.take({"model": "ntag424", "uid": "04000000000001"}) is not tag


def test_a_tag_described_otherwise_is_a_new_one_in_its_place() -> None:
    drawer = Drawer()
    first = drawer.take({"model": "ntag213", "uid": SEVEN})
    second = drawer.take({"model": "ntag213", "uid": SEVEN, "url": URL})
    assert second is not first
    assert drawer.take(f"nfca:{SEVEN}") is second


def test_a_refused_description_leaves_the_tag_that_is_there() -> None:
    drawer = Drawer()
    tag = drawer.take(f"nfca:{SEVEN}")
    with pytest.raises(BadCommand):
        drawer.take({"model": "ntag213", "uid": SEVEN, "counter": -1})
    assert drawer.take(f"nfca:{SEVEN}") is tag


# A card that is not ours


def test_a_desfire_tells_its_version_wrapped_and_bare() -> None:
    card = Desfire(bytes.fromhex(SEVEN))
    frames = [card.apdu(bytes.fromhex(apdu)) for apdu in ("9060000000", "90AF000000", "90AF000000")]
    assert [frame[-2:].hex() for frame in frames] == ["91af", "91af", "9100"]
    bare = [card.apdu(bytes.fromhex(apdu)) for apdu in ("60", "AF", "AF")]
    assert [frame[0] for frame in bare] == [0xAF, 0xAF, 0x00]
    assert [frame[1:] for frame in bare] == [frame[:-2] for frame in frames]
    assert frames[0].hex() == "0401010100180591af"
    assert frames[2].startswith(bytes.fromhex(SEVEN))


@pytest.mark.parametrize(
    ("apdu", "answer"),
    [
        ("00A4040007D276000085010100", "6a82"),
        ("00B0000002", "6d00"),
        ("8060000000", "7e"),
        ("00", "6700"),
        ("9071000002000000", "917e"),
        ("906000000100", "917e"),
        ("90AF000000", "911c"),
        ("5A000000", "7e"),
        ("AF", "1c"),
        ("", "7e"),
    ],
)
def test_a_desfire_refuses_everything_else(apdu: str, answer: str) -> None:
    assert Desfire(bytes.fromhex(SEVEN)).apdu(bytes.fromhex(apdu)).hex() == answer


def test_a_desfire_forgets_a_half_told_version() -> None:
    card = Desfire(bytes.fromhex(SEVEN))
    card.apdu(bytes.fromhex("9060000000"))
    card.field_off()
    assert card.apdu(bytes.fromhex("90AF000000")) == b"\x91\x1c"
    assert card.command(b"\x30\x04") is None
    assert not card.authenticate(0x60, 4, bytes(6))
