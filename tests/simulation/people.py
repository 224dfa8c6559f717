"""Everybody who taps, drives, asks and decides; and where the cars really are.

A car's stay is one task that tells it as it goes. People see what the screens say, get refused,
try again, and sometimes do a thing without the system: the car is then elsewhere than on record,
and a later tap or a person's decision brings that back together.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reader_agent.station import Station
from schemas import events, states
from schemas.district import District
from schemas.handover_code import code_at
from schemas.problems import Refusal
from server import requests
from server.downlink import CODE_KEY
from tests.simulation.booth import BoothMachine, Down
from tests.simulation.cars import Car, Desk, deal_tags
from tests.simulation.clocks import WorldClock
from tests.simulation.cloud import CloudMachine
from tests.simulation.hub import Hub

GROUP = "people"


class People:
    """Stories, told by tasks of the group `GROUP`."""

    def __init__(
        self,
        hub: Hub,
        numbers: random.Random,
        district: District,
        machines: dict[str, BoothMachine],
        cloud: CloudMachine,
    ) -> None:
        self.cars: dict[str, Car] = {}
        self.by_visit: dict[str, Car] = {}
        self.phones: dict[str, str | None] = {}
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._hub = hub
        self._numbers = numbers
        self._machines = machines
        self._cloud = cloud
        self._clock = WorldClock(hub)
        self._booths = [place for place, machine in machines.items() if machine.is_booth]
        self._lots = [place for place, machine in machines.items() if not machine.is_booth]
        self._badges = {
            person.id: person.badge_tag for person in district.people if person.badge_tag
        }
        valets = [person.id for person in district.people if "valet" in person.roles]
        self._valet = {
            booth: valets[number % len(valets)] for number, booth in enumerate(self._booths)
        }
        self._runners = [person.id for person in district.people if "runner" in person.roles]
        self._supervisor = next(p.id for p in district.people if "supervisor" in p.roles)
        self._desks = deal_tags(district, self._booths, self._lots)

    # What begins by itself.

    def car_arrives(self, delay_s: float) -> None:
        """A driver comes to some booth in a while."""
        number = len(self.cars) + 1
        name = f"car-{number}"
        self.cars[name] = Car(number, "", None, "", None, "")
        self._hub.spawn(name, lambda: self._stay(number), GROUP, delay_s)

    def stray_tap(self) -> None:
        """A key in use is laid on the wrong reader."""
        self._hub.spawn("stray", self._stray, GROUP)

    # A stay.

    def _stay(self, number: int) -> None:
        numbers = self._numbers
        booth = numbers.choice(self._booths)
        phone = f"6999{number % 10_000:04d}" if numbers.random() < 0.8 else None
        car = Car(number, f"ZQ{number % 10_000:04d}", phone, "", None, booth)
        self.cars[f"car-{number}"] = car
        if not self._insist(lambda: self._receive(car), tries=6, pause_s=60):
            self.counts["turned away"] += 1
            self._give_tags_back(car)
            return
        self.by_visit[car.visit_id] = car
        self.phones[car.visit_id] = None if phone is None else f"+507{phone}"
        self._sleep(60, 400)
        lot = numbers.choice(self._lots)
        if numbers.random() < 0.95:
            self._drive(car, lot, states.TO_LOT)
            self._insist(lambda: self._arrive(car, states.PARKED), tries=6, pause_s=200)
            self._sleep(1200, 9000)
        self._ask_and_fetch(car)
        while not self._insist(lambda: self._hand_over(car), tries=20, pause_s=240):
            if self._is_lost_to_all(car):
                self.counts["on paper"] += 1
                break
            self._insist(lambda: self._arrive(car, states.READY), tries=2, pause_s=30)
        car.is_handed_over, car.state = True, states.HANDED_OVER
        self._give_tags_back(car)
        self.counts["handed over"] += 1

    def _ask_and_fetch(self, car: Car) -> None:
        numbers = self._numbers
        booth = numbers.choice(self._booths)
        self._insist(lambda: self._request(car, booth), tries=5, pause_s=60)
        if numbers.random() < 0.1:
            self._sleep(10, 200)
            self._insist(lambda: self._cancel(car), tries=2, pause_s=20)
            self._sleep(100, 1500)
            booth = numbers.choice(self._booths)
            self._insist(lambda: self._request(car, booth), tries=5, pause_s=60)
        self._sleep(30, 300)
        if car.place_id != booth:
            self._drive(car, booth, states.TO_BOOTH)
        self._insist(lambda: self._arrive(car, states.READY), tries=8, pause_s=120)
        self._sleep(30, 600)

    def _receive(self, car: Car) -> bool:
        machine = self._machines[car.place_id]
        with self._at_desk(car.place_id) as desk:
            found = [card for card in machine.station.search(car.plate) if card.plate == car.plate]
            if found:
                car.visit_id = found[0].visit_id
                return True
            if not car.key_tag:
                desk.give(car, self._numbers, self._copied_tag(car))
            self._badge(machine, self._valet[car.place_id])
            if not car.key_tag or machine.tap(car.key_tag).screen != "receive":
                desk.take_back(car)
                return False
            self._sleep(3, 30)
            with machine.hands() as station:
                station.focus("receive")
                station.edit_draft(
                    plate=car.plate, phone=car.phone, no_phone=car.phone is None, claim_tag=""
                )
            if car.claim_tag is not None:
                machine.tap(car.claim_tag)
            self._sleep(1, 10)
            machine.press("receive", Station.receive, records=events.VISIT_RECEIVED)
            (card,) = machine.station.search(car.plate)
            car.visit_id = card.visit_id
            return True

    def _copied_tag(self, car: Car) -> str | None:
        """Now and then somebody copied a tag, or took it along: two cars will claim it."""
        is_cut = self._machines[car.place_id].line.is_cut
        if not self.by_visit or self._numbers.random() >= (0.4 if is_cut else 0.03):
            return None
        return self.by_visit[self._numbers.choice(sorted(self.by_visit))].key_tag

    def _give_tags_back(self, car: Car) -> None:
        self._desks[car.place_id or self._booths[0]].take_back(car)

    def _drive(self, car: Car, to_place_id: str, state: str) -> None:
        """The car is driven off; with a tap, a button, or (nobody can tell why) neither."""
        runner = self._numbers.choice(self._runners)
        if self._numbers.random() < 0.95:
            self._insist(lambda: self._take(car, runner, to_place_id), tries=2, pause_s=20)
        car.state = state
        self._sleep(200, 700)
        car.place_id = to_place_id

    def _take(self, car: Car, runner: str, to_place_id: str) -> bool:
        machine = self._machines[car.place_id]
        with self._at_desk(car.place_id):
            self._badge(machine, runner)
            if machine.station.card(car.visit_id).destination_name is not None:
                return True
            if self._numbers.random() < 0.7 and car.key_tag:
                if machine.tap(car.key_tag).event_type == events.CAR_TAKEN:
                    return True
                self._sleep(6, 12)
            machine.press(
                "take",
                lambda station: station.take(car.visit_id, to_place_id),
                records=events.CAR_TAKEN,
            )
            return True

    def _arrive(self, car: Car, state: str) -> bool:
        """The car stands at its place: a lot or a booth."""
        car.state = state
        machine = self._machines[car.place_id]
        kind = events.CAR_READY if machine.is_booth else events.CAR_PARKED
        with self._at_desk(car.place_id):
            card = machine.station.card(car.visit_id)
            if (card.car, card.place_id) == (state, car.place_id):
                return True
            self._badge(machine, self._numbers.choice(self._runners))
            if self._numbers.random() < 0.8 and machine.tap(car.key_tag).event_type == kind:
                return True
            if machine.is_booth:
                machine.press("ready", lambda station: station.ready(car.visit_id), records=kind)
            else:
                machine.press("park", lambda station: station.park(car.visit_id), records=kind)
            return True

    def _request(self, car: Car, booth_id: str) -> bool:
        if car.phone is not None and self._numbers.random() < 0.6:
            return self._on_the_web("request", lambda: self._request_by_web(car, booth_id))
        machine = self._machines[self._numbers.choice(self._booths)]
        with self._at_desk(machine.place_id):
            self._badge(machine, self._valet[machine.place_id])
            machine.press(
                "request",
                lambda station: station.request_car(car.visit_id, booth_id),
                records="",
            )
        return True

    def _cancel(self, car: Car) -> bool:
        if car.phone is not None and self._numbers.random() < 0.6:
            return self._on_the_web("cancel", lambda: self._cancel_by_web(car))
        machine = self._machines[self._numbers.choice(self._booths)]
        with self._at_desk(machine.place_id):
            self._badge(machine, self._valet[machine.place_id])
            machine.press(
                "cancel",
                lambda station: station.cancel_request(car.visit_id),
                records=events.VISIT_REQUEST_CANCELLED,
            )
        return True

    def _on_the_web(self, name: str, work: Callable[[], object]) -> bool:
        return self._cloud.do(name, work) is not None

    def _request_by_web(self, car: Car, booth_id: str) -> object:
        cloud, now = self._cloud, self._clock.now()
        return cloud.database.write(
            lambda session: requests.request_car(
                session, cloud.config, cloud.key, car.visit_id, booth_id, None, now
            )
        )

    def _cancel_by_web(self, car: Car) -> object:
        cloud, now = self._cloud, self._clock.now()
        return cloud.database.write(
            lambda session: requests.cancel_request(
                session, cloud.config, cloud.key, car.visit_id, now
            )
        )

    def _hand_over(self, car: Car) -> bool:
        machine = self._machines[car.place_id]
        with self._at_desk(car.place_id):
            try:
                card = machine.station.card(car.visit_id)
            except Refusal:
                # Closed everywhere and dropped: it was handed over in a try that was cut short.
                return self._is_closed(car)
            if card.state == states.HANDED_OVER:
                return True
            self._badge(machine, self._valet[car.place_id])
            if card.request_booth_name is None:
                machine.press(
                    "request",
                    lambda station: station.request_car(car.visit_id, car.place_id),
                    records="",
                )
            self._prove(machine, car)
            return True

    def _prove(self, machine: BoothMachine, car: Car) -> None:
        chance, records = self._numbers.random(), events.VISIT_HANDED_OVER
        if car.claim_tag is not None and chance < 0.5:
            machine.press(
                "show key",
                lambda station: station.show_key(car.visit_id, _key_label(station, car.key_tag)),
                records="",
            )
            if machine.tap(car.claim_tag).event_type == events.VISIT_HANDED_OVER:
                return
        if car.phone is not None and chance < 0.8:
            code = code_at(self._cloud.key.derive(CODE_KEY, car.visit_id), self._clock.now())
            try:
                machine.press(
                    "hand over", lambda at: _give_for_code(at, car, code), records=records
                )
            except Refusal as refusal:
                if refusal.code not in ("no_code", "bad_code", "code_locked"):
                    raise
            else:
                return
        self._badge(machine, self._supervisor)
        machine.press(
            "hand over",
            lambda station: station.hand_over(
                car.visit_id, "supervisor", reason="knows the driver"
            ),
            records=records,
        )

    def _is_closed(self, car: Car) -> bool:
        rows = self._cloud.look.execute(
            "SELECT is_open FROM visits WHERE id = ?", (car.visit_id,)
        ).fetchall()
        return bool(rows) and not bool(rows[0]["is_open"])

    def _is_lost_to_all(self, car: Car) -> bool:
        """The only journal that knew of the car was set back, or set aside."""
        (row,) = self._cloud.look.execute(
            "SELECT count(*) AS n FROM visits WHERE id = ?", (car.visit_id,)
        ).fetchall()
        return bool(row["n"] == 0)

    def _stray(self) -> None:
        cars = [car for car in self.by_visit.values() if not car.is_handed_over and car.key_tag]
        if not cars:
            return
        car = self._numbers.choice(cars)
        place_id = self._numbers.choice(sorted(self._machines))
        machine = self._machines[place_id]

        def tap() -> bool:
            with self._at_desk(place_id):
                self._badge(machine, self._numbers.choice(self._runners))
                machine.tap(car.key_tag)
            return True

        self._insist(tap, tries=1, pause_s=1)

    # How people work.

    def _badge(self, machine: BoothMachine, person_id: str) -> None:
        machine.tap(self._badges[person_id])

    def _insist(self, attempt: Callable[[], bool], *, tries: int, pause_s: float) -> bool:
        for number in range(tries):
            try:
                if attempt():
                    return True
            except (Down, Refusal):
                pass
            if number < tries - 1:
                self._sleep(pause_s / 2, pause_s * 2)
        return False

    def _sleep(self, least_s: float, most_s: float) -> None:
        self._hub.sleep(self._numbers.uniform(least_s, most_s))

    @contextmanager
    def _at_desk(self, place_id: str) -> Iterator[Desk]:
        desk = self._desks[place_id]
        while desk.is_taken:
            self._sleep(5, 40)
        desk.is_taken = True
        try:
            yield desk
        finally:
            desk.is_taken = False


def _give_for_code(station: Station, car: Car, code: str) -> None:
    station.show_key(car.visit_id, _key_label(station, car.key_tag))
    station.hand_over(car.visit_id, "code", code=code)


def _key_label(station: Station, key_tag: str) -> str:
    return station._mirror.roster.label(key_tag)
