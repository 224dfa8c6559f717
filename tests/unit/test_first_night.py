"""The first night of a new hire: thirty cars by taps alone, the network away in the middle."""

from __future__ import annotations

from tests.booth_evening import ANA, CLAIMS, KEYS, ROSA, Evening
from tests.screen_hand import Counts, ScreenHand

CARS = 30
TAPS_MOST = 4


class Night:
    """One valet at a booth and one runner; the lot's screen is where the runner taps."""

    def __init__(self, evening: Evening) -> None:
        self.evening = evening
        self.counts = Counts()
        evening.tap(ANA)
        evening.tap(ROSA, evening.lot)
        self.booth = ScreenHand(evening, evening.booth, self.counts)
        self.lot = ScreenHand(evening, evening.lot, self.counts)
        self.is_cut = False

    def meet(self) -> None:
        """Both stations exchange what they know, while there is a network."""
        if not self.is_cut:
            self.evening.meet()

    def receive(self, number: int) -> None:
        """Key tag, plate, phone, damage, details, claim tag."""
        booth, step = self.booth, self.booth.step
        with step("receive: key"):
            booth.tap(ANA)
            booth.tap(KEYS[number])
        with step("receive: plate"):
            booth.type("plate", f"PA{number:04d}")
            booth.touch("Siguiente")
        with step("receive: phone"):
            booth.type("phone", f"6123{number:04d}")
            booth.touch("Siguiente")
        with step("receive: damage"):
            booth.touch("Sin daños")
        with step("receive: details"):
            booth.touch("Rojo")
            booth.touch("Siguiente")
        with step("receive: claim tag"):
            assert booth.tap(CLAIMS[number]).event_type == "visit.received"
        self.meet()

    def take(self, number: int) -> None:
        """The runner takes the key from the booth."""
        with self.booth.step("take"):
            self.booth.tap(ROSA)
            assert self.booth.tap(KEYS[number]).event_type == "car.taken"
        self.meet()

    def park(self, number: int) -> None:
        """The key is at the lot: that is all of parking. One in five stands elsewhere."""
        with self.lot.step("park"):
            self.lot.tap(ROSA)
            assert self.lot.tap(KEYS[number]).event_type == "car.parked"
            if number % 5 == 0:
                assert "¿Quedó en otro?" in self.lot.words
                self.lot.touch(str(self.free_stall(3)))
        self.meet()

    def free_stall(self, place: int) -> str:
        """One of the stalls that the screen offers."""
        return self.evening.lot.room.stalls(place + 1)[place]

    def request(self, hand: ScreenHand, number: int) -> None:
        """The driver asks at the booth; without a network the lot hears of it by radio."""
        badge = ANA if hand is self.booth else ROSA
        with hand.step("request"):
            hand.tap(badge)
            hand.tap(CLAIMS[number] if hand is self.booth else KEYS[number])
            hand.touch("Pedir carro")
            hand.touch("Pedir")
        self.meet()

    def bring(self, number: int) -> None:
        """Out of the lot and to the kerb."""
        with self.lot.step("bring out"):
            self.lot.tap(ROSA)
            assert self.lot.tap(KEYS[number]).event_type == "car.taken"
        self.meet()
        with self.booth.step("ready"):
            self.booth.tap(ROSA)
            assert self.booth.tap(KEYS[number]).event_type == "car.ready"
        self.meet()

    def hand_over(self, number: int) -> None:
        """Key, claim tag, gone."""
        with self.booth.step("hand over"):
            self.booth.tap(ANA)
            self.booth.tap(KEYS[number])
            assert f"PA{number:04d}" in self.booth.words
            assert self.booth.tap(CLAIMS[number]).event_type == "visit.handed_over"
        self.meet()


def test_thirty_cars_by_taps_alone_with_the_network_away_for_a_third_of_them(
    evening: Evening,
) -> None:
    night = Night(evening)
    for number in range(15):
        night.receive(number)
        night.take(number)
        night.park(number)

    night.is_cut = True
    for number in range(10):
        night.request(night.booth, number)
        night.request(night.lot, number)
        night.bring(number)
        night.hand_over(number)
    for number in range(15, 20):
        night.receive(number)
        night.take(number)
    assert evening.booth.status().unsent == 40

    night.is_cut = False
    night.meet()
    for number in range(15, 20):
        night.park(number)
    for number in range(20, CARS):
        night.receive(number)
        night.take(number)
        night.park(number)
    for number in range(10, CARS):
        night.request(night.booth, number)
        night.bring(number)
        night.hand_over(number)

    for station in (evening.booth, evening.lot):
        assert station.queue() == []
        assert station.floor.keys.on_hooks() == station.floor.keys.in_hands() == []
        assert station.status().unsent == 0
    assert night.counts.times["hand over"] == CARS
    assert night.counts.typed == {"plate", "phone"}
    assert max(night.counts.most.values()) <= TAPS_MOST, night.counts.most
