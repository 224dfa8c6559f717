"""What a tap means: a pure function of what the station knows at that instant.

One table in prose. A badge makes its owner the actor, who types a PIN first where one is asked for
and was not typed here lately; where the shift is on the screen it asks whoever is at work already
what is to be done: a break, or the end. A key tag that is free opens a
reception at a booth; at a lot it is of a car that nobody there has heard of yet, and is noted. So
is a card that no lot without a line can know. A key tag that belongs to a car tells what the car
did: it was taken, parked or brought, at a booth also before anybody asked for it; where it is
ready, the tap opens the hand-over. A claim tag
joins the reception that is open, and ends it at its last step; it proves a hand-over that is open,
or opens its ticket. A tag that was lost or retired opens nothing and proves nothing, except that
the key tag of a car which is still here opens its ticket: the car has to be served. A driver's QR
code is the hand-over code, read instead of typed. A car is given back only where its own key was
shown first, and a proof of another car stops the hand-over altogether. A car of which somebody said
that it must not be driven is not taken. What cannot be told for certain records nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from reader_agent.moves import Drive, next_drive
from reader_agent.screen_feed import Tone
from reader_agent.terms import PlannedMove
from schemas import states
from schemas.district import CLAIM_TAG, KEY_TAG, TAG_ACTIVE, TAG_LOST
from schemas.visit import Visit

TAP_KEYS: dict[str, tuple[str, ...]] = {
    "tap.again": (),
    "tap.unknown": ("tag",),
    "tap.lost": ("label",),
    "tap.retired": ("label",),
    "tap.lost_key": ("label", "code"),
    "tap.retired_key": ("label", "code"),
    "tap.badge_unknown": (),
    "tap.badge_first": (),
    "tap.signed_on": ("person",),
    "tap.at_work": ("person",),
    "tap.no_pin": ("person",),
    "tap.new_visit": ("label",),
    "tap.key_seen": ("label", "stall"),
    "tap.key_noted": ("label",),
    "tap.tag_shared": ("label",),
    "tap.taken": ("code", "place"),
    "tap.parked": ("code",),
    "tap.parked_at": ("code", "stall"),
    "tap.staged": ("code",),
    "tap.ready": ("code",),
    "tap.ready_at": ("code", "hook"),
    "tap.ready_elsewhere": ("code", "place"),
    "tap.held": ("code",),
    "tap.just_done": ("code",),
    "tap.not_asked": ("code",),
    "tap.no_lot": ("code",),
    "tap.hand_over": ("code",),
    "tap.handed_over": ("code",),
    "tap.claim_noted": ("label",),
    "tap.received": ("label", "code"),
    "tap.claim_in_use": ("label", "code"),
    "tap.claim_free": ("label",),
    "tap.claim_other": ("label",),
    "tap.key_first": ("code",),
    "tap.grounded": ("code",),
    "tap.next_job": ("person", "code", "place"),
    "tap.code_other": ("code",),
    "tap.ticket": ("code",),
}
"""Every catalog key of a tap with the names of its values. A refusal says `problem.<code>`."""


UNDOABLE_TAPS = frozenset(
    {
        *("tap.taken", "tap.parked", "tap.parked_at", "tap.staged", "tap.ready", "tap.ready_at"),
        *("tap.ready_elsewhere", "tap.held"),
    }
)
"""What a tap says that can be taken back for a while."""

RECEIVE_CHECK = "receive_check"
"""The last step of a reception that lacks nothing but the claim tag: its tap is what saves it."""


class Act(Enum):
    """What the station does about a tap."""

    NOTHING = auto()
    SAY = auto()
    SIGN_ON = auto()
    ASK_PIN = auto()
    OPEN_DRAFT = auto()
    FILL_CLAIM = auto()
    RECEIVE = auto()
    TAKE = auto()
    PARK = auto()
    READY = auto()
    HAND_OVER = auto()
    SEE_KEY = auto()


@dataclass(frozen=True, slots=True)
class Tapped:
    """A tag on the reader and all that matters about it.

    `kind` is key, claim or badge, None for a tag that nobody enrolled; `status` is of
    `schemas.district`. `visits` are the open
    visits that have the tag; `planned` is the plan for the first of them. `screen` is what is
    open on the touchscreen, `screen_visit_id` whom it is about. `may_be_new`: it is a card, and
    the line is down, so it may have been enrolled elsewhere since. `needs_pin`: its owner has to
    type the PIN now; `has_pin`: and has one.
    """

    is_confirmed: bool
    kind: str | None
    has_owner: bool
    visits: tuple[Visit, ...]
    planned: PlannedMove | None
    place_id: str
    is_booth: bool
    nearest_lot: str | None
    has_actor: bool
    has_draft: bool
    screen: str
    screen_visit_id: str | None
    status: str = TAG_ACTIVE
    is_key_shown: bool = False
    is_owner_at_work: bool = False
    may_be_new: bool = False
    needs_pin: bool = False
    has_pin: bool = False


@dataclass(frozen=True, slots=True)
class Scanned:
    """A driver's QR code under the scanner. `visits` are the open ones of its ticket code; the
    other fields are as for a tag."""

    visits: tuple[Visit, ...]
    has_actor: bool
    screen: str
    screen_visit_id: str | None
    is_key_shown: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`screen` is opened for `visit`, or else for `visit_id`, when the act has been done."""

    act: Act
    key: str | None = None
    tone: Tone | None = None
    visit: Visit | None = None
    screen: str | None = None
    drive: Drive | None = None
    visit_id: str | None = None


