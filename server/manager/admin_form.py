"""What was typed into an administrator's form, and the form as it is shown again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from server.administration.record import BadForm, Stale, Values, edition_of

_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,7})(?:[.,]([0-9]{2}))?", re.ASCII)
_REASON_CHARS = 300
# Rows of a list that a form shows empty, for more.
SPARE_ROWS = 2
ROWS_MAX = 20


class Typed(Protocol):
    """The fields of a form that was sent."""

    def get(self, name: str, default: str, /) -> str: ...
    def getlist(self, name: str, /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A form: its values as JSON has them, and the edition that they were made from.

    After a refusal: `code` why, `faults` the fields that have to be looked at, `current` what
    the fields are by now where somebody else has changed them.
    """

    values: Values
    edition: str = ""
    reason: str = ""
    code: str = ""
    faults: frozenset[str] = frozenset()
    current: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status to show it with."""
        return 200 if not self.code else 409 if self.current else 422


def fresh(values: Values) -> Draft:
    """A form that nobody has touched."""
    return Draft(values, edition_of(values))


def attempt(draft: Draft, work: Callable[[], object]) -> Draft | None:
    """Do what a form asks for; the form to show again if it cannot be done.

    One that is stale gets the new edition: who sends it again has seen both values.
    """
    try:
        work()
    except BadForm as bad:
        return replace(draft, code=bad.code, faults=bad.fields)
    except Stale as stale:
        differing = {
            name: value for name, value in stale.current.items() if draft.values.get(name) != value
        }
        if not differing:
            # Sent twice, or two people meant the same.
            return None
        edition = edition_of(stale.current)
        return replace(draft, code=stale.code, edition=edition, current=differing)
    return None


def sent(form: Typed, values: Values) -> Draft:
    """The form as it was sent, with what it says in `values`."""
    edition = form.get("edition", "")[:40]
    return Draft(values, edition, form.get("reason", "")[:_REASON_CHARS])


def text(form: Typed, name: str) -> str:
    """A line of text without needless spaces."""
    return " ".join(form.get(name, "").split())


def text_or_none(form: Typed, name: str) -> str | None:
    """The same; None for an empty line."""
    return text(form, name) or None


def whole(form: Typed, name: str) -> int | str:
    """A whole number; what is none stays as it was typed, and is refused later."""
    typed = form.get(name, "").strip()
    return int(typed) if _WHOLE.fullmatch(typed) else typed


def cents(form: Typed, name: str) -> int | str:
    """An amount such as `0.05` in cents; what is none stays as it was typed."""
    typed = form.get(name, "").strip()
    found = _AMOUNT.fullmatch(typed)
    return int(found[1]) * 100 + int(found[2] or 0) if found else typed


def weekdays(form: Typed, name: str) -> list[int]:
    """The weekdays that were ticked, 0 for Monday."""
    return sorted({int(day) for day in form.getlist(name) if day in "0123456" and len(day) == 1})


def hours(form: Typed) -> list[dict[str, Any]]:
    """The rows of opening hours that say anything."""
    rows = [
        {
            "weekdays": weekdays(form, f"hours-{number}-days"),
            "from_time": form.get(f"hours-{number}-from", "").strip(),
            "until_time": form.get(f"hours-{number}-until", "").strip(),
        }
        for number in range(ROWS_MAX)
    ]
    return [row for row in rows if any(row.values())]


def breaks(form: Typed) -> list[dict[str, str]]:
    """The rows of breaks that say anything."""
    rows = [
        {
            "from_time": form.get(f"break-{number}-from", "").strip(),
            "until_time": form.get(f"break-{number}-until", "").strip(),
        }
        for number in range(ROWS_MAX)
    ]
    return [row for row in rows if any(row.values())]


def rows(form: Typed) -> list[list[str]]:
    """Rows of stalls: a line each, the stalls parted by spaces or commas."""
    lines = form.get("rows", "").splitlines()
    return [stalls for line in lines if (stalls := line.replace(",", " ").split())]


def moment(form: Typed, name: str, zone: ZoneInfo) -> str | None:
    """A local date and time (`2026-11-29T06:00`) as an instant for JSON; what is none stays as it
    was typed."""
    typed = form.get(name, "").strip()
    if not typed:
        return None
    try:
        return (
            datetime.fromisoformat(typed)
            .replace(tzinfo=zone)
            .astimezone(ZoneInfo("UTC"))
            .isoformat()
        )
    except (ValueError, OverflowError):
        return typed


def local(value: str | None, zone: ZoneInfo) -> str:
    """An instant of JSON as a field of a form shows it."""
    if not value:
        return ""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at.tzinfo else value


def amount(value: object) -> str:
    """Cents as a field shows them: `0.05`; anything else as it was typed."""
    if not isinstance(value, int):
        return str(value)
    return f"{value // 100}.{value % 100:02d}"
