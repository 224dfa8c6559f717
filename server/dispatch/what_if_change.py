"""One change to a night: more or fewer runners, another rule, a closed way, a new booth, cars
that are staged near the booths.

A change is a small document, `{"kind": …}` with what belongs to it. `changed` gives the night with
the change in it, `planner_of` the planner that plays it. The same planner and the same twin play
the night without the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from schemas.district import BOOTH
from schemas.problems import Refusal
from server.dispatch import first_come, planner
from server.dispatch.plan import Plan, Planner
from server.dispatch.route_search import Budget
from server.dispatch.snapshot import Snapshot

RUNNERS = "runners"
RULE = "rule"
CLOSED = "closed"
NEW_BOOTH = "booth"
STAGING = "staging"
KINDS = (RUNNERS, RULE, CLOSED, NEW_BOOTH, STAGING)

STAY = "stay"
AT_LOTS = "lots"
AT_BOOTHS = "booths"
IN_TURN = "in_turn"
RULES = (STAY, AT_LOTS, AT_BOOTHS, IN_TURN)

_MORE = (-2, -1, 1, 2)
_NEW_ID = "new-booth"
# A new booth stands so far from the one that it relieves, by car and without one.
_BESIDE_S = 60


class _Change(Schema):
    class Meta:
        unknown = RAISE

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))


class _Runners(_Change):
    more = fields.Integer(required=True, validate=validate.OneOf(_MORE))


class _Rule(_Change):
    rule = fields.String(required=True, validate=validate.OneOf(RULES))


class _Closed(_Change):
    from_place_id = fields.String(required=True)
    to_place_id = fields.String(load_default=None, allow_none=True)


class _NewBooth(_Change):
    near = fields.String(required=True)
    kerb_spaces = fields.Integer(required=True, validate=validate.Range(1, 50))
    share_percent = fields.Integer(required=True, validate=validate.Range(5, 95))


class _Staging(_Change):
    place_id = fields.String(load_default=None, allow_none=True)
    spaces = fields.Integer(required=True, validate=validate.Range(0, 50))


_SCHEMAS: Mapping[str, type[Schema]] = {
    RUNNERS: _Runners,
    RULE: _Rule,
    CLOSED: _Closed,
    NEW_BOOTH: _NewBooth,
    STAGING: _Staging,
}


def read_change(document: Mapping[str, Any]) -> dict[str, Any]:
    """The change that a document says. Raises `Refusal("bad_choice")`."""
    schema = _SCHEMAS.get(str(document.get("kind")))
    if schema is None:
        raise Refusal("bad_choice")
    try:
        change: dict[str, Any] = schema().load(document)
    except ValidationError:
        raise Refusal("bad_choice") from None
    return change


def changed(night: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The night with the change. Raises `Refusal("bad_choice")` for one that cannot be made."""
    if change["kind"] == RUNNERS:
        return {**night, "runners": _with_runners(night["runners"], change["more"])}
    if change["kind"] == CLOSED:
        return {**night, "closures": [*night.get("closures", ()), *_closures(night, change)]}
    if change["kind"] == NEW_BOOTH:
        return _with_booth(night, change)
    if change["kind"] == STAGING:
        return _with_staging(night, change)
    return dict(night)


def planner_of(change: Mapping[str, Any] | None) -> Planner:
    """The live planner, or the one that another rule makes of it."""
    rule = None if change is None else change.get("rule")
    if rule is None:
        return planner.plan
    if rule == IN_TURN:
        return first_come.plan

    def plan(snapshot: Snapshot, seed: int, budget: Budget) -> Plan:
        found = planner.plan(snapshot, seed, budget)
        return replace(found, waits=_waits(snapshot, found, rule))

    return plan


def places_of(night: Mapping[str, Any], kind: str) -> Sequence[Mapping[str, Any]]:
    """The night's booths or lots."""
    return [place for place in night["district"]["places"] if place["kind"] == kind]


def _with_runners(shifts: Sequence[Mapping[str, Any]], more: int) -> list[Mapping[str, Any]]:
    if more < 0:
        if len(shifts) + more < 1:
            raise Refusal("bad_choice")
        # Those who were there for the shortest time are missed the least.
        longest = sorted(shifts, key=_hours, reverse=True)[: len(shifts) + more]
        return [shift for shift in shifts if shift in longest]
    models = sorted(shifts, key=_hours, reverse=True)
    added = [
        {"id": f"more-{number + 1}", "place_id": models[number % len(models)]["place_id"]}
        for number in range(more)
    ]
    return [*shifts, *added]


