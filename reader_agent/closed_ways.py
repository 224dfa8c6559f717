"""The closures that the cloud has told with each place, and which of them hold now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE

from schemas.closing_ways import shut_until
from schemas.district import Closure, ClosureSchema
from schemas.hours import PANAMA

# A newer cloud may say more than this agent understands.
_SCHEMA = ClosureSchema(unknown=EXCLUDE, many=True)


@dataclass(frozen=True, slots=True)
class Shut:
    """A closure that holds: what it is called, where, and until when."""

    name: str
    place_id: str | None
    leg: tuple[str, str] | None
    until_at: datetime

    def stops(self, origin: str, destination: str) -> bool:
        """Whether no car can be driven that way."""
        return self.leg == (origin, destination) or self.place_id in (origin, destination)


def check_closures(told: Any) -> list[dict[str, Any]]:
    """What the cloud told, in the form that is stored. Raises marshmallow's `ValidationError`."""
    return documents_of(_SCHEMA.load([] if told is None else told))


def documents_of(closures: Iterable[Closure]) -> list[dict[str, Any]]:
    """Closures as JSON has them."""
    return [
        {
            **asdict(each),
            "from_at": None if each.from_at is None else each.from_at.isoformat(),
            "until_at": None if each.until_at is None else each.until_at.isoformat(),
            "weekdays": list(each.weekdays),
        }
        for each in closures
    ]


def closures_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Closure, ...]:
    """The closures of stored documents."""
    return tuple(_SCHEMA.load(list(documents)))


def shut_now(closures: Iterable[Closure], now: datetime) -> Sequence[Shut]:
    """Those that hold, each once, the first to open first."""
    local = now.astimezone(PANAMA)
    found = {}
    for each in closures:
        until_at = shut_until(each, local)
        if until_at is not None:
            ends = each.from_place_id, each.to_place_id
            leg = None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
            found[each.id] = Shut(each.name, each.place_id, leg, until_at)
    return sorted(found.values(), key=lambda shut: (shut.until_at, shut.name))
