"""The district as a schematic map: where its places, landmarks and moving cars are drawn.

Metres east and north of the district's origin become units of a drawing that is `WIDTH` wide,
with north up. It is a scheme and no map to measure on: places too near each other are drawn
apart, and a lot outside the district is drawn at the edge on its side.

The landmarks are points of OpenStreetMap, to be named as the source wherever they are shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from schemas.district import BOOTH
from server.reports.today_now import DriveNow, PlaceNow

WIDTH = 900
_FILE = Path(__file__).resolve().parent.parent / "data" / "landmarks.json"
# A degree of latitude, and of longitude at the equator (WGS 84, near the equator).
_LATITUDE_M, _LONGITUDE_M = 110_574, 111_320
# A landmark farther from every booth says nothing of this district.
_NEAR_M = 500
_MARGIN = 84.0
_LEAST_SPAN_M = 300.0
_LOW, _HIGH = 0.48, 0.72
# What is drawn of a place, and what is written under it.
_APART, _LINE = 120.0, 24.0
_CHARACTER, _MARK_W, _MARK_H = 7.6, 46.0, 40.0
_SIDE = 9.0

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Landmark:
    """A point that people know, in metres east and north of the origin."""

    name: str
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The landmarks around an origin and who has to be named for them."""

    points: Sequence[Landmark]
    attribution: str
    url: str


@dataclass(frozen=True, slots=True)
class MapPlace:
    """A place and where it is drawn."""

    now: PlaceNow
    x: float
    y: float
    is_outside: bool


@dataclass(frozen=True, slots=True)
class MapLandmark:
    """A landmark that is written; `anchor` is `start` or `end`: its words begin or end there."""

    name: str
    x: float
    y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class MapCar:
    """A car on the way; `turn`: degrees clockwise from the east."""

    drive: DriveNow
    x: float
    y: float
    turn: int


@dataclass(frozen=True, slots=True)
class MapView:
    """The drawing. `land`: the corners around what belongs to the district; `ways`: the pairs of
    ends that cars are on now."""

    height: int
    land: Sequence[Point]
    landmarks: Sequence[MapLandmark]
    places: Sequence[MapPlace]
    ways: Sequence[tuple[Point, Point]]
    cars: Sequence[MapCar]

    @property
    def width(self) -> int:
        """In the same units as all the rest."""
        return WIDTH


@lru_cache(maxsize=4)
def landmarks_around(latitude: float, longitude: float) -> Landmarks:
    """The landmarks as seen from an origin (degrees)."""
    content = json.loads(_FILE.read_text(encoding="utf-8"))
    east_m = _LONGITUDE_M * math.cos(math.radians(latitude))
    points = [
        Landmark(
            each["name"],
            (each["lon"] - longitude) * east_m,
            (each["lat"] - latitude) * _LATITUDE_M,
        )
        for each in content["landmarks"]
    ]
    return Landmarks(points, content["attribution"], content["attribution_url"])