UNKNOWN = Decision(Act.SAY, "tap.unknown", "error")
_SEEN = Decision(Act.SEE_KEY, "tap.key_seen", "warn", screen="keys")
# No words: the keypad says it all, and they would lie over its last row.
_PIN_ASKED = Decision(Act.ASK_PIN, tone="ok", screen="unlock")
_NO_PIN = Decision(Act.SAY, "tap.no_pin", "warn")
BADGE_FIRST = Decision(Act.SAY, "tap.badge_first", "warn")


def decide(tapped: Tapped) -> Decision:
    """The rule. Never raises; what it decides is still checked when it is recorded."""
    if not tapped.is_confirmed:
        return Decision(Act.NOTHING)
    if tapped.has_owner and tapped.needs_pin:
        return _PIN_ASKED if tapped.has_pin else _NO_PIN
    if tapped.has_owner and tapped.is_owner_at_work and tapped.screen == "shift":
        return Decision(Act.SIGN_ON, "tap.at_work", "ok", screen="shift")
    if tapped.has_owner:
        return Decision(Act.SIGN_ON, "tap.signed_on", "ok")
    if tapped.kind is None:
        is_brought = tapped.may_be_new and tapped.has_actor and not tapped.is_booth
        return _SEEN if is_brought else UNKNOWN
    if tapped.status != TAG_ACTIVE:
        return _out_of_use(tapped)
    if tapped.kind not in (KEY_TAG, CLAIM_TAG):
        return Decision(Act.SAY, "tap.badge_unknown", "error")
    if not tapped.has_actor:
        return BADGE_FIRST
    if len(tapped.visits) > 1:
        return Decision(Act.SAY, "tap.tag_shared", "error", tapped.visits[0], "ticket")
    visit = tapped.visits[0] if tapped.visits else None
    if tapped.kind == CLAIM_TAG:
        return _free_claim(tapped) if visit is None else _claim(tapped, visit)
    if visit is None:
        return _free_key(tapped)
    return _key_at_booth(tapped, visit) if tapped.is_booth else _key_at_lot(tapped, visit)


def decide_scan(scanned: Scanned) -> Decision:
    """The rule for a driver's QR code: a proof where its car is being handed over, else a quick
    way to its ticket."""
    if not scanned.has_actor:
        return BADGE_FIRST
    if not scanned.visits:
        return Decision(Act.SAY, "problem.unknown_visit", "error")
    first = scanned.visits[0]
    if scanned.screen != "hand_over" or scanned.screen_visit_id is None:
        return Decision(Act.SAY, "tap.ticket", "ok", first, "ticket")
    for visit in scanned.visits:
        if visit.id == scanned.screen_visit_id:
            if not scanned.is_key_shown:
                return Decision(Act.SAY, "tap.key_first", "warn", visit, "hand_over")
            return Decision(Act.HAND_OVER, "tap.handed_over", "ok", visit, "queue")
    return _stopped("tap.code_other", scanned.screen_visit_id, first)


def _out_of_use(tapped: Tapped) -> Decision:
    is_lost = tapped.status == TAG_LOST
    if tapped.kind != KEY_TAG or not tapped.visits:
        return Decision(Act.SAY, "tap.lost" if is_lost else "tap.retired", "error")
    if not tapped.has_actor:
        return BADGE_FIRST
    key = "tap.lost_key" if is_lost else "tap.retired_key"
    return Decision(Act.SAY, key, "warn", tapped.visits[0], "ticket")


