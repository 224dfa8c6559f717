"""Badge and six digits: how a shift begins, what is let in, and what a stolen card is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from reader_agent.sign_in.pin_box import FILE_NAME, PinBox
from schemas import events
from schemas.problems import Refusal
from schemas.staff_pin import PinCost, hash_pin, is_weak
from tests.booth_client import client_of, text_of
from tests.booth_evening import ANA, EVA, KEYS, Evening

PIN, OTHER = "402913", "618274"
CHEAP = PinCost(8, 1, 1)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Evening]:
    """Stations that ask for the PIN: Ana has one of her own, Eva one to begin with."""
    evening = Evening(tmp_path, asks_pin=True)
    told(evening, "ana", PIN)
    told(evening, "eva", OTHER, is_temporary=True)
    yield evening
    evening.close()


@pytest.fixture
def booth(strict: Evening) -> FlaskClient:
    """The booth's screen."""
    return client_of(strict.booth)


def told(evening: Evening, person_id: str, pin: str | None, **said: object) -> None:
    """The cloud tells both stations of somebody's PIN."""
    evening.cloud.tell_pin(
        person_id,
        {
            "verifier": None if pin is None else hash_pin(pin, CHEAP),
            "since": evening.clock.wall().isoformat(),
            "is_temporary": False,
            "is_locked": False,
            "unlocked_at": None,
            **said,
        },
    )
    evening.meet()


def actor_of(evening: Evening) -> str | None:
    """Who acts at the booth."""
    actor = evening.booth.actor()
    return actor.id if actor else None


def chosen(evening: Evening) -> None:
    """Ana has a PIN where a badge is enough, and nobody is signed in any more."""
    evening.tap(ANA)
    evening.booth.pins.choose(PIN)
    evening.clock.advance(91)
    assert evening.booth.actor() is None


def test_a_badge_asks_for_the_pin_and_the_pin_brings_back_the_screen(
    strict: Evening, booth: FlaskClient
) -> None:
    booth.get("/search")
    asked = strict.tap(ANA)

    assert (asked.key, asked.screen, actor_of(strict)) == (None, "unlock", None)
    page = booth.get("/badge")
    assert "Ana Ríos" in text_of(page)
    strict.booth.focus("search")
    opened = booth.post("/unlock/ana?back=/search", data={"pin": PIN})

    assert (opened.location, actor_of(strict)) == ("/search", "ana")
    assert strict.booth.floor.crew.workers()[0].id == "ana"


def test_after_the_pin_a_badge_alone_is_one_tap_until_idle_or_the_shift_is_over(
    strict: Evening,
) -> None:
    strict.tap(ANA)
    strict.booth.pins.open("ana", PIN)
    strict.clock.advance(91)
    assert actor_of(strict) is None

    assert strict.tap(ANA).key == "tap.signed_on"
    strict.clock.advance(3_601)
    assert strict.tap(ANA).screen == "unlock"
    strict.booth.pins.open("ana", PIN)
    strict.booth.sign_off()
    assert strict.tap(ANA).screen == "unlock"


def test_what_was_typed_at_one_booth_gives_nothing_at_another(strict: Evening) -> None:
    strict.tap(ANA)
    strict.booth.pins.open("ana", PIN)

    assert strict.tap(ANA, strict.lot).screen == "unlock"
    assert strict.lot.actor() is None


def test_a_locked_screen_takes_no_car_for_a_badge_without_its_pin(strict: Evening) -> None:
    strict.tap(ANA)

    assert strict.tap(KEYS[0]).key == "tap.badge_first"
    assert strict.booth.draft() is None


def test_a_badge_that_is_lost_meanwhile_ends_the_session_at_once(strict: Evening) -> None:
    strict.tap(ANA)
    strict.booth.pins.open("ana", PIN)
    assert actor_of(strict) == "ana"

    strict.cloud.tell_tag(ANA, status="lost")
    strict.meet()

    assert actor_of(strict) is None
    assert strict.tap(ANA).key == "tap.lost"


def test_a_pin_that_was_given_is_changed_before_anything_else(
    strict: Evening, booth: FlaskClient
) -> None:
    strict.tap(EVA)
    first = booth.post("/unlock/eva?back=/queue", data={"pin": OTHER})
    assert first.location == "/unlock/eva/first?back=%2Fqueue"
    assert actor_of(strict) is None
    assert "Elija su PIN" in text_of(booth.get(first.location))

    for weak in ("111111", OTHER, "251290"):
        assert booth.post(first.location, data={"pin": weak}).status_code == 422
    done = booth.post(first.location, data={"pin": PIN})

    assert (done.location, actor_of(strict)) == ("/queue", "eva")
    (change,) = strict.booth.pins.rows.changes()
    assert (change.person_id, change.by, change.is_temporary) == ("eva", "eva", False)


