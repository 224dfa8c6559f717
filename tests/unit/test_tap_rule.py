"""What a tap means, one sentence a test."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import pytest

from reader_agent import tap_desk, tap_rule
from reader_agent.moves import Drive
from reader_agent.tap_rule import TAP_KEYS, Act, Scanned, Tapped, decide, decide_scan
from reader_agent.terms import PlannedMove
from schemas.visit import Fact, Visit, fold
from tests.visit_facts import (
    VISIT,
    cancelled,
    handed_over,
    parked,
    ready,
    received,
    reported,
    requested,
    taken,
)

AT_BOOTH = Tapped(
    is_confirmed=True,
    kind="key",
    has_owner=False,
    visits=(),
    planned=None,
    place_id="herrera",
    is_booth=True,
    nearest_lot="norte",
    has_actor=True,
    has_draft=False,
    screen="queue",
    screen_visit_id=None,
)
AT_LOT = replace(AT_BOOTH, place_id="norte", is_booth=False, nearest_lot=None)


def _visit(*facts: Fact) -> Visit:
    visit = fold(facts)
    assert visit is not None
    return visit


def _bound(tapped: Tapped, *facts: Fact, **changes: object) -> Tapped:
    return replace(tapped, visits=(_visit(*facts),), **changes)  # type: ignore[arg-type]


PARKED = (received(), taken(2, "herrera", "norte", "park"), parked(3))
READY = (received(), requested(2, "herrera"), ready(3, "herrera"))


def test_an_unconfirmed_read_does_nothing_at_all() -> None:
    assert decide(replace(AT_BOOTH, is_confirmed=False, has_owner=True)).act is Act.NOTHING


def test_a_badge_makes_its_owner_the_actor_even_when_nobody_is() -> None:
    decision = decide(replace(AT_BOOTH, kind="badge", has_owner=True, has_actor=False))
    assert (decision.act, decision.tone) == (Act.SIGN_ON, "ok")


@pytest.mark.parametrize(("kind", "key"), [(None, "tap.unknown"), ("badge", "tap.badge_unknown")])
def test_a_tag_of_nobody_is_said_to_be_so(kind: str | None, key: str) -> None:
    decision = decide(replace(AT_BOOTH, kind=kind))
    assert (decision.act, decision.key, decision.tone) == (Act.SAY, key, "error")


@pytest.mark.parametrize("kind", ["key", "claim"])
@pytest.mark.parametrize("facts", [(), READY, PARKED])
def test_without_an_actor_nothing_is_recorded(kind: str, facts: tuple[Fact, ...]) -> None:
    visits = (_visit(*facts),) if facts else ()
    decision = decide(replace(AT_BOOTH, kind=kind, has_actor=False, visits=visits))
    assert (decision.act, decision.key) == (Act.SAY, "tap.badge_first")


def test_a_free_key_tag_opens_a_reception_at_a_booth() -> None:
    decision = decide(AT_BOOTH)
    assert (decision.act, decision.screen) == (Act.OPEN_DRAFT, "receive")


def test_the_key_of_a_car_that_a_lot_has_never_heard_of_is_noted_there() -> None:
    decision = decide(AT_LOT)
    assert (decision.act, decision.key, decision.screen) == (Act.SEE_KEY, "tap.key_seen", "keys")
    # One that nobody enrolled may be new, but only while the line is down, and only at a lot.
    stranger = replace(AT_LOT, kind=None)
    assert decide(stranger).key == "tap.unknown"
    assert decide(replace(stranger, may_be_new=True)).act is Act.SEE_KEY
    assert decide(replace(AT_BOOTH, kind=None, may_be_new=True)).key == "tap.unknown"


def test_a_car_at_this_kerb_is_taken_to_the_nearest_lot() -> None:
    decision = decide(_bound(AT_BOOTH, received()))
    assert (decision.act, decision.drive) == (Act.TAKE, Drive("park", "norte"))


def test_a_planned_lot_wins_over_the_nearest() -> None:
    planned = PlannedMove("park", "herrera", "sur", "rosa", None)
    assert decide(_bound(AT_BOOTH, received(), planned=planned)).drive == Drive("park", "sur")


def test_a_plan_for_a_car_that_is_no_longer_there_is_not_followed() -> None:
    planned = PlannedMove("park", "bolivar", "sur", "rosa", None)
    assert decide(_bound(AT_BOOTH, received(), planned=planned)).drive == Drive("park", "norte")


def test_without_any_lot_the_car_stays_and_the_ticket_opens() -> None:
    decision = decide(_bound(AT_BOOTH, received(), nearest_lot=None))
    assert (decision.act, decision.key) == (Act.SAY, "tap.no_lot")


NEAR = (*PARKED, taken(4, "norte", "herrera", "relocate"))
STAGED = (*NEAR, parked(5, "herrera"))


def test_a_car_that_is_brought_near_is_parked_at_the_booth_until_it_is_asked_for() -> None:
    planned = PlannedMove("relocate", "norte", "herrera", "rosa", None)
    assert decide(_bound(AT_LOT, *PARKED, planned=planned)).drive == Drive("relocate", "herrera")
    here = decide(_bound(AT_BOOTH, *NEAR))
    assert (here.act, here.key, here.tone) == (Act.PARK, "tap.staged", "ok")
    # Asked for on its way: here it is ready, elsewhere it goes on from here.
    assert decide(_bound(AT_BOOTH, *NEAR, requested(5, "herrera"))).key == "tap.ready"
    assert decide(_bound(AT_BOOTH, *NEAR, requested(5, "bolivar"))).key == "tap.staged"
    assert decide(_bound(AT_BOOTH, *STAGED, requested(6, "herrera"))).key == "tap.ready"
    # Who brought it to another booth than was told is told that nobody asked for it there.
    other = replace(AT_BOOTH, place_id="bolivar")
    assert decide(_bound(other, *NEAR)).act is Act.READY


def test_a_car_that_was_brought_near_for_nothing_goes_back_to_a_lot() -> None:
    taken_back = decide(_bound(AT_BOOTH, *STAGED))
    assert (taken_back.act, taken_back.drive) == (Act.TAKE, Drive("relocate", "norte"))
    wanted = decide(_bound(AT_BOOTH, *STAGED, requested(6, "bolivar")))
    assert wanted.drive == Drive("retrieve", "bolivar")


def test_a_car_asked_for_here_while_still_here_is_ready() -> None:
    assert decide(_bound(AT_BOOTH, received(), requested(2, "herrera"))).act is Act.READY


def test_a_car_at_this_kerb_asked_for_at_another_booth_is_driven_there() -> None:
    decision = decide(_bound(AT_BOOTH, received(), requested(2, "bolivar")))
    assert (decision.act, decision.drive) == (Act.TAKE, Drive("retrieve", "bolivar"))


@pytest.mark.parametrize(
    "facts",
    [
        (received(), taken(2, "herrera", "norte", "park")),
        (*PARKED, requested(4, "herrera"), taken(5, "norte", "herrera", "retrieve")),
        (*READY, taken(4, "herrera", "norte", "park")),
        (received(1, "bolivar"),),
    ],
)
def test_a_car_that_comes_to_a_booth_is_ready_there(facts: tuple[Fact, ...]) -> None:
    decision = decide(_bound(AT_BOOTH, *facts))
    assert (decision.act, decision.tone) == (Act.READY, "ok")


def test_a_car_brought_to_the_wrong_booth_is_ready_there_and_says_where_it_was_asked_for() -> None:
    facts = (*PARKED, requested(4, "bolivar"), taken(5, "norte", "bolivar", "retrieve"))
    decision = decide(_bound(AT_BOOTH, *facts))
    assert (decision.act, decision.key, decision.tone) == (
        Act.READY,
        "tap.ready_elsewhere",
        "warn",
    )


def test_the_key_of_a_ready_car_opens_the_hand_over_and_records_nothing() -> None:
    decision = decide(_bound(AT_BOOTH, *READY))
    assert (decision.act, decision.screen) == (Act.SAY, "hand_over")


@pytest.mark.parametrize(
    "facts",
    [
        (received(),),
        (received(), taken(2, "herrera", "norte", "park")),
        (*READY, taken(4, "herrera", "norte", "park")),
        (*PARKED, requested(4, "herrera"), taken(5, "norte", "herrera", "retrieve")),
        (received(), parked(2, "sur")),
    ],
)
def test_a_car_that_comes_to_a_lot_is_parked_there(facts: tuple[Fact, ...]) -> None:
    assert decide(_bound(AT_LOT, *facts)).act is Act.PARK


def test_a_parked_car_that_was_asked_for_is_taken_to_that_booth() -> None:
    decision = decide(_bound(AT_LOT, *PARKED, requested(4, "bolivar")))
    assert (decision.act, decision.drive) == (Act.TAKE, Drive("retrieve", "bolivar"))


@pytest.mark.parametrize(("kind", "to"), [("relocate", "sur"), ("retrieve", "bolivar")])
def test_a_parked_car_with_a_plan_is_taken_as_planned(kind: str, to: str) -> None:
    planned = PlannedMove(kind, "norte", to, "rosa", None)
    assert decide(_bound(AT_LOT, *PARKED, planned=planned)).drive == Drive(kind, to)


def test_the_drivers_request_wins_over_a_plan_to_relocate() -> None:
    planned = PlannedMove("relocate", "norte", "sur", "rosa", None)
    tapped = _bound(AT_LOT, *PARKED, requested(4, "bolivar"), planned=planned)
    assert decide(tapped).drive == Drive("retrieve", "bolivar")


@pytest.mark.parametrize("facts", [PARKED, (*PARKED, requested(4), cancelled(5))])
def test_a_parked_car_that_nobody_asked_for_stays(facts: tuple[Fact, ...]) -> None:
    decision = decide(_bound(AT_LOT, *facts))
    assert (decision.act, decision.key, decision.screen) == (Act.SAY, "tap.not_asked", "ticket")


@pytest.mark.parametrize(("tapped", "act"), [(AT_BOOTH, Act.READY), (AT_LOT, Act.PARK)])
def test_the_key_of_a_held_visit_still_tells_where_it_is(tapped: Tapped, act: Act) -> None:
    held = (received(), requested(2), handed_over(3, "herrera"))
    decision = decide(_bound(tapped, *held))
    assert (decision.act, decision.key, decision.tone) == (act, "tap.held", "warn")


def test_a_tag_on_two_open_visits_records_nothing() -> None:
    decision = decide(replace(AT_BOOTH, visits=(_visit(received()), _visit(*PARKED))))
    assert (decision.act, decision.key) == (Act.SAY, "tap.tag_shared")


def test_a_free_claim_tag_joins_the_open_reception() -> None:
    decision = decide(replace(AT_BOOTH, kind="claim", has_draft=True, screen="receive"))
    assert (decision.act, decision.screen) == (Act.FILL_CLAIM, "receive")


@pytest.mark.parametrize(("has_draft", "screen"), [(False, "queue"), (True, "hand_over")])
def test_a_free_claim_tag_proves_nothing(screen: str, *, has_draft: bool) -> None:
    tapped = replace(AT_BOOTH, kind="claim", has_draft=has_draft, screen=screen)
    assert decide(tapped).key == "tap.claim_free"


def test_a_claim_tag_in_use_does_not_join_a_reception() -> None:
    tapped = _bound(AT_BOOTH, *PARKED, kind="claim", has_draft=True, screen="receive")
    assert decide(tapped).key == "tap.claim_in_use"


def test_a_claim_tag_completes_the_open_hand_over_of_its_car() -> None:
    tapped = _bound(AT_BOOTH, *READY, kind="claim", screen="hand_over", screen_visit_id=VISIT)
    assert decide(replace(tapped, is_key_shown=True)).act is Act.HAND_OVER


def test_no_claim_tag_completes_a_hand_over_whose_key_was_not_shown() -> None:
    tapped = _bound(AT_BOOTH, *READY, kind="claim", screen="hand_over", screen_visit_id=VISIT)
    decision = decide(tapped)
    assert (decision.act, decision.key, decision.screen) == (Act.SAY, "tap.key_first", "hand_over")


def test_the_claim_tag_of_another_car_completes_nothing() -> None:
    tapped = _bound(AT_BOOTH, *READY, kind="claim", screen="hand_over", screen_visit_id="other")
    decision = decide(tapped)
    assert (decision.key, decision.screen, decision.visit_id) == (
        "tap.claim_other",
        "stop",
        "other",
    )


def test_a_free_claim_tag_stops_the_hand_over_that_is_open() -> None:
    tapped = replace(AT_BOOTH, kind="claim", screen="hand_over", screen_visit_id=VISIT)
    decision = decide(tapped)
    assert (decision.act, decision.screen, decision.visit_id) == (Act.SAY, "stop", VISIT)


@pytest.mark.parametrize(
    ("tapped", "facts"), [(AT_BOOTH, (received(1),)), (AT_LOT, (*PARKED, requested(4)))]
)
def test_a_car_that_must_not_be_driven_is_not_taken(
    tapped: Tapped, facts: tuple[Fact, ...]
) -> None:
    decision = decide(_bound(tapped, *facts, reported(5, "do_not_drive")))
    assert (decision.act, decision.key) == (Act.SAY, "tap.grounded")
    over = reported(6, "do_not_drive", is_over=True)
    assert decide(_bound(tapped, *facts, reported(5, "do_not_drive"), over)).act is Act.TAKE


def test_a_claim_tag_otherwise_opens_the_ticket_of_its_car() -> None:
    decision = decide(_bound(AT_BOOTH, *PARKED, kind="claim"))
    assert (decision.act, decision.screen) == (Act.SAY, "ticket")


@pytest.mark.parametrize("kind", ["key", "claim", "badge"])
@pytest.mark.parametrize(("status", "key"), [("lost", "tap.lost"), ("retired", "tap.retired")])
def test_a_tag_out_of_use_says_so_before_anything_else(kind: str, status: str, key: str) -> None:
    decision = decide(replace(AT_BOOTH, kind=kind, status=status, has_actor=False))
    assert (decision.act, decision.key, decision.tone) == (Act.SAY, key, "error")


@pytest.mark.parametrize("tapped", [AT_BOOTH, AT_LOT])
def test_the_key_tag_of_a_car_that_is_here_opens_its_ticket_though_it_was_lost(
    tapped: Tapped,
) -> None:
    decision = decide(_bound(tapped, *PARKED, requested(4, "herrera"), status="lost"))
    assert (decision.act, decision.key, decision.screen) == (Act.SAY, "tap.lost_key", "ticket")


def test_a_lost_claim_tag_completes_no_hand_over() -> None:
    tapped = _bound(AT_BOOTH, *READY, kind="claim", screen="hand_over", screen_visit_id=VISIT)
    decision = decide(replace(tapped, status="lost"))
    assert (decision.act, decision.key) == (Act.SAY, "tap.lost")


SCANNED = Scanned(visits=(), has_actor=True, screen="queue", screen_visit_id=None)


def test_a_drivers_code_proves_only_the_car_on_the_screen() -> None:
    scanned = replace(SCANNED, visits=(_visit(*READY),), screen="hand_over")
    shown = replace(scanned, screen_visit_id=VISIT, is_key_shown=True)
    assert decide_scan(shown).act is Act.HAND_OVER
    assert decide_scan(replace(shown, is_key_shown=False)).key == "tap.key_first"
    other = decide_scan(replace(scanned, screen_visit_id="other"))
    assert (other.key, other.screen, other.visit_id) == ("tap.code_other", "stop", "other")
    assert decide_scan(replace(scanned, screen_visit_id=None)).key == "tap.ticket"
    assert decide_scan(replace(scanned, screen="ticket", screen_visit_id=VISIT)).act is Act.SAY


def test_a_drivers_code_needs_an_actor_and_an_open_ticket() -> None:
    scanned = replace(SCANNED, visits=(_visit(*READY),), screen="hand_over", screen_visit_id=VISIT)
    assert decide_scan(replace(scanned, has_actor=False)).key == "tap.badge_first"
    assert decide_scan(SCANNED).key == "problem.unknown_visit"


def test_every_key_that_can_be_said_is_listed_for_the_catalogs() -> None:
    said = set()
    for module in (tap_rule, tap_desk):
        said |= set(re.findall(r'"(tap\.[a-z_]+)"', inspect.getsource(module)))
    assert said | {"tap.again"} == set(TAP_KEYS)
