"""What a planner is given. Plain values: no database, no clock.

What a district does not say has a default that asks nothing of a plan, so a snapshot can be as
small as some runners and some moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """From one moment to another, the end not included."""

    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Runner:
    """Somebody who drives: at `place_id` and free from `free_at` on.

    `is_driving`: that is where and when a drive under way from `came_from` will end, at the wheel
    or beside it. `is_away`: told to wait elsewhere, and perhaps gone there. `sent_to`: the
    runner left `place_id` at `free_at` without a car and will stand there at `there_at`. No drive
    may overlap one of `breaks`. `licences`: kinds of cars that may be driven beside plain ones.
    """

    id: str
    place_id: str
    free_at: datetime
    licences: frozenset[str] = frozenset()
    breaks: Sequence[Window] = ()
    is_driving: bool = False
    is_away: bool = False
    came_from: str | None = None
    sent_to: str | None = None
    there_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WantedMove:
    """A drive that is wanted. `to_place_id` None: to whichever lot the planner picks.

    `known_at`: since when it is wanted; `release_at`: earliest start of the drive; `due_at`:
    when the driver wants the car (None: nobody waits for it); `promised_by`: until when it was
    promised. `needs`: the licences that its driver must have. `weight` multiplies what its lateness
    costs. `stall`: where in its lot it stands. `leaves_at`: when a car to be parked is expected to
    be asked for; `wanted_back`: the booth and the time of one that is booked for after that.
    """

    visit_id: str
    kind: str
    from_place_id: str
    to_place_id: str | None
    known_at: datetime
    release_at: datetime
    due_at: datetime | None
    needs: frozenset[str] = frozenset()
    weight: float = 1.0
    promised_by: datetime | None = None
    stall: str | None = None
    leaves_at: datetime | None = None
    wanted_back: tuple[str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Travel:
    """Seconds between two places: driving a car and travelling without one."""

    drive_s: int
    empty_s: int


@dataclass(frozen=True, slots=True)
class Shut:
    """A place, or the way from one place to another (`leg`), is shut for cars. People pass."""

    window: Window
    place_id: str | None = None
    leg: tuple[str, str] | None = None

    def stops(self, origin: str, destination: str) -> bool:
        """Whether a car cannot be driven that way meanwhile."""
        return self.leg == (origin, destination) or self.place_id in (origin, destination)


@dataclass(frozen=True, slots=True)
class Booth:
    """A kerb and its key hooks: `standing` cars are there now, each with its key on a hook. Of
    them, some leave by themselves at `leave_at` (their drivers come for them); others arrive at
    `arrive_at`. 0 spaces or hooks: nobody has counted. Beside the kerb are `staging_spaces` for
    cars that nobody has asked for yet; `staged` are there or on their way."""

    kerb_spaces: int
    hooks: int = 0
    standing: int = 0
    leave_at: Sequence[datetime] = ()
    arrive_at: Sequence[datetime] = ()
    staging_spaces: int = 0
    staged: int = 0

    @property
    def room(self) -> int:
        """How many cars the kerb holds; 0 where that is not known."""
        # 0 would say that nobody has counted.
        hooks = max(1, self.hooks - self.staged) if self.hooks > 0 else 0
        return min((count for count in (self.kerb_spaces, hooks) if count > 0), default=0)

    @property
    def staging_room(self) -> int:
        """How many more cars may be staged: each has a space, and a hook for its key."""
        free = self.staging_spaces - self.staged
        if self.hooks > 0:
            free = min(free, self.hooks - self.staged - self.standing - len(self.arrive_at))
        return max(0, free)


@dataclass(frozen=True, slots=True)
class Parked:
    """A car in a stall and when it is expected to be asked for, if anybody can say."""

    visit_id: str
    leaves_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BlockingRow:
    """Stalls one behind the other, the one at the exit first: whoever stands behind another car
    gets out once that one is moved. `cars` by stall."""

    stalls: Sequence[str]
    cars: Mapping[str, Parked] = field(default_factory=dict)

    def in_front_of(self, stall: str) -> list[str]:
        """The visits whose cars stand between this stall and the exit."""
        before = self.stalls[: list(self.stalls).index(stall)]
        return [self.cars[name].visit_id for name in before if name in self.cars]


@dataclass(frozen=True, slots=True)
class Expected:
    """A drive that the forecast expects to be wanted at `at`. Nobody is given it; who has nothing
    else to do waits where it will begin."""

    kind: str
    from_place_id: str
    to_place_id: str
    at: datetime
    weight: float = 0.5


@dataclass(frozen=True, slots=True)
class Stageable:
    """A parked car that nobody has asked for. It may be brought to `booth_id`, where it was left,
    before anybody does; `chance`: that this will be soon. `needs` as of a `WantedMove`."""

    visit_id: str
    lot_id: str
    booth_id: str
    chance: float
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Riding:
    """How runners may ride in a car that a colleague drives: `seats` beside the driver (0: nobody
    does), who waits for them for `wait_s` at most, and only if they are there `gain_s` sooner than
    by their own way."""

    seats: int = 0
    wait_s: int = 0
    gain_s: int = 60


NO_RIDES = Riding()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a decision may depend on.

    `travel` by (from, to); `far` where no time is known. `lots_near` gives for a place the
    lots by driving time, `free_stalls` the stalls left per lot, `rows` those of its rows in which
    cars block each other. `handling_s` is added to each drive: fetching the key, starting,
    parking, hanging the key up; `shuffle_s` for each car that has to be moved first. `arrivals`:
    cars being driven to a booth now (by visit) and when they are expected to stand there.
    `booths` and `shut`: kerbs and closures. `standing`: the plan in force, per runner the visits in
    order. `divert_s`: what it costs a runner under way without a car to be sent elsewhere.
    `stageable`: cars that may be brought near; `spare_runners`: how many stay idle for all that.
    `riding`: how colleagues may ride along; `rides`: who was told so, per runner the visit of the
    car.
    """

    now: datetime
    runners: Sequence[Runner]
    moves: Sequence[WantedMove]
    travel: Mapping[tuple[str, str], Travel]
    far: Travel
    lots_near: Mapping[str, Sequence[str]]
    free_stalls: Mapping[str, int]
    handling_s: int
    arrivals: Mapping[str, datetime]
    booths: Mapping[str, Booth] = field(default_factory=dict)
    rows: Mapping[str, Sequence[BlockingRow]] = field(default_factory=dict)
    shut: Sequence[Shut] = ()
    expected: Sequence[Expected] = ()
    standing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shuffle_s: int = 150
    divert_s: int = 120
    stageable: Sequence[Stageable] = ()
    spare_runners: int = 1
    riding: Riding = NO_RIDES
    rides: Mapping[str, str] = field(default_factory=dict)

    def between(self, origin: str, destination: str) -> Travel:
        """The travel times from one place to another; zero to the same place."""
        if origin == destination:
            return Travel(0, 0)
        return self.travel.get((origin, destination), self.far)