def _free_key(tapped: Tapped) -> Decision:
    if not tapped.is_booth:
        return _SEEN
    return Decision(Act.OPEN_DRAFT, "tap.new_visit", "ok", screen="receive")


def _free_claim(tapped: Tapped) -> Decision:
    # With a car waiting for its proof, a free tag is the wrong tag, whatever draft lies open.
    if tapped.has_draft and tapped.screen == RECEIVE_CHECK:
        return Decision(Act.RECEIVE, "tap.received", "ok", screen="ticket")
    if tapped.has_draft and tapped.screen != "hand_over":
        return Decision(Act.FILL_CLAIM, "tap.claim_noted", "ok", screen="receive")
    if tapped.screen == "hand_over" and tapped.screen_visit_id is not None:
        return _stopped("tap.claim_other", tapped.screen_visit_id)
    return Decision(Act.SAY, "tap.claim_free", "error")


def _claim(tapped: Tapped, visit: Visit) -> Decision:
    if tapped.screen in ("receive", RECEIVE_CHECK) and tapped.has_draft:
        return Decision(Act.SAY, "tap.claim_in_use", "error", visit)
    if tapped.screen == "hand_over":
        if visit.id == tapped.screen_visit_id:
            if not tapped.is_key_shown:
                return Decision(Act.SAY, "tap.key_first", "warn", visit, "hand_over")
            return Decision(Act.HAND_OVER, "tap.handed_over", "ok", visit, "queue")
        return _stopped("tap.claim_other", tapped.screen_visit_id)
    return Decision(Act.SAY, "tap.ticket", "ok", visit, "ticket")


def _stopped(key: str, screen_visit_id: str | None, other: Visit | None = None) -> Decision:
    """Somebody proved another car than the one that is being handed over: nothing goes on from
    here but anew, with its key, or with a supervisor."""
    if screen_visit_id is None:
        return Decision(Act.SAY, key, "error", other, "ticket" if other else None)
    return Decision(Act.SAY, key, "error", screen="stop", visit_id=screen_visit_id)


def _key_at_lot(tapped: Tapped, visit: Visit) -> Decision:
    # The key lies here, so the car came here: a fact, also where the story does not fit.
    if visit.conflicts:
        return Decision(Act.PARK, "tap.held", "warn", visit, "ticket")
    if visit.car != states.PARKED or visit.place_id != tapped.place_id:
        return Decision(Act.PARK, "tap.parked", "ok", visit, "park")
    drive = next_drive(visit, tapped.planned, is_booth=False, nearest_lot=None)
    if drive is None:
        return Decision(Act.SAY, "tap.not_asked", "warn", visit, "ticket")
    if visit.is_grounded:
        return Decision(Act.SAY, "tap.grounded", "error", visit, "ticket")
    return Decision(Act.TAKE, "tap.taken", "ok", visit, drive=drive)


def _key_at_booth(tapped: Tapped, visit: Visit) -> Decision:
    if visit.conflicts:
        return Decision(Act.READY, "tap.held", "warn", visit, "ticket")
    is_here = visit.place_id == tapped.place_id
    if is_here and visit.car == states.READY:
        return Decision(Act.SAY, "tap.hand_over", "ok", visit, "hand_over")
    if is_here and visit.car in states.RESTING and not _is_asked_here(tapped, visit):
        return _take_from_kerb(tapped, visit)
    is_staged = visit.car == states.TO_LOT and visit.destination_id == tapped.place_id
    if is_staged and not _is_asked_here(tapped, visit):
        return Decision(Act.PARK, "tap.staged", "ok", visit)
    if visit.request is not None and visit.request.booth_id != tapped.place_id:
        return Decision(Act.READY, "tap.ready_elsewhere", "warn", visit)
    return Decision(Act.READY, "tap.ready", "ok", visit)


def _is_asked_here(tapped: Tapped, visit: Visit) -> bool:
    return visit.request is not None and visit.request.booth_id == tapped.place_id


def _take_from_kerb(tapped: Tapped, visit: Visit) -> Decision:
    drive = next_drive(visit, tapped.planned, is_booth=True, nearest_lot=tapped.nearest_lot)
    if drive is None:
        return Decision(Act.SAY, "tap.no_lot", "error", visit, "ticket")
    if visit.is_grounded:
        return Decision(Act.SAY, "tap.grounded", "error", visit, "ticket")
    return Decision(Act.TAKE, "tap.taken", "ok", visit, drive=drive)
