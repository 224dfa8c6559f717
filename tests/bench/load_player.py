"""Plays an evening against a cloud: a hundred stations, three thousand drivers, one process.

    python -m tests.bench.load_player <spec.json> <answers.json>

Everything comes when it is due, whether the cloud is quick or not, and a wait counts from when it
was due: a cloud that falls behind is not spared. First the rate of an evening, for half of the
time; then the same more often, step by step, until a goal is missed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from schemas import states
from tests.bench.load_line import Lines, Tally
from tests.bench.load_station import LoadStation
from tests.station_lines import StationLines, visit_id_of

TAKE_S, DRIVE_S, KERB_S = 15.0, 40.0, 15.0
"""How long a car waits for its runner, is under way, and stands at the kerb, in ten minutes; in a
shorter play it is as much quicker."""
WHOLE_S = 600.0
LOOK_EVERY_S = 0.1
LOOKS_MAX = 100
PAGE = b"GET /t/%b HTTP/1.1\r\nHost: cloud\r\nX-Forwarded-For: %b\r\nAccept-Encoding: gzip"
ASK = (
    b"POST /t/%b/request HTTP/1.1\r\nHost: cloud\r\nX-Forwarded-For: %b\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin"
)
LOOK = b"GET /t/%b HTTP/1.1\r\nHost: cloud\r\nX-Forwarded-For: %b"


@dataclass(frozen=True, slots=True)
class Phase:
    """So long at so many times the evening's rates."""

    name: str
    seconds: float
    factor: float


@dataclass
class Measured:
    """What was seen in one phase, in milliseconds."""

    pages: list[float] = field(default_factory=list)
    asks: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    at_stations: list[float] = field(default_factory=list)
    at_last_station: list[float] = field(default_factory=list)
    at_drivers: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0
    seconds: float = 0.0


@dataclass
class Sent:
    """An event under way: since when, and at how many other stations it was seen."""

    since_s: float
    phase: Measured
    left: int


