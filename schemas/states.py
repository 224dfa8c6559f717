"""The state machines of a visit, the same tables on both sides of the wire.

The car machine holds what the physical world can do. What it cannot do is not thrown
away: the visit is `held` until a person has decided (see `schemas.visit`). Whether the
driver has asked for the car is a fact beside the machine, because it may come at any
time; a car at rest that has been asked for is shown as `requested`.
"""

from __future__ import annotations

AT_BOOTH = "at_booth"
TO_LOT = "to_lot"
PARKED = "parked"
TO_BOOTH = "to_booth"
READY = "ready"
REPARKING = "reparking"
HANDED_OVER = "handed_over"
REQUESTED = "requested"
HELD = "held"

CAR_STATES = (
    AT_BOOTH,
    TO_LOT,
    PARKED,
    REQUESTED,
    TO_BOOTH,
    READY,
    REPARKING,
    HANDED_OVER,
    HELD,
)
RESTING = frozenset({AT_BOOTH, PARKED})

PARK = "park"
RETRIEVE = "retrieve"
RELOCATE = "relocate"
MOVE_KINDS = (PARK, RETRIEVE, RELOCATE)

TAKEN_TO_PARK = "car.taken/park"
TAKEN_TO_RETRIEVE = "car.taken/retrieve"
TAKEN_TO_RELOCATE = "car.taken/relocate"
CAR_PARKED = "car.parked"
CAR_READY = "car.ready"
CAR_HANDED_OVER = "visit.handed_over"

# A lot or a booth may report before the station that the car came from, and people forget to
# tap when they drive off: a drive that is missing is allowed where the later tap proves it.
CAR: dict[str, dict[str, str]] = {
    AT_BOOTH: {
        TAKEN_TO_PARK: TO_LOT,
        TAKEN_TO_RETRIEVE: TO_BOOTH,
        CAR_PARKED: PARKED,
        CAR_READY: READY,
    },
    TO_LOT: {CAR_PARKED: PARKED, CAR_READY: READY},
    PARKED: {
        TAKEN_TO_RETRIEVE: TO_BOOTH,
        TAKEN_TO_RELOCATE: TO_LOT,
        CAR_PARKED: PARKED,
        CAR_READY: READY,
    },
    TO_BOOTH: {CAR_READY: READY, CAR_PARKED: PARKED},
    READY: {
        CAR_HANDED_OVER: HANDED_OVER,
        TAKEN_TO_PARK: REPARKING,
        TAKEN_TO_RETRIEVE: TO_BOOTH,
        CAR_READY: READY,
        CAR_PARKED: PARKED,
    },
    REPARKING: {CAR_PARKED: PARKED, CAR_READY: READY},
    HANDED_OVER: {},
}

GUEST = "guest"
HOOK = "hook"
PERSON = "person"

# Who holds the key after an event: the guest, a hook at the event's place, or its actor.
KEY_HOLDER_AFTER: dict[str, str] = {
    "visit.received": HOOK,
    "car.taken": PERSON,
    "car.parked": HOOK,
    "car.ready": HOOK,
    "visit.handed_over": GUEST,
}

UNDOABLE = frozenset({"car.taken", CAR_PARKED, CAR_READY})
"""What was said of a car by mistake can be taken back for a while: it moved nothing else."""

PROOF_CODE = "code"
PROOF_CLAIM_TAG = "claim_tag"
PROOF_SUPERVISOR = "supervisor"
PROOFS = (PROOF_CODE, PROOF_CLAIM_TAG, PROOF_SUPERVISOR)

DELAY_REASONS = ("traffic", "blocked", "rain", "car", "staff")
"""Why a car comes later than was promised: what a person at a booth or lot can say."""

ALONE_REASONS = ("only_one", "others_left", "emergency")
"""Why one person alone closes a place at the end of a shift."""

LOST_CLAIM = "lost_claim"
LOST_KEY = "lost_key"
DAMAGE = "damage"
WRONG_CAR = "wrong_car"
DO_NOT_DRIVE = "do_not_drive"
ACCIDENT = "accident"
INCIDENTS = (LOST_CLAIM, LOST_KEY, DAMAGE, WRONG_CAR, DO_NOT_DRIVE, ACCIDENT)

GROUNDING = frozenset({DO_NOT_DRIVE, ACCIDENT})
"""While one of these is open nobody may drive the car off; that somebody did is a fact still."""
