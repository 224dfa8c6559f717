"""What the driver reads, as a frozen value: a pure function of the rows, a language and now."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import states
from schemas.catalog import Catalog
from schemas.driver_qr import encode
from server.driver.stay import Stay
from server.driver.times import NOW, field_of, offered
from server.local_time import clock_text, window_text
from server.models import MoveRow, RequestRow
from server.promises import LATE
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


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the stay; `time` is None while it lies ahead."""

    text: str
    time: str | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the form: what it sends, what it says, and whether it is marked."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """The form with which the driver asks for the car, or changes what was asked."""

    is_change: bool
    booths: tuple[Choice, ...]
    times: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the car will be there: a label, the promised window, and roughly how long."""

    label: str
    window: str | None
    soon: str | None


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

    @property
    def tag(self) -> str:
        """A short digest: the same as long as the driver would read the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language and the words in it, when, and how far ahead they may ask."""

    catalog: Catalog
    language: str
    now: datetime
    lead_s_max: int

    def say(self, key: str, **values: object) -> str:
        """The words for a key of the driver's catalog."""
        return self.catalog.text(self.language, f"driver.{key}", **values)


def make_page(stay: Stay, reader: Reader, chosen: tuple[str, str] | None = None) -> Page:
    """The page of a stay. `chosen`: booth and time of a form that came back with a refusal."""
    tone = _tone(stay, reader.now)
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
        ask=_ask(stay, tone, reader, chosen),
        can_cancel=_may_still_change(stay, tone) and _is_asked(stay),
        refresh_s=_REFRESH_S.get(tone, _REFRESH_S_WAITING),
        photos=reader.say("photos.link", count=stay.photo_count) if stay.photo_count else None,
    )


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
    if promise is not None and (promise.reason == LATE or now > promise.ready_by):
        return LATE_TONE
    return COMING if visit.car == states.TO_BOOTH else ASKED


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
    if tone == READY:
        return say("state.ready", booth=_name(stay, visit.place_id)), None
    if tone == HELD:
        return say("state.held"), say("state.held.detail")
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
    label = say("arrival.moved" if promise.reason == LATE else "arrival.promised")
    return Arrival(label, window, _soon(promise.ready_from - reader.now, reader))


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


def _ask(stay: Stay, tone: str, reader: Reader, chosen: tuple[str, str] | None) -> Ask | None:
    if not _may_still_change(stay, tone):
        return None
    request = stay.request if _is_asked(stay) else None
    wanted = None if request is None else request.wanted_at
    if chosen is None:
        booth_id = stay.visit.booth_id if request is None else request.booth_id
        chosen = booth_id, field_of(wanted, stay.zone)
    times = sorted({*offered(reader.now, stay.zone, reader.lead_s_max), *filter(None, [wanted])})
    fields = [(field_of(at, stay.zone), _clock(stay, reader, at)) for at in times]
    return Ask(
        is_change=request is not None,
        booths=tuple(
            Choice(booth.id, booth.name, booth.id == chosen[0]) for booth in stay.open_booths
        ),
        times=tuple(
            Choice(value, text, value == chosen[1])
            for value, text in [(NOW, reader.say("ask.now")), *fields]
        ),
    )


def _name(stay: Stay, place_id: str) -> str:
    place = stay.places.get(place_id)
    return place_id if place is None else place.name


def _clock(stay: Stay, reader: Reader, at: datetime) -> str:
    return clock_text(reader.catalog, reader.language, at, stay.zone)
