"""The rows of one car as its driver's page is made from them, without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import server
from schemas import states
from schemas.catalog import Catalog
from server.driver.page import Page, make_page
from server.driver.reader import Reader
from server.driver.stay import Stay
from server.models import MoveRow, PlaceRow, PromiseRow, RequestRow, VisitRow
from server.tariff import Bill

CATALOG = Catalog(Path(server.__file__).parent / "translations", "driver")
PANAMA = ZoneInfo("America/Panama")
# 10:00 p. m. in Panama.
TEN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def place(place_id: str, name: str, kind: str = "booth") -> PlaceRow:
    return PlaceRow(id=place_id, kind=kind, name=name, is_open=True, x_m=0, y_m=0)


PLACES = {
    "herrera": place("herrera", "Plaza Herrera"),
    "bolivar": place("bolivar", "Plaza Bolívar"),
    "norte": place("norte", "Lote Norte", "lot"),
}


@dataclass
class Car:
    """The rows of a car that was received at Herrera an hour ago."""

    visit: VisitRow = field(
        default_factory=lambda: VisitRow(
            id="v",
            code="H-0427",
            state=states.AT_BOOTH,
            car=states.AT_BOOTH,
            is_open=True,
            tag_shared=False,
            booth_id="herrera",
            place_id="herrera",
            received_at=TEN - minutes(60),
        )
    )
    request: RequestRow | None = None
    promise: PromiseRow | None = None
    moves: list[MoveRow] = field(default_factory=list)
    place_in_line: int | None = None
    plate: str | None = "AB1234"
    open_booths: tuple[str, ...] = ("bolivar", "herrera")
    bill: Bill | None = None
    called_at: datetime | None = None
    taken_back_at: datetime | None = None

    def at(self, car: str, place_id: str | None = None) -> Car:
        self.visit.car = car
        asked = self.request is not None and car in states.RESTING
        self.visit.state = states.REQUESTED if asked else car
        self.visit.place_id = place_id or self.visit.place_id
        return self

    def parked(self) -> Car:
        self.visit.parked_at = TEN - minutes(50)
        self.moves.append(drive(states.PARK, "norte", TEN - minutes(55), TEN - minutes(50)))
        return self.at(states.PARKED, "norte")

    def asked(self, booth_id: str = "bolivar", wanted_at: datetime | None = None) -> Car:
        self.request = RequestRow(
            event_id="r",
            visit_id="v",
            booth_id=booth_id,
            wanted_at=wanted_at,
            made_at=TEN - minutes(2),
            source="driver",
            status="open",
        )
        self.place_in_line = 3
        return self.at(self.visit.car)

    def promised(self, start: float = 8, end: float = 14, reason: str = "first") -> Car:
        self.promise = PromiseRow(
            ready_from=TEN + minutes(start), ready_by=TEN + minutes(end), reason=reason
        )
        return self

    def coming(self) -> Car:
        self.moves.append(drive(states.RETRIEVE, "bolivar", TEN - minutes(1), None))
        self.place_in_line = None
        return self.at(states.TO_BOOTH)

    def ready(self) -> Car:
        self.moves[-1].done_at = self.visit.ready_at = TEN - minutes(0.5)
        return self.at(states.READY, "bolivar")

    def handed_over(self) -> Car:
        assert self.request is not None
        self.request.status = "done"
        self.visit.handed_over_at, self.visit.is_open = TEN, False
        return self.at(states.HANDED_OVER)

    def held(self) -> Car:
        self.visit.state = states.HELD
        return self

    def page(self, language: str = "es", now: datetime = TEN, *, by_tap: bool = False) -> Page:
        is_ready = self.visit.shown_state == states.READY
        stay = Stay(
            visit=self.visit,
            request=self.request,
            promise=self.promise,
            moves=self.moves,
            places=PLACES,
            open_booths=[PLACES[booth] for booth in self.open_booths],
            place_in_line=self.place_in_line,
            plate=self.plate,
            code="4821" if is_ready and not by_tap else None,
            zone=PANAMA,
            by_tap=by_tap,
            bill=self.bill,
            called_at=self.called_at,
            taken_back_at=self.taken_back_at,
        )
        return make_page(stay, Reader(CATALOG, language, now, 24 * 3600))


def drive(kind: str, to: str, taken_at: datetime, done_at: datetime | None) -> MoveRow:
    return MoveRow(
        kind=kind,
        state="taken" if done_at is None else "done",
        from_place_id="herrera",
        to_place_id=to,
        taken_at=taken_at,
        done_at=done_at,
    )


def plain(text: str | None) -> str | None:
    return None if text is None else text.replace("\u00a0", " ")
