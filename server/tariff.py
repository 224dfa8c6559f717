"""What a stay costs, with the arithmetic that the driver can follow.

Panama's consumer law (Ley 45 of 2007, art. 56): the price is by the minute, without fractions and
without rounding up. So whole minutes are counted down, and so are cents. Time stops where the
driver asked for the car, or for when: our own delay costs the driver nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Config
from server.models import TariffRow

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices in cents before the tax; `most_cents` 0 for no end."""

    flat_cents: int
    minute_cents: int
    free_min: int
    most_cents: int
    tax_percent: int

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged at all."""
        return self.flat_cents == 0 and self.minute_cents == 0


@dataclass(frozen=True, slots=True)
class Bill:
    """The sum and how it came about. `is_over`: time has stopped at `ended_at`.

    `price_cents` is `flat_cents` + `charged_min` × `minute_cents`, but `most_cents` at most.
    """

    tariff: Tariff
    begun_at: datetime
    ended_at: datetime
    is_over: bool
    stay_min: int
    charged_min: int
    time_cents: int
    price_cents: int
    tax_cents: int

    @property
    def total_cents(self) -> int:
        """Price and tax."""
        return self.price_cents + self.tax_cents

    @property
    def is_most(self) -> bool:
        """Whether the stay would cost more, and does not."""
        return 0 < self.price_cents < self.tariff.flat_cents + self.time_cents


def tariff_at(session: Session, config: Config, received_at: datetime) -> Tariff:
    """The tariff of a car that was received then: the version that was in force, or what the
    settings say before there was one. Later versions do not change it."""
    row = session.scalar(
        select(TariffRow)
        .where(TariffRow.valid_from <= received_at, TariffRow.withdrawn_at.is_(None))
        .order_by(TariffRow.valid_from.desc())
        .limit(1)
    )
    if row is None:
        return tariff_of(config)
    return Tariff(row.flat_cents, row.minute_cents, row.free_min, row.most_cents, row.tax_percent)


def tariff_of(config: Config) -> Tariff:
    """The tariff that the settings name, for a district without a version of its own."""
    return Tariff(
        config.tariff_flat_cents,
        config.tariff_minute_cents,
        config.tariff_free_min,
        config.tariff_most_cents,
        config.tariff_tax_percent,
    )


def ended_at(
    now: datetime,
    *,
    asked_at: datetime | None,
    wanted_at: datetime | None,
    handed_over_at: datetime | None,
) -> tuple[datetime, bool]:
    """Where time stops, and whether it has: at the request or the time that it was for, at the
    hand-over if that is earlier, else it runs until now."""
    stops = [at for at in (handed_over_at, wanted_at or asked_at) if at is not None]
    if not stops or min(stops) > now:
        return now, False
    return min(stops), True


def bill(tariff: Tariff, begun_at: datetime, until: datetime, *, is_over: bool) -> Bill:
    """The bill of a stay from `begun_at` until then."""
    stay_min = max((until - begun_at) // _MINUTE, 0)
    charged_min = max(stay_min - tariff.free_min, 0)
    time_cents = charged_min * tariff.minute_cents
    price_cents = tariff.flat_cents + time_cents if stay_min > tariff.free_min else 0
    if tariff.most_cents:
        price_cents = min(price_cents, tariff.most_cents)
    return Bill(
        tariff=tariff,
        begun_at=begun_at,
        ended_at=until,
        is_over=is_over,
        stay_min=stay_min,
        charged_min=charged_min,
        time_cents=time_cents,
        price_cents=price_cents,
        tax_cents=price_cents * tariff.tax_percent // 100,
    )


def money(cents: int) -> str:
    """An amount as people in Panama write it: `B/. 3.45`."""
    return f"B/.\u00a0{plain_money(cents)}"


def plain_money(cents: int) -> str:
    """An amount without its sign: `3.45`."""
    return f"{cents // 100}.{cents % 100:02d}"
