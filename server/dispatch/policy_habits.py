"""What the evening itself teaches: where cars come from, and to which lot they go."""

from __future__ import annotations

from server.dispatch.evening_data import Ground
from server.dispatch.evening_seen import Observation


class Habits:
    """Counts of the cars seen so far, every booth beginning with one."""

    def __init__(self, ground: Ground) -> None:
        """Nothing seen yet."""
        self._ground = ground
        self._seen: set[int] = set()
        self._lots: dict[int, int] = {}
        self.arrivals = [0] * ground.booths

    def learn(self, seen: Observation) -> None:
        """Take in the cars that are new."""
        for car in seen.cars:
            if car.car not in self._seen:
                self._seen.add(car.car)
                self.arrivals[car.booth] += 1
                self._lots[car.booth] = car.lot

    def share(self, booth: int) -> float:
        """The share of the coming cars that will come to this booth."""
        return (self.arrivals[booth] + 1) / (sum(self.arrivals) + self._ground.booths)

    def lot(self, booth: int) -> int:
        """Where the next car of this booth will go: where its last one went, or the nearest."""
        lots = range(self._ground.booths, self._ground.nodes)
        row = self._ground.drive_min[booth]
        return self._lots.get(booth, min(lots, key=row.__getitem__))
