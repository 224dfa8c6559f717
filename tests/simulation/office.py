"""The district's office: somebody looks at what is held, and says what is true."""

from __future__ import annotations

import random

from schemas.problems import Refusal
from server import requests
from tests.simulation.cars import Car
from tests.simulation.clocks import WorldClock
from tests.simulation.cloud import CloudMachine
from tests.simulation.hub import Hub
from tests.simulation.people import GROUP, People

MANAGER = "rosa"


class Office:
    """A manager in front of the cloud's pages; a task of the people's group."""

    def __init__(
        self, hub: Hub, numbers: random.Random, cloud: CloudMachine, people: People
    ) -> None:
        self._hub = hub
        self._numbers = numbers
        self._cloud = cloud
        self._people = people
        self._clock = WorldClock(hub)

    def opens(self) -> None:
        """Somebody looks, again and again."""
        self._hub.spawn("manager", self._manage, GROUP, 600.0)

    def _manage(self) -> None:
        while True:
            self._hub.sleep(self._numbers.uniform(400, 1200))
            for visit_id in self._held():
                car = self._people.by_visit.get(visit_id)
                if car is not None and self._numbers.random() < 0.8:
                    self._resolve(visit_id, car)

    def _resolve(self, visit_id: str, car: Car) -> None:
        cloud, now = self._cloud, self._clock.now()
        place_id = car.place_id
        try:
            cloud.do(
                "resolve",
                lambda: cloud.database.write(
                    lambda session: requests.resolve(
                        session,
                        cloud.config,
                        cloud.key,
                        visit_id,
                        car.state,
                        place_id,
                        "went and looked",
                        MANAGER,
                        now,
                    )
                ),
            )
        except Refusal:
            return
        self._people.counts["resolved"] += 1

    def _held(self) -> list[str]:
        rows = self._cloud.look.execute(
            "SELECT id FROM visits WHERE is_open AND (state = 'held' OR tag_shared) ORDER BY id"
        )
        return [row["id"] for row in rows.fetchall()]