class Player:
    """The evening. `spec` is what `load_stage` wrote."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._dice = random.Random(spec["seed"])
        self._doors = [Lines(port) for port in spec["driver_ports"]]
        self.tally = Tally()
        self._phase = Measured()
        self._sent: dict[str, Sent] = {}
        self._parked: list[int] = list(range(1, spec["parked"] + 1))
        self._next = spec["parked"] + 1
        self._pace = min(1.0, sum(each["seconds"] for each in spec["phases"]) / WHOLE_S)
        self._under_way: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []
        self.stations: dict[str, LoadStation] = {}
        for number, told in enumerate(spec["stations"]):
            lines = StationLines(told["place_id"], told["id"])
            lines.station_id, lines.head, lines.seq = told["id"], told["head"], told["seq"]
            port = spec["station_ports"][number % len(spec["station_ports"])]
            self.stations[told["id"]] = LoadStation(
                lines, bytes.fromhex(told["key"]), port, spec["cursor"], self.tally, self._heard
            )

    async def play(self) -> dict[str, Any]:
        """All phases; what was measured in each of them."""
        stop = asyncio.Event()
        listening = [
            asyncio.create_task(station.listen(stop)) for station in self.stations.values()
        ]
        played: dict[str, Any] = {}
        for told in self._spec["phases"]:
            phase = Phase(**told)
            measured = await self._play(phase)
            played[phase.name] = {**asdict(measured), "factor": phase.factor}
            if self._is_missed(measured) and phase.factor > 1:
                break
        await asyncio.gather(*self._under_way)
        stop.set()
        for task in listening:
            task.cancel()
        if self._faults:
            raise self._faults[0]
        return played

    async def _play(self, phase: Phase) -> Measured:
        self._phase = Measured()
        self.tally.statuses.clear()
        self.tally.kinds.clear()
        began_s, cpu_s = time.monotonic(), time.process_time()
        rates = self._spec["rates"]
        until_s = began_s + phase.seconds
        await asyncio.gather(
            self._each(rates["pages_per_s"] * phase.factor, until_s, self._open_page),
            self._each(rates["cars_per_s"] * phase.factor, until_s, self._come),
            self._each(rates["cars_per_s"] * phase.factor, until_s, self._leave),
        )
        measured = self._phase
        measured.statuses = {str(k): n for k, n in self.tally.statuses.items()}
        measured.requests = dict(self.tally.kinds)
        measured.cpu_s = time.process_time() - cpu_s
        measured.seconds = time.monotonic() - began_s
        return measured

    def _is_missed(self, measured: Measured) -> bool:
        goals: dict[str, float] = self._spec["goals"]
        is_slow = p95(measured.pages) > goals["page_p95_ms"]
        return is_slow or p95(measured.at_stations) > goals["visible_p95_ms"]

    async def _each(self, per_s: float, until_s: float, act: Any) -> None:
        """Begin `act(due)` so many times a second, at random moments, until then."""
        due_s = time.monotonic()
        while (due_s := due_s + self._dice.expovariate(per_s)) < until_s:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            self._begin(act(due_s))
        await asyncio.sleep(max(0.0, until_s - time.monotonic()))

    def _begin(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - told at the end of the play
                self._faults.append(error)

        task = asyncio.create_task(guarded())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    # Drivers.

    def _driver(self, number: int) -> tuple[bytes, bytes]:
        """The token of a car's driver, and the address that they come from."""
        token: str = self._spec["tokens"][number - 1]
        return token.encode(), b"10.%d.%d.7" % (number // 250 % 250, number % 250)

    async def _open_page(self, due_s: float) -> None:
        number = self._dice.choice(self._parked)
        phase, door = self._phase, self._dice.choice(self._doors)
        reply = await door.ask(PAGE % self._driver(number))
        self.tally.count("page", reply.status)
        phase.pages.append(1e3 * (reply.at_s - due_s))

    async def _look_for(self, number: int, mark: bytes, since_s: float, phase: Measured) -> None:
        """The driver looks until the page says so."""
        door = self._dice.choice(self._doors)
        for _ in range(LOOKS_MAX):
            reply = await door.ask(LOOK % self._driver(number))
            self.tally.count("look", reply.status)
            if reply.status == 200 and mark in reply.body:
                phase.at_drivers.append(1e3 * (reply.at_s - since_s))
                return
            await asyncio.sleep(LOOK_EVERY_S)
        raise AssertionError(f"never on the driver's page: {mark!r}")

    # Cars.

    async def _come(self, _due_s: float) -> None:
        """A car comes, is driven to a lot and stands there."""
        number, self._next = self._next, self._next + 1
        booth, lot = self._places(number)
        phase, since_s = self._phase, time.monotonic()
        await self._tell(booth, lambda: booth.lines.received(number, **_now()))
        await self._look_for(number, b'class="card', since_s, phase)
        await self._rest(TAKE_S)
        runner = self._runner()
        await self._tell(
            booth,
            lambda: booth.lines.taken(
                number, 2, states.PARK, lot.lines.place_id, actor=runner, **_now()
            ),
        )
        await self._rest(DRIVE_S)
        await self._tell(lot, lambda: lot.lines.parked(number, 3, actor=runner, **_now()))
        self._parked.append(number)

    async def _leave(self, due_s: float) -> None:
        """A driver asks for the car, and it is brought and handed over."""
        number = self._parked.pop(self._dice.randrange(len(self._parked)))
        booth, lot = self._places(number)
        phase, place_id = self._phase, booth.lines.place_id
        door = self._dice.choice(self._doors)
        self._sent[visit_id_of(number)] = Sent(due_s, phase, len(self.stations))
        body = f"booth_id={place_id}&when=now".encode()
        reply = await door.ask(ASK % self._driver(number), body)
        self.tally.count("ask", reply.status)
        if reply.status != 303:
            # Counted, and the car stays where it is.
            del self._sent[visit_id_of(number)]
            return
        phase.asks.append(1e3 * (reply.at_s - due_s))
        await self._rest(TAKE_S)
        runner = self._runner()
        await self._tell(
            lot,
            lambda: lot.lines.taken(number, 5, states.RETRIEVE, place_id, actor=runner, **_now()),
        )
        await self._rest(DRIVE_S)
        phase, since_s = self._phase, time.monotonic()
        await self._tell(
            booth, lambda: booth.lines.of("car.ready", number, 6, actor=runner, **_now())
        )
        await self._look_for(number, b'class="card ready"', since_s, phase)
        await self._rest(KERB_S)
        await self._tell(booth, lambda: booth.lines.handed_over(number, 7, **_now()))

    def _places(self, number: int) -> tuple[LoadStation, LoadStation]:
        booths, lots = self._spec["booths"], self._spec["lots"]
        # Any of the stations there.
        booth = self._dice.choice(booths[number % len(booths)])
        lot = self._dice.choice(lots[number % len(lots)])
        return self.stations[booth], self.stations[lot]

    def _runner(self) -> str:
        return str(self._dice.choice(self._spec["runners"]))

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._pace * self._dice.uniform(0.5, 1.5))

    async def _tell(self, station: LoadStation, make: Any) -> None:
        phase, since_s = self._phase, time.monotonic()

        def sealed() -> bytes:
            line: bytes = make()
            event_id = json.loads(line)["id"]
            self._sent[event_id] = Sent(since_s, phase, len(self.stations) - 1)
            return line

        phase.accepted.append(1e3 * (await station.tell(sealed) - since_s))

    def _heard(self, station_id: str, change: dict[str, Any], at_s: float) -> None:
        key = change["id"]
        sent = self._sent.get(key)
        if sent is None and change["body"]["event"]["type"] == "visit.requested":
            key = change["body"]["event"]["visit_id"]
            sent = self._sent.get(key)
        own_id = self.stations[station_id].lines.journal_id
        if sent is None or change["body"]["journal_id"] == own_id:
            return
        took_ms = 1e3 * (at_s - sent.since_s)
        sent.phase.at_stations.append(took_ms)
        sent.left -= 1
        if sent.left == 0:
            sent.phase.at_last_station.append(took_ms)
            del self._sent[key]


def p95(samples_ms: list[float]) -> float:
    """The 95th in a hundred, by nearest rank; 0 without any."""
    ordered = sorted(samples_ms)
    return ordered[-(-95 * len(ordered) // 100) - 1] if ordered else 0.0


def _now() -> dict[str, str]:
    now_ns = time.time_ns()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9))
    return {"wall": f"{whole}.{now_ns // 1000 % 10**6:06d}+00:00"}


def main(spec: str, answers: str) -> None:
    """Play, and write down what was measured."""
    played = asyncio.run(Player(json.loads(Path(spec).read_text())).play())
    Path(answers).write_text(json.dumps(played))


if __name__ == "__main__":
    main(*sys.argv[1:])
