"""The form with which a driver asks for the car: at any open booth, each with its own window."""

from __future__ import annotations

from dataclasses import dataclass

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
    its window and walk (`detail`), and where it is in the district's metres."""

    value: str
    text: str
    is_chosen: bool
    window: str | None = None
    walk: str | None = None
    at_m: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """The form. `walk_from`: the booth from which walks are counted; `planned`: the name of the
    booth of the driver's plan, while there is one."""

    is_change: bool
    booths: tuple[Choice, ...]
    times: tuple[Choice, ...]
    walk_from: str
    planned: str | None


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
    return Ask(
        is_change=is_open,
        booths=tuple(
            _booth(stay, reader, booth, received, is_chosen=booth.id == chosen[0])
            for booth in stay.open_booths
        ),
        times=_times(stay, reader, chosen[1], may_wait=not is_open and planned is None),
        walk_from="" if received is None else received.name,
        planned=None if planned is None else stay.places[planned].name,
    )


def _booth(
    stay: Stay, reader: Reader, booth: PlaceRow, received: PlaceRow | None, *, is_chosen: bool
) -> Choice:
    window = stay.windows.get(booth.id)
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
    )


def _times(stay: Stay, reader: Reader, chosen: str, *, may_wait: bool) -> tuple[Choice, ...]:
    request = stay.request
    wanted = None if request is None or request.status != "open" else request.wanted_at
    # A car in a lot needs its way: no time is offered at which it could be at no booth.
    soonest = min((window.ready_from for window in stay.windows.values()), default=reader.now)
    times = {at for at in offered(reader.now, stay.zone, reader.lead_s_max) if at >= soonest}
    fields = [
        (field_of(at, stay.zone), clock_text(reader.catalog, reader.language, at, stay.zone))
        for at in sorted({*times, *filter(None, [wanted])})
    ]
    later = [(LATER, reader.say("ask.later"))] if may_wait else []
    return tuple(
        Choice(value, text, value == chosen)
        for value, text in [(NOW, reader.say("ask.now")), *later, *fields]
    )