def test_nobody_chooses_for_somebody_else_by_address(strict: Evening, booth: FlaskClient) -> None:
    assert booth.post("/unlock/ana/first", data={"pin": OTHER}).location == "/queue"
    strict.tap(EVA)
    booth.post("/unlock/eva", data={"pin": OTHER})
    assert booth.post("/unlock/ana/first", data={"pin": "951628"}).location == "/queue"
    strict.clock.advance(121)
    assert booth.post("/unlock/eva/first", data={"pin": "951628"}).location == "/queue"
    assert strict.booth.pins.rows.changes() == []


def test_five_wrong_ones_lock_for_longer_each_time_also_after_a_restart(strict: Evening) -> None:
    def guess(pin: str) -> Refusal:
        with pytest.raises(Refusal) as refused:
            strict.booth.pins.open("ana", pin)
        return refused.value

    said = [guess(f"40291{digit}") for digit in "01245"]
    assert [refusal.code for refusal in said] == ["wrong_pin"] * 4 + ["pin_locked"]
    assert guess(PIN).code == "pin_locked"
    strict.reopen()
    assert guess(PIN).context["seconds"] == 60
    strict.clock.advance(61)
    said = [guess(f"40291{digit}") for digit in "01245"]
    assert said[-1].context["seconds"] == 120
    # A boot that nobody saw the beginning of: the whole lock once more.
    strict.clock.reboot("00000000-0000-4000-8000-000000000002")
    strict.reopen()
    assert guess(PIN).context["seconds"] == 120
    strict.clock.advance(121)
    assert strict.booth.pins.open("ana", PIN)
    # The cloud is told of each lock once, and of nothing that was typed.
    lines = [json.loads(line) for _, line in strict.booth._journal.lines()]
    locks = [line for line in lines if line["type"] == events.PIN_LOCKED]
    assert [line["data"] for line in locks] == [
        {"person_id": "ana", "locked_s": 60},
        {"person_id": "ana", "locked_s": 120},
    ]
    assert {line["actor"] for line in locks} == {None}


def test_a_new_pin_and_a_managers_word_forgive_wrong_tries(strict: Evening) -> None:
    def lock() -> None:
        for digit in "01245":
            with pytest.raises(Refusal):
                strict.booth.pins.open("ana", f"40291{digit}")
        with pytest.raises(Refusal, match="pin_locked"):
            strict.booth.pins.open("ana", PIN)

    lock()
    strict.clock.advance(1)
    told(strict, "ana", PIN, unlocked_at=strict.clock.wall().isoformat())
    assert strict.booth.pins.open("ana", PIN)
    told(strict, "ana", PIN, is_locked=True)
    assert actor_of(strict) is None
    with pytest.raises(Refusal, match="pin_blocked"):
        strict.booth.pins.open("ana", PIN)


def test_who_has_no_pin_is_sent_to_a_supervisor_who_gives_one_for_a_reason(
    strict: Evening, booth: FlaskClient
) -> None:
    told(strict, "eva", PIN)
    told(strict, "ana", None)
    assert strict.tap(ANA).key == "tap.no_pin"
    strict.tap(EVA)
    booth.post("/unlock/eva", data={"pin": PIN})

    assert "PIN para otros" in text_of(booth.get("/settings"))
    assert "Ana Ríos" in text_of(booth.get("/settings/pins"))
    assert booth.post("/settings/pins/ana").status_code == 422
    given = text_of(booth.post("/settings/pins/ana", data={"reason": "new_here"}))
    pin = next(word for word in given.split() if word.isdigit() and len(word) == 6)

    assert not is_weak(pin)
    (change,) = strict.booth.pins.rows.changes()
    assert (change.by, change.reason, change.is_temporary) == ("eva", "new_here", True)
    strict.tap(ANA)
    assert booth.post("/unlock/ana", data={"pin": pin}).location.startswith("/unlock/ana/first")


def test_a_valet_gives_nobody_a_pin(strict: Evening, booth: FlaskClient) -> None:
    strict.tap(ANA)
    booth.post("/unlock/ana", data={"pin": PIN})

    assert "PIN para otros" not in text_of(booth.get("/settings"))
    assert booth.post("/settings/pins/eva", data={"reason": "forgotten"}).status_code == 403
    assert strict.booth.pins.rows.changes() == []


def test_ones_own_pin_is_changed_with_the_old_one(strict: Evening, booth: FlaskClient) -> None:
    strict.tap(ANA)
    booth.post("/unlock/ana", data={"pin": PIN})

    assert "Su PIN actual" in text_of(booth.get("/settings/pin"))
    assert "PIN incorrecto" in text_of(booth.post("/settings/pin/old", data={"pin": OTHER}))
    assert "Su PIN actual" in text_of(booth.post("/settings/pin", data={"pin": OTHER}))
    assert booth.post("/settings/pin/old", data={"pin": PIN}).location == "/settings/pin"
    assert booth.post("/settings/pin", data={"pin": OTHER}).location == "/settings"
    assert actor_of(strict) == "ana"
    strict.booth.sign_off()
    with pytest.raises(Refusal, match="wrong_pin"):
        strict.booth.pins.open("ana", PIN)
    assert strict.booth.pins.open("ana", OTHER)