def _hours(shift: Mapping[str, Any]) -> float:
    until = shift.get("until_min")
    return (float("inf") if until is None else until) - float(shift.get("from_min", 0))


def _closures(night: Mapping[str, Any], change: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {place["id"] for place in night["district"]["places"]}
    origin, to = change["from_place_id"], change["to_place_id"]
    if origin not in known or (to is not None and to not in known) or origin == to:
        raise Refusal("bad_choice")
    if to is None:
        return [{"place_id": origin}]
    return [{"leg": [origin, to]}, {"leg": [to, origin]}]


def _with_staging(night: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """So many spaces for cars that are brought near before anybody asks, at one booth or each."""
    district, chosen = night["district"], change["place_id"]
    booths = {place["id"] for place in places_of(night, BOOTH)}
    if chosen is not None and chosen not in booths:
        raise Refusal("bad_choice")
    wanted = booths if chosen is None else {chosen}
    places = [
        {**place, "staging_spaces": change["spaces"]} if place["id"] in wanted else place
        for place in district["places"]
    ]
    return {**night, "district": {**district, "places": places}}


def _with_booth(night: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A second booth beside one, which takes a share of its cars: every so many of them."""
    district, near = night["district"], change["near"]
    beside = next((place for place in places_of(night, BOOTH) if place["id"] == near), None)
    if beside is None:
        raise Refusal("bad_choice")
    letters = {place["letter"] for place in district["places"]}
    letter = next(one for one in "XYZWVUTSRQPONMLKJIHGFEDCBA" if one not in letters)
    booth = {
        **beside,
        "id": _NEW_ID,
        "letter": letter,
        "name": f"{beside['name'][:56]} 2",
        "kerb_spaces": change["kerb_spaces"],
    }
    return {
        **night,
        "district": {
            **district,
            "places": [*district["places"], booth],
            "travel": [*district["travel"], *_ways(district["travel"], near)],
        },
        "arrivals": _shared(night["arrivals"], near, change["share_percent"]),
    }


def _ways(travel: Sequence[Mapping[str, Any]], near: str) -> list[dict[str, Any]]:
    """As long as from and to the booth beside it."""
    ways = []
    for leg in travel:
        for end, other in (("from_place_id", "to_place_id"), ("to_place_id", "from_place_id")):
            if leg[end] == near and leg[other] != near:
                ways.append({**leg, end: _NEW_ID})
    between = {"drive_s": _BESIDE_S, "empty_s": _BESIDE_S}
    ways.append({"from_place_id": near, "to_place_id": _NEW_ID, **between})
    ways.append({"from_place_id": _NEW_ID, "to_place_id": near, **between})
    return ways


def _shared(arrivals: Mapping[str, Any], near: str, percent: int) -> dict[str, Any]:
    if "cars" in arrivals:
        return {"cars": _moved(arrivals["cars"], near, percent)}
    (kind, rows), *_ = arrivals.items()
    taken, left = [], []
    owed = 0.0
    for count in rows.get(near, ()):
        if kind == "per_hour":
            part: float = count * percent / 100
        else:
            owed += count * percent / 100
            part = int(owed)
            owed -= part
        taken.append(part)
        left.append(count - part)
    return {kind: {**rows, near: left, _NEW_ID: taken}}


def _moved(cars: Sequence[Mapping[str, Any]], near: str, percent: int) -> list[dict[str, Any]]:
    owed, moved = 0, []
    for car in cars:
        is_there = car["booth_id"] == near or car.get("return_booth_id") == near
        owed += percent if is_there else 0
        if not is_there or owed < 100:
            moved.append(dict(car))
            continue
        owed -= 100
        ends = {name: _NEW_ID for name in ("booth_id", "return_booth_id") if car.get(name) == near}
        moved.append({**car, **ends})
    return moved


def _waits(snapshot: Snapshot, plan: Plan, rule: str) -> dict[str, str]:
    """Where those without a job wait by another rule than the forecast."""
    if rule == STAY:
        return {}
    busy = {job.runner_id for job in plan.jobs}
    wanted = set(snapshot.free_stalls) if rule == AT_LOTS else set(snapshot.booths)
    waits = {}
    for runner in snapshot.runners:
        if runner.id in busy or runner.is_driving:
            continue
        here = runner.sent_to or runner.place_id
        if here in wanted or not wanted:
            continue
        waits[runner.id] = min(
            wanted,
            key=lambda place, here=here: (snapshot.between(here, place).empty_s, place),  # type: ignore[misc]
        )
    return waits
