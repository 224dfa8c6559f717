"""What goes wrong in a night, drawn from the seed before it begins; and how it is put right.

A night has its own mood: some have bad lines, some bad cards, some a cloud that falls over.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.simulation.booth import BoothMachine, Image
from tests.simulation.cloud import CloudMachine
from tests.simulation.hub import Hub
from tests.simulation.network import CLEAR, Weather
from tests.simulation.people import People

HOUR_S = 3600.0

PER_HOUR: Mapping[str, float] = {
    "cut": 1.2,
    "weather": 1.5,
    "kill_agent": 1.5,
    "reboot": 0.5,
    "clock_step": 0.5,
    "disk_full": 0.5,
    "foreign": 0.3,
    "kill_cloud": 2.0,
    "outage": 0.2,
    "kill_worker": 0.5,
    "carrier": 0.5,
    "image": 0.12,
    "stray_tap": 1.0,
}
"""How often each thing happens in an hour of a district, in a night of plain bad luck."""


class Faults:
    """Breaks things while the night lasts; `stop` mends them all."""

    def __init__(
        self,
        hub: Hub,
        numbers: random.Random,
        machines: Mapping[str, BoothMachine],
        cloud: CloudMachine,
        people: People,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._hub = hub
        self._numbers = numbers
        self._machines = machines
        self._cloud = cloud
        self._people = people
        self._is_on = False
        self._images: dict[str, Image] = {}

    def begin(self, duration_s: float, intensity: float, moods: Mapping[str, float] | None) -> None:
        """Draw the night's faults."""
        self._is_on = True
        for name, per_hour in PER_HOUR.items():
            drawn = self._numbers.choice((0.0, 0.3, 1.0, 1.0, 3.0))
            mood = drawn if moods is None else moods.get(name, 0.0)
            rate = per_hour * mood * intensity / HOUR_S
            at_s = self._numbers.expovariate(rate) if rate else duration_s
            while at_s < duration_s:
                self._hub.after(at_s, self._fault(name))
                at_s += self._numbers.expovariate(rate)

    def stop(self) -> None:
        """Everything works again from now on; what was broken is repaired, as far as it can be."""
        self._is_on = False
        self._cloud.mend()
        self._cloud.carrier.trouble = 0.0
        self._cloud.carrier.after_send = None
        for machine in self._machines.values():
            machine.line.join()
            machine.line.weather = CLEAR
            machine.disk.is_full = False
            machine.disk.kill_in = None
            machine.clock.synchronise()
            machine.start()

    def _fault(self, name: str) -> Callable[[], None]:
        action: Callable[[], None] = getattr(self, f"_{name}")

        def happen() -> None:
            if self._is_on:
                self.counts[name] += 1
                action()

        return happen

    def _any(self) -> BoothMachine:
        return self._numbers.choice(list(self._machines.values()))

    def _later(self, least_s: float, most_s: float, action: Callable[[], None]) -> None:
        def happen() -> None:
            if self._is_on:
                action()

        self._hub.after(self._numbers.uniform(least_s, most_s), happen)

    def _cut(self) -> None:
        machine = self._any()
        machine.line.cut(is_black_hole=self._numbers.random() < 0.5)
        longest_s = self._numbers.choice((30, 300, 1800, 7200))
        self._later(1, longest_s, machine.line.join)

    def _weather(self) -> None:
        worst = self._numbers.choice((0.05, 0.2, 0.4))
        names = Weather.__dataclass_fields__
        shares = {name: self._numbers.choice((0.0, 0.0, worst)) for name in names}
        line = self._any().line
        line.weather = Weather(**shares)

        def clear_up() -> None:
            line.weather = CLEAR

        self._later(60, 2400, clear_up)

    def _kill_agent(self) -> None:
        machine = self._any()
        if self._numbers.random() < 0.8:
            machine.disk.kill_in = self._numbers.randint(1, 60)
        elif machine.is_up:
            machine.kill()
            machine.restart_later()

    def _reboot(self) -> None:
        machine = self._any()
        if not machine.is_up:
            return
        machine.kill()
        machine.clock.reboot()
        self._hub.after(self._numbers.uniform(20, 90), machine.start)
        self._later(30, 1800, machine.clock.synchronise)

    def _clock_step(self) -> None:
        machine = self._any()
        machine.clock.step(timedelta(seconds=self._numbers.uniform(-7200, 7200)))
        self._later(60, 3600, machine.clock.synchronise)

    def _disk_full(self) -> None:
        disk = self._any().disk
        disk.is_full = True

        def has_room() -> None:
            disk.is_full = False

        self._later(10, 600, has_room)

    def _foreign(self) -> None:
        machine = self._any()
        if not machine.is_up:
            return
        machine.kill()
        machine.write_foreign(self._numbers.choice(("unknown", "newer", "damaged")))
        machine.restart_later()

    def _kill_cloud(self) -> None:
        chance = self._numbers.random()
        if chance < 0.3:
            self._cloud.kill_at_commit = "before"
        elif chance < 0.7:
            self._cloud.kill_at_commit = "after"
        else:
            self._cloud.kill_in = self._numbers.randint(1, 80)

    def _outage(self) -> None:
        self._cloud.kill()
        longest_s = self._numbers.choice((300, 1800, 4 * HOUR_S))
        self._later(30, longest_s, self._cloud.restart)

    def _kill_worker(self) -> None:
        """The carrier has a message, and the worker dies before it has written that down."""

        def die() -> None:
            self._hub.at(self._hub.now_ns, self._cloud.kill)
            self._hub.after(self._numbers.uniform(1, 20), self._cloud.restart)

        self._cloud.carrier.after_send = die

    def _carrier(self) -> None:
        carrier = self._cloud.carrier
        carrier.trouble = self._numbers.choice((0.2, 0.9))

        def is_well() -> None:
            carrier.trouble = 0.0

        self._later(60, 1800, is_well)

    def _image(self) -> None:
        """A card is copied now, and the copy used some time later."""
        machine = self._any()
        if not machine.is_up:
            return
        image = machine.take_image()

        def put_back() -> None:
            if machine.disk.journal_id != image.journal_id:
                return
            machine.kill()
            machine.disk.kill_in = None
            machine.put_back(image)
            machine.restart_later()

        self._later(5, 5400, put_back)

    def _stray_tap(self) -> None:
        self._people.stray_tap()
