"""The form with which a driver asks for the car: at any open booth, each with its own window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.hours import closes_at, is_open_at, opens_at
from server.driver.reader import Reader
from server.driver.said import planned_booth
from server.driver.stay import Stay
from server.driver.times import LATER, NOW, field_of, offered
from server.driver.walks import walk_min
from server.local_time import clock_text, window_text
from server.models import PlaceRow


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the form: what it sends, what it says, and whether it is marked. A booth has
    its window, its walk and its hours, where it is in the district's metres, and at which of the
    times that can be chosen it is shut."""

    value: str
    text: str
    is_chosen: bool
    window: str | None = None
    walk: str | None = None
    at_m: tuple[int, int] | None = None
    hours: str | None = None
    shut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """The form. `walk_from`: the booth from which walks are counted; `planned`: the name of the
    booth of the driver's plan, while there is one. `closed`: said while no booth is open. `undo`:
    there while a request was cancelled just now."""

    is_change: bool
    booths: tuple[Choice, ...]
    times: tuple[Choice, ...]
    walk_from: str
    planned: str | None
    closed: str | None = None
    undo: Undo | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes a cancellation back: it asks for the same booth and time again."""

    booth_id: str
    when: str
    help: str


def make_ask(stay: Stay, reader: Reader, chosen: tuple[str, str] | None, *, is_open: bool) -> Ask:
    """The form; `chosen`: booth and time of one that came back with a refusal. `is_open`: the car
    is asked for already."""
    request = stay.request if is_open else None
    wanted = None if request is None else request.wanted_at
    planned = None if is_open else planned_booth(stay.said)
    if chosen is None:
        booth_id = planned or stay.visit.booth_id
        if request is not None:
            booth_id = request.booth_id
        chosen = booth_id, field_of(wanted, stay.zone)
    received = stay.places.get(stay.visit.booth_id)
    times = _times(stay, reader, chosen[1], may_wait=not is_open and planned is None)
    return Ask(
        is_change=is_open,
        booths=tuple(
            _booth(stay, reader, booth, received, times, is_chosen=booth.id == chosen[0])
            for booth in stay.open_booths
        ),
        times=tuple(times),
        walk_from="" if received is None else received.name,
        planned=None if planned is None else stay.places[planned].name,
        closed=_closed(stay, reader),
        undo=_undo(stay, reader),
    )


def _booth(
    stay: Stay,
    reader: Reader,
    booth: PlaceRow,
    received: PlaceRow | None,
    times: Mapping[Choice, datetime | None],
    *,
    is_chosen: bool,
) -> Choice:
    window = stay.windows.get(booth.id)
    if window is not None and not is_open_at(booth, window.ready_from.astimezone(stay.zone)):
        window = None
    walk = 0 if received is None else walk_min(received, booth, stay.walk_m_per_min)
    return Choice(
        booth.id,
        booth.name,
        is_chosen,
        window=None
        if window is None
        else window_text(
            reader.catalog, reader.language, window.ready_from, window.ready_by, stay.zone
        ),
        walk=reader.say("ask.walk", minutes=walk) if walk else None,
        at_m=(booth.x_m, booth.y_m),
        hours=hours_text(reader, booth, stay.zone),
        shut=tuple(
            time.value
            for time, local in times.items()
            if local is not None and not is_open_at(booth, local)
        ),
    )


def hours_text(reader: Reader, booth: PlaceRow, zone: ZoneInfo) -> str | None:
    """Until when a booth is open, or when it opens; None for one that is open always."""
    local = reader.now.astimezone(zone)
    is_open = is_open_at(booth, local)
    at = closes_at(booth, local) if is_open else opens_at(booth, local)
    if at is None:
        return None if is_open else reader.say("ask.shut")
    is_soon = at - local < timedelta(hours=24)
    time = (
        clock_text(reader.catalog, reader.language, at, zone) if is_soon else reader.time(at, zone)
    )
    return reader.say("ask.open_until" if is_open else "ask.opens", time=time)


def _undo(stay: Stay, reader: Reader) -> Undo | None:
    cancelled = stay.cancelled
    booth = None if cancelled is None else stay.places.get(cancelled.booth_id)
    if cancelled is None or booth is None or stay.taken_back_at is not None:
        return None
    at = cancelled.wanted_at or reader.now
    if at < reader.now or not is_open_at(booth, at.astimezone(stay.zone)):
        return None
    when = field_of(cancelled.wanted_at, stay.zone)
    return Undo(booth.id, when, reader.say("undo.help", booth=booth.name))


def _closed(stay: Stay, reader: Reader) -> str | None:
    """What is said while no booth is open: which one opens first, and when."""
    if _is_any_open(stay, reader.now):
        return None
    local = reader.now.astimezone(stay.zone)
    opening = [(opens_at(booth, local), booth.name) for booth in stay.open_booths]
    first = min(((at, name) for at, name in opening if at is not None), default=None)
    if first is None:
        return reader.say("ask.closed")
    return reader.say("ask.closed.until", time=reader.time(first[0], stay.zone), booth=first[1])


def _times(
    stay: Stay, reader: Reader, chosen: str, *, may_wait: bool
) -> Mapping[Choice, datetime | None]:
    """The times that can be chosen, each on the district's clocks (None for one that is told
    later). Only those at which some booth is open, and the one that was asked for."""
    request = stay.request
    wanted = None if request is None or request.status != "open" else request.wanted_at
    # A car in a lot needs its way: no time is offered at which it could be at no booth.
    soonest = min((window.ready_from for window in stay.windows.values()), default=reader.now)
    times = {at for at in offered(reader.now, stay.zone, reader.lead_s_max) if at >= soonest}
    found: dict[Choice, datetime | None] = {}
    is_open = _is_any_open(stay, reader.now)
    if chosen == NOW and not is_open:
        # While nothing is open the first time that can be had is meant.
        chosen = next(
            (field_of(at, stay.zone) for at in sorted(times) if _is_any_open(stay, at)), LATER
        )
    if is_open:
        found[Choice(NOW, reader.say("ask.now"), chosen == NOW)] = reader.now.astimezone(stay.zone)
    if may_wait:
        found[Choice(LATER, reader.say("ask.later"), chosen == LATER)] = None
    for at in sorted({*times, *filter(None, [wanted])}):
        if at == wanted or _is_any_open(stay, at):
            value = field_of(at, stay.zone)
            text = clock_text(reader.catalog, reader.language, at, stay.zone)
            found[Choice(value, text, chosen == value)] = at.astimezone(stay.zone)
    return found


def _is_any_open(stay: Stay, at: datetime) -> bool:
    return any(is_open_at(booth, at.astimezone(stay.zone)) for booth in stay.open_booths)
