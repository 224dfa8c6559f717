"""Below what no policy's J can be, however many runners there are: every car on its own."""

from __future__ import annotations

from server.dispatch.evening_data import Evening


def alone_bound_j(evening: Evening) -> float:
    """J if a runner stood ready beside every car at every minute, and every kerb were endless.

    Each car is then late only by its own drives. A relaxation of the evening, so a true bound;
    loose where runners are short, where a bound that counts runners is higher.
    """
    ground, late = evening.ground, 0
    for car in evening.cars:
        parked = car.arrive_min + ground.loaded_min(car.booth, car.lot)
        back = max(parked, car.ask_min) + ground.loaded_min(car.lot, car.return_booth)
        late += max(0, back - car.want_min)
    return late / len(evening.cars)
