"""What administrators change, in words: for the list of changes, and beside a form's fields."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from schemas.catalog import LANGUAGES
from server.administration import closures, people, places, record, tariffs
from server.manager.viewer import Viewer
from server.tariff import money

_NONE = "–"
_MOMENTS = ("from_at", "until_at", "valid_from")
_PLACES = ("place_id", "from_place_id", "to_place_id", "booth_id", "lot_id")
_WEEK = range(7)
_ORDER = (
    *people.EDITED,
    *places.EDITED[1:],
    *closures.EDITED[1:],
    "valid_from",
    *tariffs.PRICES,
    *(f"posted_{language}" for language in LANGUAGES),
)


def in_words(view: Viewer, name: str, value: Any) -> str:
    """A value of a field as a person reads it."""
    if name == "licences" and value is None:
        return view.t("manage.admin.licence.all")
    if name == "hours":
        return hours_in_words(view, value)
    if value is None or value in ("", []):
        return _NONE
    if name == "kind":
        return view.t(f"manage.tags.kinds.{value}")
    if name == "status":
        return view.t(f"manage.tags.status.{value}")
    if isinstance(value, bool):
        return view.t("manage.admin.yes" if value else "manage.admin.no")
    if name.endswith("_cents"):
        return money(value)
    if name in _MOMENTS:
        return view.moment(datetime.fromisoformat(value))
    if name == "licence_until":
        return view.short_date(date.fromisoformat(value))
    if name in _PLACES:
        return view.place(value)
    return _list_in_words(view, name, value) if isinstance(value, list) else str(value)


def in_order(names: Iterable[str]) -> list[str]:
    """Names of fields in the order in which forms have them."""
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else -1, name))


def subject_in_words(view: Viewer, kind: str, subject: str) -> str:
    """What was changed, by the name that people know it by."""
    if kind == record.TARIFF:
        return in_words(view, "valid_from", subject)
    prefix = {record.TEXT: "manage.admin.texts.of.", record.REPORT: "manage.report."}.get(kind)
    return view.t(f"{prefix}{subject}") if prefix else subject


def days_in_words(view: Viewer, days: Collection[int]) -> str:
    """`lun mar mié`, or that it is every day."""
    if len(set(days)) == len(_WEEK):
        return view.t("manage.admin.every_day")
    return " ".join(view.t(f"manage.admin.day.{day}") for day in sorted(days))


def hours_in_words(view: Viewer, hours: Collection[Mapping[str, Any]]) -> str:
    """`vie sáb 18:00–02:00`, a part for each row; or that it is always open."""
    if not hours:
        return view.t("manage.admin.always")
    return "; ".join(f"{days_in_words(view, each['weekdays'])} {_times(each)}" for each in hours)


def _list_in_words(view: Viewer, name: str, value: list[Any]) -> str:
    if name == "weekdays":
        return days_in_words(view, value)
    if name == "breaks":
        return ", ".join(_times(each) for each in value)
    if name == "rows":
        return " / ".join(" ".join(stalls) for stalls in value)
    prefix = {"roles": "manage.admin.role.", "licences": "manage.admin.licence."}.get(name)
    return ", ".join(view.t(f"{prefix}{each}") if prefix else str(each) for each in value)


def _times(each: Mapping[str, Any]) -> str:
    return f"{each['from_time']}–{each['until_time']}"