def map_view(
    places: Sequence[PlaceNow], drives: Iterable[DriveNow], landmarks: Sequence[Landmark]
) -> MapView:
    """Where everything is drawn. Without a place there is nothing but an empty sheet."""
    if not places:
        return MapView(round(WIDTH * _LOW), (), (), (), (), ())
    inner = [place for place in places if place.kind == BOOTH] or list(places)
    near = [mark for mark in landmarks if _is_near(mark, inner)]
    corners = [(float(place.x_m), float(place.y_m)) for place in inner]
    corners += [(mark.x_m, mark.y_m) for mark in near]
    frame = _Frame.around(corners)
    drawn = _apart({place.id: frame.inside(place.x_m, place.y_m) for place in places}, frame)
    shown = [
        MapPlace(place, *drawn[place.id], is_outside=not frame.holds(place.x_m, place.y_m))
        for place in places
    ]
    taken = [_box(each.x, each.y) for each in shown]
    cars = [car for drive in drives for car in _car(drive, drawn)]
    ends = {(car.drive.from_place_id, car.drive.to_place_id) for car in cars}
    return MapView(
        height=round(frame.height),
        land=_hull([frame.at(*corner) for corner in corners]),
        landmarks=_written(near, frame, taken),
        places=shown,
        ways=[(drawn[origin], drawn[to]) for origin, to in sorted(ends)],
        cars=cars,
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """How metres become units: `scale` units a metre from the west and the north."""

    west_m: float
    north_m: float
    scale: float
    height: float

    @classmethod
    def around(cls, points: Sequence[Point]) -> _Frame:
        """The frame that just holds these points."""
        xs, ys = zip(*points, strict=True)
        span_x = max(_LEAST_SPAN_M, max(xs) - min(xs))
        span_y = max(_LEAST_SPAN_M, max(ys) - min(ys))
        inner = WIDTH - 2 * _MARGIN
        height = min(max(inner * span_y / span_x + 2 * _MARGIN, WIDTH * _LOW), WIDTH * _HIGH)
        scale = min(inner / span_x, (height - 2 * _MARGIN) / span_y)
        west_m = (min(xs) + max(xs)) / 2 - WIDTH / 2 / scale
        north_m = (min(ys) + max(ys)) / 2 + height / 2 / scale
        return cls(west_m, north_m, scale, height)

    def at(self, x_m: float, y_m: float) -> Point:
        """Where a point is, be it outside."""
        return (x_m - self.west_m) * self.scale, (self.north_m - y_m) * self.scale

    def holds(self, x_m: float, y_m: float) -> bool:
        """Whether a point is on the sheet."""
        return self.kept(self.at(x_m, y_m)) == self.at(x_m, y_m)

    def inside(self, x_m: float, y_m: float) -> Point:
        """Where a point is drawn: at the edge if it is outside."""
        return self.kept(self.at(x_m, y_m))

    def kept(self, point: Point) -> Point:
        """The nearest point on the sheet at which there is room for a place."""
        side = _MARK_W
        x = min(max(point[0], side), WIDTH - side)
        return x, min(max(point[1], _MARK_H), self.height - _MARK_H - _LINE)


def _is_near(mark: Landmark, places: Sequence[PlaceNow]) -> bool:
    return any(math.dist((mark.x_m, mark.y_m), (p.x_m, p.y_m)) <= _NEAR_M for p in places)


def _apart(points: Mapping[str, Point], frame: _Frame) -> dict[str, Point]:
    """The same points, pushed from each other until all can be told apart, or nearly."""
    found, names = dict(points), sorted(points)
    for _ in range(40):
        is_done = True
        for index, one in enumerate(names):
            for other in names[index + 1 :]:
                (x, y), (to_x, to_y) = found[one], found[other]
                gap = math.dist((x, y), (to_x, to_y))
                if gap >= _APART:
                    continue
                is_done = False
                # Two on one spot part from west to east.
                along = ((to_x - x) / gap, (to_y - y) / gap) if gap else (1.0, 0.0)
                push = (_APART - gap) / 2 + 0.5
                found[one] = frame.kept((x - along[0] * push, y - along[1] * push))
                found[other] = frame.kept((to_x + along[0] * push, to_y + along[1] * push))
        if is_done:
            break
    return {name: (round(x, 1), round(y, 1)) for name, (x, y) in found.items()}


def _car(drive: DriveNow, drawn: Mapping[str, Point]) -> list[MapCar]:
    """A car on the right side of its way; none if nobody knows where one of the ends is."""
    if drive.from_place_id not in drawn or drive.to_place_id not in drawn:
        return []
    (x, y), (to_x, to_y) = drawn[drive.from_place_id], drawn[drive.to_place_id]
    angle = math.atan2(to_y - y, to_x - x)
    # Never quite at an end: there the place itself is drawn.
    share = 0.12 + 0.76 * drive.share
    return [
        MapCar(
            drive,
            round(x + (to_x - x) * share - math.sin(angle) * _SIDE, 1),
            round(y + (to_y - y) * share + math.cos(angle) * _SIDE, 1),
            round(math.degrees(angle)),
        )
    ]


def _written(near: Sequence[Landmark], frame: _Frame, taken: Sequence[Box]) -> list[MapLandmark]:
    """The landmarks whose words cover nothing that is drawn before them."""
    boxes, found = list(taken), []
    for mark in near:
        x, y = frame.at(mark.x_m, mark.y_m)
        width = _CHARACTER * len(mark.name) + 12
        for anchor, left in (("start", x - 4), ("end", x - width + 4)):
            box = left, y - 11, left + width, y + 11
            if left >= 0 and box[2] <= WIDTH and not any(_overlap(box, each) for each in boxes):
                boxes.append(box)
                found.append(MapLandmark(mark.name, round(x, 1), round(y, 1), anchor))
                break
    return found


def _box(x: float, y: float) -> Box:
    return x - _MARK_W, y - _MARK_H / 2, x + _MARK_W, y + _MARK_H / 2 + _LINE


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _hull(points: Sequence[Point]) -> list[Point]:
    """The convex hull (Andrew's monotone chain)."""
    ordered = sorted({(round(x, 1), round(y, 1)) for x, y in points})
    if len(ordered) < 3:
        return ordered

    def half(row: Iterable[Point]) -> list[Point]:
        chain: list[Point] = []
        for point in row:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return half(ordered) + half(reversed(ordered))


def _turn(origin: Point, one: Point, other: Point) -> float:
    return (one[0] - origin[0]) * (other[1] - origin[1]) - (one[1] - origin[1]) * (
        other[0] - origin[0]
    )
