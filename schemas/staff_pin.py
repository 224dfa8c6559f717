"""The six digits of somebody who works here: which are taken, and how they are kept.

What is kept, on both sides, is Argon2id (RFC 9106) in its usual text form, which names its own
costs: `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`. A million PINs can be tried by whoever holds
that text, so both sides seal it besides, see `server.sign_in.pins` and
`reader_agent.sign_in.pin_box`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import Type
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

PINS_PATH: Final = "/v1/pins"
PIN_LENGTH: Final = 6

NEW_HERE, FORGOTTEN, SEEN = "new_here", "forgotten", "seen"
REASONS: Final = (NEW_HERE, FORGOTTEN, SEEN)
"""Why a supervisor gives somebody a PIN to begin with."""

_IS_PIN = re.compile(r"[0-9]{6}")
_RUNS: Final = ("0123456789012345", "9876543210987654")
# Lines and corners of a keypad of three by three.
_SHAPES: Final = ("147258369", "963852741", "159357", "159753", "951753", "357159", "741852963")
_MEMORY_KIB_MAX, _PASSES_MAX, _LANES_MAX = 1_048_576, 20, 16
_TEXT_MAX = 256


@dataclass(frozen=True, slots=True)
class PinCost:
    """What one guess costs: memory in KiB, passes over it, and lanes at once. The defaults are the
    second recommendation of RFC 9106 (section 4), for where memory is scarce."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4


def is_pin(text: str) -> bool:
    """Whether the text is six digits."""
    return _IS_PIN.fullmatch(text) is not None


def is_weak(pin: str) -> bool:
    """Whether six digits are among those that people try first: one digit, two or three again
    and again, a run, a line of the keypad, a pair of years, or a day as it is written anywhere."""
    is_again = pin in (pin[:1] * 6, pin[:2] * 3, pin[:3] * 2)
    is_pairs = pin[0] == pin[1] and pin[2] == pin[3] and pin[4] == pin[5]
    is_line = any(pin in line for line in (*_RUNS, *_SHAPES))
    return is_again or is_pairs or is_line or _is_mirror(pin) or _is_day(pin)


def random_pin() -> str:
    """Six digits that nobody would try first."""
    while True:
        pin = f"{secrets.randbelow(10**PIN_LENGTH):06}"
        if not is_weak(pin):
            return pin


def hash_pin(pin: str, cost: PinCost) -> str:
    """What is kept of a PIN. Takes as long as it costs."""
    return _hasher(cost).hash(pin)


def is_pin_of(verifier: str, pin: str) -> bool:
    """Whether the text was made of this PIN. Takes as long as the text says that it costs."""
    try:
        return is_pin(pin) and PasswordHasher().verify(verifier, pin)
    except (Argon2Error, InvalidHashError):
        return False


def check_verifier(text: str) -> None:
    """Raises `ValidationError` for what is no Argon2id, or would cost more than a station has."""
    try:
        found = extract_parameters(text)
    except InvalidHashError:
        raise ValidationError("no Argon2id") from None
    fits = (
        len(text) <= _TEXT_MAX
        and found.type is Type.ID
        and found.memory_cost <= _MEMORY_KIB_MAX
        and found.time_cost <= _PASSES_MAX
        and found.parallelism <= _LANES_MAX
    )
    if not fits:
        raise ValidationError("an Argon2id of other costs than are taken here")


class PinDocSchema(Schema):
    """What the cloud tells a station of somebody's PIN. `verifier` is None where there is none.

    `since`: when it became this one; `is_temporary`: to be changed when it is first used;
    `is_locked`: it opens nothing for now; `unlocked_at`: wrong tries before this are forgiven.
    """

    class Meta:
        unknown = EXCLUDE

    verifier = fields.String(required=True, allow_none=True, validate=check_verifier)
    since = fields.AwareDateTime(required=True, allow_none=True, format="iso")
    is_temporary = fields.Boolean(required=True)
    is_locked = fields.Boolean(required=True)
    unlocked_at = fields.AwareDateTime(required=True, allow_none=True, format="iso")


class PinChangeSchema(Schema):
    """A PIN that was chosen or given at a station, as it is told to the cloud, once or again.

    `by`: who chose it, the person or a supervisor, who had a reason.
    """

    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f-]{36}\Z"))
    person_id = fields.String(required=True, validate=validate.Length(1, 39))
    verifier = fields.String(required=True, validate=check_verifier)
    is_temporary = fields.Boolean(required=True)
    by = fields.String(required=True, validate=validate.Length(1, 39))
    reason = fields.String(required=True, allow_none=True, validate=validate.OneOf(REASONS))
    at = fields.AwareDateTime(required=True, format="iso")


def read_pin_doc(body: Any) -> dict[str, Any]:
    """The cloud's word on a PIN, checked and JSON-ready. Raises `ValidationError`."""
    loaded = PinDocSchema().load(body)
    doc: dict[str, Any] = PinDocSchema().dump(loaded)
    return doc


def _hasher(cost: PinCost) -> PasswordHasher:
    return PasswordHasher(
        time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes
    )


def _is_mirror(pin: str) -> bool:
    return pin == pin[::-1] and len(set(pin)) <= 2


def _is_day(pin: str) -> bool:
    """A day of any year, as day, month and year in the orders that are used, or two years."""
    first, second, third = int(pin[:2]), int(pin[2:4]), int(pin[4:])
    orders = ((first, second, third), (second, first, third), (third, second, first))
    if any(_exists(day, month, year) for day, month, year in orders):
        return True
    # A month with its year: 081990, 199008.
    return any(
        year[:2] in ("19", "20") and 1 <= int(month) <= 12
        for year, month in ((pin[2:], pin[:2]), (pin[:4], pin[4:]))
    )


def _exists(day: int, month: int, year: int) -> bool:
    try:
        # A leap year where the two digits could mean one.
        date(2000 if year % 4 == 0 else 2001, month, day)
    except ValueError:
        return False
    return True
