"""A district in a box: stations, cloud, lines, clocks, people and faults under one seed.

    with World(seed=7) as world:
        world.run(nights=3)
    print(world.trace.digest)

Safety is checked after every step. Liveness is a phase of its own: each night the faults stop,
nobody taps, and within five minutes every queue must be empty and every mirror say the same.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import server.station_exchange
from tests.simulation.agreement import disagreements, unsettled
from tests.simulation.any_order import check_any_order
from tests.simulation.beginning import district_of, folder, loaded_database
from tests.simulation.booth import BoothMachine, Broken
from tests.simulation.clocks import WorldClock
from tests.simulation.cloud import CloudMachine
from tests.simulation.disk import Disk
from tests.simulation.door import NewsOnce
from tests.simulation.faults import Faults
from tests.simulation.hub import SECOND, Hub
from tests.simulation.invariants import Invariants
from tests.simulation.network import Line
from tests.simulation.office import Office
from tests.simulation.people import GROUP, People
from tests.simulation.seams import (
    Seams,
    put_at_pace,
    put_in_trace,
    put_on_disks,
    put_under_clock,
    put_under_hub,
    put_under_seed,
)
from tests.simulation.trace import Trace

DRAIN_S = 300
EACH = 3
"""How many nights in a row a seed plays, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large and how long. Times in simulated seconds. Cars come in the first `busy_s`; their
    number follows from `cars_per_hour` and the whole night.

    Quiet time is passed over by stretching what only waits: `hold_s` is how long the cloud sits on
    a long poll without news (25 s in the field), `news_s` how long news wait before it tells
    (0.2 s), `tick_s` how often an idle sender looks (2 s), `rest_s` a listener that may not ask
    (0.2 s), `contact_s` how often the cloud notes a contact (10 s), `plan_s` how often the plan
    is made anew without a cause (5 s). `moods`: how often each of `faults.PER_HOUR` happens, as
    a factor; None: every night draws its own. `http_every`: one seed in so many goes through
    HTTP and signatures instead of plain calls; 0: none.
    """

    night_s: float = 24 * 3600.0
    cars_per_hour: float = 0.5
    busy_s: float = 5 * 3600.0
    intensity: float = 0.35
    hold_s: float = 7200.0
    news_s: float = 60.0
    tick_s: float = 120.0
    rest_s: float = 2.0
    contact_s: int = 600
    plan_s: float = 1200.0
    http_every: int = 50
    moods: Mapping[str, float] | None = None

    def words(self) -> str:
        """What the command line needs to say to get this; nothing for the default."""
        said = []
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Mapping):
                value = ",".join(f"{name}={factor:g}" for name, factor in value.items())
            if value != one.default:
                said.append(f" --{one.name.replace('_', '-')} {value}")
        return "".join(said)


class Failure(AssertionError):
    """An invariant broke. The text names the seed and the step, and ends with the last lines."""

    def __init__(self, world: World, cause: BaseException) -> None:
        self.cause = cause
        lines = "\n".join(world.trace.lines)
        super().__init__(
            f"{cause}\nseed {world.seed}, step {world.hub.steps}; the last steps:\n{lines}\n"
            f"{type(cause).__name__}: {cause}\n"
            f"replay: python -m tests.simulation --seed {world.seed} --nights {world.nights}"
            f"{f' --each {world.nights}' if world.nights > EACH else ''}{world.scale.words()}"
        )


class World:
    """Only one at a time: the real code's seams are global."""

    def __init__(self, seed: int, scale: Scale | None = None) -> None:
        self.seed = seed
        self.scale = scale or Scale()
        self.nights = 0
        self.hub = Hub()
        self.trace = Trace(lambda: self.hub.now_ns)
        self.seams = Seams()
        self.machines: dict[str, BoothMachine] = {}
        self._starting = ""
        self._folder = folder() / "world"
        self._numbers = random.Random(seed)
        self._clock = WorldClock(self.hub)
        # Each part has its own numbers: one more question asked here changes nothing there.
        parts = ("code", "line", "cloud", "booth", "people", "faults")
        self._of = {part: random.Random(f"{seed}/{part}") for part in parts}

    def __enter__(self) -> World:
        """Put the real code under the seed, and build the district."""
        self._folder.mkdir()
        try:
            self._build()
        except (Exception, Broken) as error:
            self.close()
            raise Failure(self, error) from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Put everything back, and leave no file."""
        self.close()

    def close(self) -> None:
        """See `__exit__`."""
        self.hub.close()
        for machine in self.machines.values():
            machine.disk.release()
        if hasattr(self, "cloud"):
            self.cloud.close()
        self.seams.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _build(self) -> None:
        scale, booths = self.scale, self._numbers.randint(3, 5)
        district, loaded = district_of(booths), loaded_database(booths)
        self._district = district
        put_in_trace(self.seams, self.trace)
        put_under_seed(self.seams, self._of["code"])
        put_under_clock(self.seams, self.hub)
        put_under_hub(self.seams, self.hub, lambda: self._starting)
        put_on_disks(self.seams, self._disk_at)
        self._put_at_pace()
        self.cloud = CloudMachine(
            self.hub,
            self.trace,
            self._of["cloud"],
            self._folder / "cloud",
            loaded,
            news_s=scale.news_s,
            is_http=self.is_http,
        )
        for place in district.places:
            self.machines[place.id] = _Machine(
                self,
                self.hub,
                self.trace,
                self._of["booth"],
                place,
                self._folder,
                self._line,
                is_http=self.is_http,
            )
        self.people = People(self.hub, self._of["people"], district, self.machines, self.cloud)
        self.faults = Faults(self.hub, self._of["faults"], self.machines, self.cloud, self.people)
        self.invariants = Invariants(
            self.trace, self._clock, self.machines, self.cloud, self.people
        )
        self.hub.after_step = self.invariants.after_step
        self.cloud.start()
        for machine in self.machines.values():
            machine.start()
        Office(self.hub, self._of["people"], self.cloud, self.people).opens()
        self.hub.run(self.hub.now_ns + 60 * SECOND)

    @property
    def is_http(self) -> bool:
        """Whether this seed goes through HTTP."""
        every = self.scale.http_every
        return every > 0 and self.seed % every == 0

    def _put_at_pace(self) -> None:
        scale = self.scale
        put_at_pace(
            self.seams, tick_s=scale.tick_s, rest_s=scale.rest_s, contact_s=round(scale.contact_s)
        )
        news = NewsOnce(
            lambda: self.cloud.newest(), lambda journal_id: self.cloud.position(journal_id)
        )
        self.seams.set(server.station_exchange, "_news", news)

    def run(self, nights: int) -> None:
        """Play so many nights. Raises `Failure`."""
        try:
            for _ in range(nights):
                self.nights += 1
                self._night()
            self._check_any_order()
        except (Exception, Broken) as error:
            raise Failure(self, error) from error

    def _check_any_order(self) -> None:
        check_any_order(self.cloud, self._district, self._numbers, self._folder, self._clock.now())

    def _night(self) -> None:
        scale, numbers = self.scale, self._of["people"]
        for _ in range(round(scale.cars_per_hour * scale.night_s / 3600)):
            # Most come early: dinner, then the bars.
            self.people.car_arrives(numbers.triangular(0, scale.busy_s, scale.busy_s / 4))
        self.faults.begin(scale.night_s, scale.intensity, scale.moods)
        end_ns = self.hub.now_ns + round(scale.night_s * SECOND)
        while self.hub.now_ns < end_ns:
            step_ns = min(end_ns, self.hub.now_ns + round(scale.plan_s * SECOND))
            self.hub.run(step_ns)
            self.cloud.plan()
        self._drain()
        self.invariants.check_everything()
        self.invariants.check_rebuild()
        self.invariants.check_cards()
        self.invariants.check_messages_ended()

    def _drain(self) -> None:
        """Liveness: nobody taps, and everything that was recorded gets where it belongs."""
        self.trace.note("world", "the faults stop")
        self.hub.freeze(GROUP)
        self.faults.stop()
        why: str | None = "not looked yet"
        for _ in range(DRAIN_S):
            self.hub.run(self.hub.now_ns + SECOND)
            why = unsettled(self.machines, self.cloud)
            if why is None:
                break
        if why is not None:
            raise Broken("liveness", f"after {DRAIN_S} s without faults: {why}")
        if found := disagreements(self.machines, self.cloud):
            raise Broken("agreement", f"{len(found)} differences: {found[:5]}")
        self.trace.note("world", "all agree")
        self.hub.thaw(GROUP)

    def _disk_at(self, path: Path) -> Disk:
        return next(one.disk for one in self.machines.values() if one.disk.path == path)

    def _line(self, station_id: str) -> Line:
        return Line(
            self.hub,
            self.trace,
            self._of["line"],
            station_id,
            lambda call, take: self.cloud.door(call, take),
            stretch_s=self.scale.hold_s,
        )


class _Machine(BoothMachine):
    """Says whose agent is being started, so that its tasks die with it."""

    def __init__(self, world: World, *arguments: Any, is_http: bool) -> None:
        super().__init__(*arguments, is_http=is_http)
        self._world = world

    def start(self) -> None:
        """See `BoothMachine.start`."""
        self._world._starting = self.station_id
        super().start()
