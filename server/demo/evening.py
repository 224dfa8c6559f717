"""A short evening of cars, played by hands that tap tags, fill in forms and open links."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import structlog
import urllib3

from schemas.district import BOOTH, CLAIM_TAG, KEY_TAG, LOT, RUNNER, VALET, District, Person
from server import clock
from server.demo.booth_screen import BoothScreen, ScreenError
from server.demo.counter import Counter
from server.demo.processes import DemoError
from server.sms.recording import read_recorded

log = structlog.get_logger()
T = TypeVar("T")

_CARS = 8
_LINK = re.compile(r"https?://\S+")
_CODE = re.compile(r'class="code">(.*?)</p>', re.DOTALL)
_DIGIT = re.compile(r"<span>(\d)</span>")
_TICKET = re.compile(r"^/tickets/([0-9a-f-]{36})$")
_PATIENCE_S = 30.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the evening is played: the district, its counters and screens, by place id."""

    district: District
    counters: Mapping[str, Counter]
    screens: Mapping[str, BoothScreen]
    messages: Path
    speed: int
    pins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Car:
    """One car of the evening and its driver."""

    arrives_s: float
    booth_id: str
    back_at_id: str
    plate: str
    phone: str
    key_tag: str
    claim_tag: str
    stays_s: float


@dataclass(slots=True)
class Evening:
    """Plays all cars, each on a thread of its own. The same seed gives the same evening."""

    stage: Stage
    seed: int = 427
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _at_place: dict[str, threading.Lock] = field(default_factory=dict)
    _runners: list[Person] = field(default_factory=list)
    _runner_free: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Begin; returns at once."""
        people = self.stage.district.people
        self._runners = [person for person in people if RUNNER in person.roles and person.badge_tag]
        self._at_place = {place: threading.Lock() for place in self.stage.counters}
        for car in cars(self.stage.district, self.seed):
            thread = threading.Thread(target=self._play, args=(car,), name=car.plate, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the evening where it is."""
        self._over.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the last car to be gone; whether it is."""
        deadline = clock.mono_s() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - clock.mono_s()))
        return not any(thread.is_alive() for thread in self._threads)

    def _play(self, car: Car) -> None:
        try:
            self._sleep(car.arrives_s)
            visit_id = self._receive(car)
            lot = self._drive(car, car.booth_id, self._nearest_lot(car.booth_id))
            link = self._link(car)
            self._sleep(car.stays_s)
            self._request(car, link)
            self._drive(car, lot, car.back_at_id)
            self._hand_over(car, visit_id, link)
        except _Over:
            return
        except (DemoError, ScreenError, urllib3.exceptions.HTTPError) as error:
            # One car's story may break (somebody pulled a cable); the evening goes on.
            log.warning("demo_car_left_alone", booth=car.booth_id, why=str(error))

    def _receive(self, car: Car) -> str:
        """Take the car in at its booth; returns the visit's id."""
        screen = self.stage.screens[car.booth_id]
        with self._at_place[car.booth_id]:
            self._sign_on(car.booth_id, self._one_of(VALET))
            self._tap(car.booth_id, car.key_tag)
            self._until(lambda: screen.show("/receive").path == "/receive/plate")
            screen.fill("/receive/plate", {"plate": car.plate})
            screen.fill("/receive/phone", {"phone": car.phone})
            screen.fill("/receive/damage", {"none": "1"})
            self._tap(car.booth_id, car.claim_tag)
            # Not yet at the last step, where the tap itself would save.
            self._until(lambda: "claimed" in screen.show("/receive/details").text)
            page = screen.fill("/receive/check", {})
        found = _TICKET.match(page.path)
        if found is None:
            raise ScreenError(f"the reception ended at {page.path}")
        return found[1]

    def _drive(self, car: Car, origin: str, destination: str) -> str:
        """Let a runner drive the car, badge and key tag at both ends; returns the destination."""
        runner = self._take_runner()
        try:
            self._work(origin, runner, car.key_tag)
            leg = next(
                travel.drive_s
                for travel in self.stage.district.travel
                if (travel.from_place_id, travel.to_place_id) == (origin, destination)
            )
            self._sleep(leg)
            self._work(destination, runner, car.key_tag)
        finally:
            self._give_back(runner)
        return destination

    def _hand_over(self, car: Car, visit_id: str, link: str) -> None:
        screen = self.stage.screens[car.back_at_id]
        self._sleep(60)
        code = self._until(lambda: code_on(read_page(link)))
        with self._at_place[car.back_at_id]:
            self._sign_on(car.back_at_id, self._one_of(VALET))
            self._tap(car.back_at_id, car.key_tag)
            screen.fill(f"/hand-over/{visit_id}", {"code": code})

    def _request(self, car: Car, link: str) -> None:
        answer = urllib3.request(
            "POST",
            f"{link}/request",
            body=urlencode({"booth_id": car.back_at_id, "when": "now"}),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        if answer.status >= 400:
            raise ScreenError(f"the driver's request was answered with {answer.status}")

    def _link(self, car: Car) -> str:
        """The link in the text message that this driver got."""

        def look() -> str | None:
            for message in read_recorded(self.stage.messages):
                link = _LINK.search(message.text)
                if message.phone == car.phone and link is not None:
                    return link[0]
            return None

        return self._until(look)

    def _work(self, place_id: str, runner: Person, key_tag: str) -> None:
        with self._at_place[place_id]:
            self._sign_on(place_id, runner)
            self._tap(place_id, key_tag)

    def _tap(self, place_id: str, tag: str) -> None:
        if self._over.is_set():
            raise _Over
        self.stage.counters[place_id].tap(tag)
        # A tag has left the reader when it was silent for a while; the next tap is another one.
        self._pause(0.9)

    def _sign_on(self, place_id: str, person: Person) -> None:
        """The badge, and the PIN where the screen asks for it."""
        assert person.badge_tag is not None
        self._tap(place_id, person.badge_tag)
        type_pin(self.stage.screens[place_id], person, self.stage.pins[person.id])

    def _one_of(self, role: str) -> Person:
        return next(p for p in self.stage.district.people if role in p.roles and p.badge_tag)

    def _nearest_lot(self, booth_id: str) -> str:
        lots = {place.id for place in self.stage.district.places if place.kind == LOT}
        legs = [t for t in self.stage.district.travel if t.from_place_id == booth_id]
        return min((t for t in legs if t.to_place_id in lots), key=lambda t: t.drive_s).to_place_id

    def _take_runner(self) -> Person:
        with self._runner_free:
            while not self._runners:
                self._runner_free.wait(0.5)
                if self._over.is_set():
                    raise _Over
            return self._runners.pop(0)

    def _give_back(self, runner: Person) -> None:
        with self._runner_free:
            self._runners.append(runner)
            self._runner_free.notify()

    def _sleep(self, life_s: float) -> None:
        self._pause(life_s / self.stage.speed)

    def _pause(self, real_s: float) -> None:
        if self._over.wait(real_s):
            raise _Over

    def _until(self, look: Callable[[], T | None]) -> T:
        """What `look` finds, asked again until it finds something."""
        deadline = clock.mono_s() + _PATIENCE_S
        while clock.mono_s() < deadline:
            found = look()
            if found:
                return found
            self._pause(0.25)
        raise ScreenError("what should have happened did not")


def type_pin(screen: BoothScreen, person: Person, pin: str) -> None:
    """After a badge: type its owner's PIN if the screen asks for it, once a shift at each station.
    Raises `ScreenError` if it is refused, or if the badge was not read."""
    deadline = clock.mono_s() + _PATIENCE_S
    while clock.mono_s() < deadline:
        # Only looked at: no finger has opened it.
        if f'<span class="who">{person.name}</span>' in screen.show("/queue?redraw=1").text:
            return
        if f'action="/unlock/{person.id}?' in screen.show("/badge").text:
            screen.fill(f"/unlock/{person.id}", {"pin": pin})
            return
        threading.Event().wait(_LOOK_EVERY_S)
    raise ScreenError(f"the badge of {person.id} was not read")


class _Over(Exception):
    """The evening was ended."""


def cars(district: District, seed: int) -> Sequence[Car]:
    """The evening's cars. They leave enough tags for people with a mouse."""
    rng = random.Random(seed)  # noqa: S311 (an evening, not a secret)
    booths = [place.id for place in district.places if place.kind == BOOTH]
    keys = [tag.id for tag in district.tags if tag.kind == KEY_TAG]
    claims = [tag.id for tag in district.tags if tag.kind == CLAIM_TAG and tag.is_secure]
    return [
        Car(
            arrives_s=60 + number * 150 + rng.uniform(0, 60),
            booth_id=booths[number % len(booths)],
            back_at_id=rng.choice(booths),
            plate=f"{rng.choice('ABCDE')}{rng.choice('ABCDEFGH')}{rng.randrange(1000, 9999)}",
            phone=f"+5076{rng.randrange(10**6, 10**7)}",
            key_tag=keys[number],
            claim_tag=claims[number],
            stays_s=rng.uniform(300, 1500),
        )
        for number in range(_CARS)
    ]


def code_on(page: str) -> str | None:
    """The hand-over code that a driver's page shows, if it shows one."""
    found = _CODE.search(page)
    return "".join(_DIGIT.findall(found[1])) if found else None


def read_page(url: str) -> str:
    """The page behind a URL."""
    return urllib3.request("GET", url).data.decode(errors="replace")
