"""The tariff's versions. One that has come into force is never changed: a new one follows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from schemas.catalog import LANGUAGES
from schemas.ids import uuid7
from schemas.problems import Refusal
from server.administration.record import (
    CREATED,
    TARIFF,
    WITHDRAWN,
    Act,
    BadForm,
    Subject,
    Values,
    note,
)
from server.district import next_version
from server.models import PlaceRow, TariffRow
from server.tariff import plain_money

PRICES = ("flat_cents", "minute_cents", "free_min", "most_cents", "tax_percent")
_MOST = {"free_min": 1440, "tax_percent": 100}
_CENTS_MAX = 1_000_000
_POSTED_CHARS = (20, 1500)
# Everybody sees the board before it counts; and a clock that is a little off cannot reach back.
EARLIEST = timedelta(minutes=1)
LATEST = timedelta(days=400)


def values_of(row: TariffRow) -> dict[str, Any]:
    """A version as JSON has it."""
    return {
        "valid_from": row.valid_from.astimezone(UTC).isoformat(),
        **{name: getattr(row, name) for name in PRICES},
        **{f"posted_{language}": row.posted.get(language, "") for language in LANGUAGES},
    }


def add(session: Session, typed: Values, valid_from: datetime | None, act: Act) -> str:
    """A new version, from a time on or (None) as soon as may be; its id.

    Raises `BadForm` for a price that cannot be, for wording that does not name every price, and
    for a time in the past or that another version has: what was received before keeps its price.
    """
    version = next_version(session)
    starts = act.now + EARLIEST if valid_from is None else valid_from.astimezone(UTC)
    _check_prices(typed)
    _check_wording(typed)
    if not act.now + EARLIEST <= starts <= act.now + LATEST:
        raise BadForm(("valid_from",), code="tariff_too_early")
    if _at(session, starts) is not None:
        raise BadForm(("valid_from",), code="tariff_time_taken")
    row = TariffRow(
        id=uuid7(act.now),
        valid_from=starts,
        posted={language: _tidy(typed[f"posted_{language}"]) for language in LANGUAGES},
        **{name: typed[name] for name in PRICES},
    )
    session.add(row)
    note(session, act, _subject(row), CREATED, None, values_of(row))
    _tell_stations(session, version)
    return row.id


def withdraw(session: Session, tariff_id: str, act: Act) -> None:
    """Take back a version that has not come into force. Raises `Refusal` `unknown_tariff`,
    `tariff_in_force`."""
    version = next_version(session)
    row = session.get(TariffRow, tariff_id)
    if row is None:
        raise Refusal("unknown_tariff")
    if row.withdrawn_at is not None:
        return
    if row.valid_from <= act.now:
        raise Refusal("tariff_in_force")
    row.withdrawn_at = act.now
    note(session, act, _subject(row), WITHDRAWN, {"is_archived": False}, {"is_archived": True})
    _tell_stations(session, version)


def _charged(prices: Mapping[str, int]) -> list[str]:
    """What the wording has to name, as it is written: every price that is charged."""
    return [
        plain_money(prices[name])
        for name in ("flat_cents", "minute_cents", "most_cents")
        if prices[name]
    ]


def _check_prices(typed: Values) -> None:
    wrong = [
        name
        for name in PRICES
        if not isinstance(typed.get(name), int)
        or not 0 <= typed[name] <= _MOST.get(name, _CENTS_MAX)
    ]
    if wrong:
        raise BadForm(wrong)


def _check_wording(typed: Values) -> None:
    """The law wants the price posted as it is charged: by the minute, and in figures."""
    amounts = _charged(typed)
    wrong = [
        name
        for name in (f"posted_{language}" for language in LANGUAGES)
        if not _POSTED_CHARS[0] <= len(_tidy(typed.get(name, ""))) <= _POSTED_CHARS[1]
        or not _names_all(typed[name], amounts)
    ]
    if wrong:
        raise BadForm(wrong)


def _names_all(text: str, amounts: Iterable[str]) -> bool:
    # An amount is no part of a longer one: 0.05 is not named by 10.05 or 0.055.
    marked = "".join(char if char.isdigit() or char == "." else " " for char in text)
    words = {word.strip(".") for word in marked.split()}
    return all(amount in words for amount in amounts)


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.replace("\r\n", "\n").split("\n"))
    return "\n".join(lines).strip()


def _at(session: Session, at: datetime) -> TariffRow | None:
    taken = (TariffRow.valid_from == at, TariffRow.withdrawn_at.is_(None))
    return session.scalar(select(TariffRow).where(*taken))


def _subject(row: TariffRow) -> Subject:
    return Subject(TARIFF, row.id, row.valid_from.astimezone(UTC).isoformat(timespec="minutes"))


def _tell_stations(session: Session, version: int) -> None:
    """The wording goes with the places, which every station holds."""
    session.flush()
    session.execute(update(PlaceRow).values(version=version))
