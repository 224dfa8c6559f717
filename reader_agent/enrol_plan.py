"""What a station is about to enrol, and how far it has come with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TAP, CHECK, KEYS, TORN, PLAIN, DONE = "tap", "check", "keys", "torn", "plain", "done"
STEPS: Final = (TAP, CHECK, KEYS, TORN, PLAIN, DONE)

ENROLL_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "enroll.done": ("label",),
    "enroll.done_secure": ("label",),
    "enroll.keep": (),
    "enroll.wait": (),
    "enroll.choose": (),
    "enroll.known_key": ("label",),
    "enroll.known_claim": ("label",),
    "enroll.known_badge": ("label",),
}
"""Every catalog key that is said of a tag being enrolled, with the names of its values."""


@dataclass(frozen=True, slots=True)
class EnrolPlan:
    """What the next tag becomes. `is_radio`: a UHF tag for the keys, which are told apart because
    they answer from metres away. `gives_keys`: a claim card that can take our keys gets them."""

    kind: str
    label: str
    person_id: str | None = None
    is_radio: bool = False
    gives_keys: bool = True


@dataclass(frozen=True, slots=True)
class EnrolView:
    """What the screen shows. `step`: `tap` waits for a tag; `check` and `keys` are busy with the
    card on the reader; `torn`: it was taken away too early; `plain`: it could not be given keys
    and may be enrolled without; `done`: one was enrolled, and the next needs a choice.

    `why`: the problem code of `torn` and `plain`. `last`: labels enrolled lately, newest first."""

    plan: EnrolPlan
    step: str
    why: str | None
    last: tuple[str, ...]
    person: str | None