def test_what_the_cloud_tells_later_counts_and_what_it_told_before_does_not(
    strict: Evening,
) -> None:
    strict.tap(ANA)
    strict.booth.pins.open("ana", PIN)
    strict.booth.pins.prove(PIN)
    strict.clock.advance(5)
    strict.booth.pins.choose(OTHER)
    # Told before it has heard of the new one.
    told(strict, "ana", PIN, since="2026-11-20T00:00:00+00:00")
    assert strict.booth.pins.open("ana", OTHER)

    (change,) = strict.booth.pins.rows.changes()
    strict.booth.pins.was_told(change, change.at)
    strict.clock.advance(5)
    told(strict, "ana", PIN)
    assert strict.booth.pins.open("ana", PIN)


def test_on_the_card_lies_no_pin_that_another_key_opens(strict: Evening, tmp_path: Path) -> None:
    strict.tap(EVA)
    strict.booth.pins.open("eva", OTHER)
    strict.booth.pins.choose(PIN)
    folder = strict.booth._config.data_dir
    rows = strict.booth._db.rows("SELECT * FROM staff_pin") + strict.booth._db.rows(
        "SELECT * FROM pin_change"
    )
    stored = b"".join(value for row in rows for value in tuple(row) if isinstance(value, bytes))

    assert len(rows) == 3
    assert b"argon2" not in stored
    assert (folder / FILE_NAME).stat().st_mode & 0o077 == 0
    row = strict.booth._db.rows("SELECT sealed FROM staff_pin WHERE person_id = 'ana'")[0]
    assert b"argon2id" in (PinBox(folder, None).open("ana", row["sealed"]) or b"")
    assert PinBox(folder, None).open("eva", row["sealed"]) is None
    other = tmp_path / "other.key"
    other.write_bytes(b"k" * 32)
    assert PinBox(folder, other).open("ana", row["sealed"]) is None


def test_with_another_key_the_cloud_is_asked_for_all_of_it_once_more(strict: Evening) -> None:
    (strict.booth._config.data_dir / FILE_NAME).write_bytes(b"n" * 32)

    strict.reopen()

    assert strict.booth.pins.people() == []
    strict.meet()
    assert [person.id for person in strict.booth.pins.people()] == ["ana", "eva"]


def test_where_a_badge_is_enough_a_pin_opens_the_lock_too(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    assert screen.post("/settings/pin", data={"pin": PIN}).location == "/settings"
    evening.clock.advance(91)
    assert "Ana Ríos" in text_of(screen.get("/unlock?back=/status"))

    opened = screen.post("/unlock/ana?back=/status", data={"pin": PIN})

    assert opened.location == "/status"
    assert actor_of(evening) == "ana"


def test_a_pin_that_anybody_would_guess_is_refused(evening: Evening) -> None:
    evening.tap(ANA)

    for pin in ("", "12345", "1234567", "111111", "123456", "654321", "40291a", "251290", "199007"):
        with pytest.raises(Refusal, match="bad_pin"):
            evening.booth.pins.choose(pin)


def test_only_who_has_one_and_works_here_is_offered(screen: FlaskClient, evening: Evening) -> None:
    assert "Nadie tiene PIN" in text_of(screen.get("/unlock"))
    chosen(evening)

    assert [person.id for person in evening.booth.pins.people()] == ["ana"]
    assert screen.get("/unlock/eva").location == "/unlock"
    with pytest.raises(Refusal, match="unknown_person"):
        evening.booth.pins.open("eva", PIN)


def test_no_pin_is_chosen_in_nobodys_name(screen: FlaskClient, evening: Evening) -> None:
    with pytest.raises(Refusal, match="not_signed_in"):
        evening.booth.pins.choose(PIN)
    assert screen.post("/settings/pin", data={"pin": PIN}).status_code == 303
    assert evening.booth.pins.people() == []


def test_a_pin_leaves_no_trace_in_the_journal(evening: Evening) -> None:
    evening.tap(EVA)
    before = evening.booth.status().unsent
    evening.booth.pins.choose(PIN)

    assert evening.booth.status().unsent == before


def test_a_locked_screen_sends_nobody_off_the_station(
    screen: FlaskClient, evening: Evening
) -> None:
    chosen(evening)

    opened = screen.post("/unlock/ana?back=//evil.example/", data={"pin": PIN})

    assert opened.location == "/queue"


def test_of_several_pages_of_one_screen_the_pin_brings_back_the_one_that_was_open(
    strict: Evening, booth: FlaskClient
) -> None:
    strict.tap(ANA)
    strict.booth.pins.open("ana", PIN)
    for page in ("/keys/find", "/keys"):
        booth.get(page)
        strict.tap(EVA)

        assert f'action="/unlock/eva?back={page}"' in booth.get("/badge").get_data(as_text=True)
