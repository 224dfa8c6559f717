"""What the driver reads, as a frozen value: a pure function of the rows, a language and now."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import states
from schemas.driver_qr import encode
from server.delays import BY_STAFF
from server.driver.after import After, make_after
from server.driver.asking import Ask, make_ask
from server.driver.reader import Reader
from server.driver.stay import Stay
from server.local_time import clock_text, window_text
from server.models import MoveRow, PromiseRow, RequestRow
from server.promises import is_moved
from server.tariff import Bill, money
from server.visits import OPEN

# How the page is coloured; the words say the same.
CALM, ASKED, COMING, READY, LATE_TONE, HELD, OVER = (
    "calm",
    "asked",
    "coming",
    "ready",
    "late",
    "held",
    "over",
)
_REFRESH_S = {CALM: 120, OVER: 0}
_REFRESH_S_WAITING = 30
_SOON_MIN = 90
# Why a window is another one than at first, as far as the driver is told.
_REASONS = (
    *("late", "closure", "changed"),
    *(f"{BY_STAFF}{reason}" for reason in states.DELAY_REASONS),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the stay; `time` is None while it lies ahead."""

    text: str
    time: str | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the car will be there: a label, the promised window, and roughly how long."""

    label: str
    window: str | None
    soon: str | None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """What the stay costs so far, how that came about, and what of it was paid."""

    label: str
    total: str
    how: str
    paid: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page but the time at which it was made."""

    language: str
    code: str
    plate_tail: str | None
    tone: str
    headline: str
    detail: str | None
    arrival: Arrival | None
    line: str | None
    handover_code: str | None
    handover_qr: str | None
    card_help: str | None
    steps: tuple[Step, ...]
    ask: Ask | None
    can_cancel: bool
    refresh_s: int
    photos: str | None = None
    received_by: str | None = None
    bill: Sum | None = None
    after: After | None = None
    is_shared: bool = False

    @property
    def tag(self) -> str:
        """A short digest: the same as long as the driver would read the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:24]


def make_page(
    stay: Stay,
    reader: Reader,
    chosen: tuple[str, str] | None = None,
    claim_window_s: int = 0,
) -> Page:
    """The page of a stay. `chosen`: booth and time of a form that came back with a refusal."""
    tone = _tone(stay, reader.now)
    may_change = _may_still_change(stay, tone) and not stay.is_shared
    is_asked = _is_asked(stay)
    headline, detail = _headline(stay, tone, reader)
    return Page(
        language=reader.language,
        code=stay.visit.code,
        plate_tail=None if stay.plate is None else stay.plate[-3:],
        tone=tone,
        headline=headline,
        detail=detail,
        arrival=_arrival(stay, tone, reader),
        line=None if tone == HELD else _line(stay, reader),
        handover_code=stay.code,
        handover_qr=None if stay.code is None else encode(stay.visit.code, stay.code),
        card_help=reader.say("card.help") if stay.by_tap and tone == READY else None,
        steps=_steps(stay, reader),
        ask=make_ask(stay, reader, chosen, is_open=is_asked) if may_change else None,
        can_cancel=may_change and is_asked,
        refresh_s=_REFRESH_S.get(tone, _REFRESH_S_WAITING),
        photos=reader.say("photos.link", count=stay.photo_count) if stay.photo_count else None,
        received_by=None
        if stay.received_badge is None
        else reader.say("received_by", badge=stay.received_badge),
        bill=None if stay.bill is None else _sum(stay.bill, stay.paid_cents, reader),
        after=None if stay.is_shared else make_after(stay, reader, claim_window_s),
        is_shared=stay.is_shared,
    )


def _sum(bill: Bill, paid_cents: int, reader: Reader) -> Sum:
    say, prices = reader.say, bill.tariff
    label = say("bill.over" if bill.is_over else "bill.so_far")
    if not bill.price_cents:
        return Sum(label, money(0), say("bill.free", minutes=prices.free_min))
    told = [money(prices.flat_cents)] if prices.flat_cents else []
    if prices.minute_cents:
        each = money(prices.minute_cents)
        told.append(say("bill.minutes", minutes=bill.charged_min, each=each))
    how = " + ".join(told)
    if bill.is_most:
        how = say("bill.most", how=how, most=money(prices.most_cents))
    if bill.tax_cents:
        how = say("bill.tax", how=how, percent=prices.tax_percent, tax=money(bill.tax_cents))
    paid = say("bill.paid", paid=money(paid_cents)) if paid_cents > 0 else None
    return Sum(label, money(bill.total_cents), how, paid)


def _tone(stay: Stay, now: datetime) -> str:
    visit = stay.visit
    if visit.shown_state == states.HELD:
        return HELD
    if visit.car == states.HANDED_OVER:
        return OVER
    if visit.car == states.READY:
        return READY
    if not _is_asked(stay):
        return COMING if visit.car == states.TO_BOOTH else CALM
    promise = stay.promise
    if promise is not None and (_is_late(promise) or now > promise.ready_by):
        return LATE_TONE
    return COMING if visit.car == states.TO_BOOTH else ASKED


def _is_late(promise: PromiseRow) -> bool:
    """Whether it was moved by us: by the plan, a closure, or a person with a reason."""
    return is_moved(promise.reason) or promise.reason.startswith(BY_STAFF)


def _is_asked(stay: Stay) -> bool:
    return stay.request is not None and stay.request.status == OPEN


def _may_still_change(stay: Stay, tone: str) -> bool:
    on_its_way = (states.TO_BOOTH, states.READY, states.HANDED_OVER)
    return tone != HELD and stay.visit.car not in on_its_way


def _headline(stay: Stay, tone: str, reader: Reader) -> tuple[str, str | None]:
    """The one thing to know, and a sentence more where it helps."""
    visit, say = stay.visit, reader.say
    if tone == OVER:
        assert visit.handed_over_at is not None
        time = _clock(stay, reader, visit.handed_over_at)
        return say("state.over", time=time), say("state.over.detail")
    if stay.unclaimed_at is not None and tone in (READY, CALM):
        time = reader.time(stay.unclaimed_at, stay.zone)
        place = _name(stay, visit.place_id)
        return say("state.unclaimed"), say("state.unclaimed.detail", time=time, place=place)
    if tone == READY:
        detail = None
        if stay.called_at is not None:
            detail = say("state.called", time=_clock(stay, reader, stay.called_at))
        return say("state.ready", booth=_name(stay, visit.place_id)), detail
    if tone == HELD:
        return say("state.held"), say("state.held.detail")
    if tone == CALM and stay.taken_back_at is not None:
        key = "state.going_back" if visit.car == states.REPARKING else "state.taken_back"
        time = _clock(stay, reader, stay.taken_back_at)
        again = "" if stay.bill is None else f" {say('bill.again')}"
        return say(key), say("state.taken_back.detail", time=time) + again
    if tone == CALM:
        moving = visit.car in (states.TO_LOT, states.REPARKING)
        key = "to_lot" if moving else visit.car
        return say(f"state.{key}"), say("state.calm.detail")
    booth = "" if stay.request is None else _name(stay, stay.request.booth_id)
    if tone == LATE_TONE:
        return say("state.late"), say("state.late.detail", booth=booth)
    if stay.request is None or not _is_asked(stay):
        return say("state.coming"), None
    if tone == COMING:
        return say("state.coming"), say("state.coming.detail", booth=booth)
    if stay.request.wanted_at is not None:
        wanted = _clock(stay, reader, stay.request.wanted_at)
        return say("state.asked"), say("state.asked.for", booth=booth, time=wanted)
    return say("state.asked"), say("state.asked.detail", booth=booth)


def _arrival(stay: Stay, tone: str, reader: Reader) -> Arrival | None:
    if tone not in (ASKED, COMING, LATE_TONE) or not _is_asked(stay):
        return None
    say, promise = reader.say, stay.promise
    if promise is None:
        return Arrival(say("arrival.none"), None, None)
    window = window_text(
        reader.catalog, reader.language, promise.ready_from, promise.ready_by, stay.zone
    )
    if reader.now > promise.ready_by:
        return Arrival(say("arrival.passed"), window, None)
    label = say("arrival.moved" if _is_late(promise) else "arrival.promised")
    why = say(f"reason.{promise.reason}") if promise.reason in _REASONS else None
    return Arrival(label, window, _soon(promise.ready_from - reader.now, reader), why)


def _soon(ahead: timedelta, reader: Reader) -> str | None:
    """Roughly how long: whole minutes up to ten, then in fives, never less than one."""
    minutes = math.ceil(ahead / timedelta(minutes=1))
    if minutes < 1:
        return reader.say("soon.any_moment")
    if minutes > _SOON_MIN:
        return None
    rounded = minutes if minutes <= 10 else math.ceil(minutes / 5) * 5
    return reader.say("soon.minutes", minutes=rounded)


def _line(stay: Stay, reader: Reader) -> str | None:
    if stay.place_in_line is None:
        return None
    if stay.place_in_line == 1:
        return reader.say("line.first")
    return reader.say("line", place=stay.place_in_line)


def _steps(stay: Stay, reader: Reader) -> tuple[Step, ...]:
    """The way of the car, done and to come. In a dispute only its beginning is certain."""
    visit, asked = stay.visit, stay.request
    told: list[tuple[str, datetime | None]] = [
        (reader.say("step.received", place=_name(stay, visit.booth_id)), visit.received_at)
    ]
    if visit.shown_state != states.HELD:
        is_back = visit.car in (states.READY, states.HANDED_OVER)
        drive = _last_drive(stay) if is_back or visit.car == states.TO_BOOTH else None
        if visit.parked_at is not None:
            told.append((reader.say("step.parked.at", place=_lot(stay)), visit.parked_at))
        elif asked is None and not is_back and drive is None:
            told.append((reader.say("step.parked"), None))
        if stay.taken_back_at is not None:
            told.append((reader.say("step.taken_back"), stay.taken_back_at))
        told += _way_back(stay, asked, drive, is_back, reader)
    current = max(index for index, (_, at) in enumerate(told) if at is not None)
    return tuple(
        Step(text, None if at is None else _clock(stay, reader, at), index == current)
        for index, (text, at) in enumerate(told)
    )


def _way_back(
    stay: Stay, asked: RequestRow | None, drive: MoveRow | None, is_back: bool, reader: Reader
) -> list[tuple[str, datetime | None]]:
    visit = stay.visit
    told: list[tuple[str, datetime | None]] = []
    booth = None if asked is None else _name(stay, asked.booth_id)
    if booth is not None and asked is not None:
        told.append((reader.say("step.asked.for", place=booth), asked.made_at))
    elif not is_back and drive is None:
        told.append((reader.say("step.asked"), None))
    if drive is not None or not is_back:
        told.append((reader.say("step.coming"), None if drive is None else drive.taken_at))
    ready_at = visit.ready_at if is_back else None
    if is_back:
        told.append((reader.say("step.ready.at", place=_name(stay, visit.place_id)), ready_at))
    else:
        told.append((reader.say("step.ready"), None))
    if stay.called_at is not None:
        told.append((reader.say("step.called"), stay.called_at))
    told.append((reader.say("step.over"), visit.handed_over_at))
    return [step for step in told if step[1] is not None or visit.car != states.HANDED_OVER]


def _last_drive(stay: Stay) -> MoveRow | None:
    drives = [
        move
        for move in stay.moves
        if move.kind == states.RETRIEVE and move.taken_at is not None and move.state != OPEN
    ]
    return drives[-1] if drives else None


def _lot(stay: Stay) -> str:
    """The name of the lot where the car stood last."""
    parks = [move.to_place_id for move in stay.moves if move.done_at is not None]
    lots = [place for place in parks if place is not None and not _is_booth(stay, place)]
    return _name(stay, lots[-1] if lots else stay.visit.place_id)


def _is_booth(stay: Stay, place_id: str) -> bool:
    place = stay.places.get(place_id)
    return place is not None and place.kind == "booth"


def _name(stay: Stay, place_id: str) -> str:
    place = stay.places.get(place_id)
    return place_id if place is None else place.name


def _clock(stay: Stay, reader: Reader, at: datetime) -> str:
    return clock_text(reader.catalog, reader.language, at, stay.zone)
