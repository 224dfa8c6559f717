"""What happened in the district, read out of the log's lines one by one, the slow and plain way.

It shares nothing with the cloud's own reading of events, so that one can be held against the other:
its own order, its own table of what may follow what, its own clock of the district's days.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from server.database import Database

# What comes first of two that their writers counted alike.
ORDER = (
    *("visit.received", "visit.requested", "visit.request_cancelled", "car.taken"),
    *("car.parked", "car.ready", "visit.handed_over", "visit.resolved", "visit.photographed"),
    *("visit.called", "visit.delayed", "visit.reported", "visit.unclaimed", "visit.told"),
    "visit.undone",
)
MAY = {
    "at_booth": {"park": "to_lot", "retrieve": "to_booth", "parked": "parked", "ready": "ready"},
    "to_lot": {"parked": "parked", "ready": "ready"},
    "parked": {
        "retrieve": "to_booth",
        "relocate": "to_lot",
        "parked": "parked",
        "ready": "ready",
    },
    "to_booth": {"ready": "ready", "parked": "parked"},
    "ready": {
        "out": "handed_over",
        "park": "reparking",
        "retrieve": "to_booth",
        "ready": "ready",
        "parked": "parked",
    },
    "reparking": {"parked": "parked", "ready": "ready"},
    "handed_over": {},
}
DRIVEN = ("to_lot", "to_booth", "reparking")
Thing = dict[str, Any]


def moment(value: Any) -> datetime:
    """A time as a database gives it back without a model."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(at, datetime)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def day_hour(at: datetime) -> tuple[date, int]:
    """Panama is five hours behind, and the day ends at six in the morning."""
    local = at.astimezone(UTC).replace(tzinfo=None) - timedelta(hours=5)
    return (local - timedelta(hours=6)).date(), local.hour


def span_s(since: datetime | None, until: datetime | None) -> int | None:
    """Whole seconds, never less than none."""
    if since is None or until is None:
        return None
    return max(0, int((until - since).total_seconds() // 1))


@dataclass
class District:
    """Everything that there is to count."""

    visits: list[Thing] = field(default_factory=list)
    stands: list[Thing] = field(default_factory=list)
    drives: list[Thing] = field(default_factory=list)
    requests: list[Thing] = field(default_factory=list)
    holds: list[Thing] = field(default_factory=list)
    incidents: list[Thing] = field(default_factory=list)
    checks: list[Thing] = field(default_factory=list)
    shifts: list[Thing] = field(default_factory=list)
    told: list[Thing] = field(default_factory=list)
    tables: dict[str, list[Thing]] = field(default_factory=dict)


def read(database: Database) -> District:
    """Read the log, and the tables of what was decided beside it."""
    names = (
        *("events", "journals", "moves", "promises", "promise_outcomes", "messages", "tags"),
        *("visits", "places", "people", "travel", "stations", "quarantine"),
    )
    tables = {
        name: database.read(
            lambda session, name=name: [  # type: ignore[misc]
                dict(row) for row in session.execute(text(f"SELECT * FROM {name}")).mappings()
            ]
        )
        for name in names
    }
    district = District(tables=tables)
    by_visit: dict[str, list[Thing]] = {}
    for row in tables["events"]:
        body = json.loads(bytes(row["line"]))
        told = {
            **body,
            "at": moment(row["at"]),
            "source": row["time_source"],
            "came": moment(row["received_at"]),
            "journal": row["journal_id"],
        }
        district.told.append(told)
        if body["visit_id"] is not None:
            by_visit.setdefault(body["visit_id"], []).append(told)
        elif body["type"].startswith("shift.") and told["source"] != "received":
            district.shifts.append(told)
        elif body["type"] in ("keys.checked", "place.closed"):
            district.checks.append(told)
    for visit_id, events in by_visit.items():
        events.sort(key=lambda e: (e["step"], ORDER.index(e["type"]), e["journal"], e["seq"]))
        undone = {e["data"]["event_id"] for e in events if e["type"] == "visit.undone"}
        told_of = [event for event in events if event["id"] not in undone]
        Walk(district, visit_id).through(told_of)
    for one in district.visits:
        for other in district.visits:
            share(district, one, other)
    return district


def share(district: District, one: Thing, other: Thing) -> None:
    """Two cars had one tag at the same time: each is held until one of them is gone."""
    if one is other or not one["tags"] & other["tags"]:
        return
    begin, ends = max(one["at"], other["at"]), [each["out"] for each in (one, other)]
    end = min((at for at in ends if at is not None), default=None)
    if end is not None and end <= begin:
        return
    state = None
    for since, name in one["states"]:
        if end is not None and since <= end:
            state = name
    told = {"place": one["booth"], "why": "tag_in_use", "at": begin}
    district.holds.append({**told, "until": end, "as": state})


class Walk:
    """One car's way."""

    def __init__(self, district: District, visit_id: str) -> None:
        self.district, self.id = district, visit_id
        self.state, self.place = "", ""
        self.at: datetime | None = None
        self.legs: list[Thing] = []
        self.requests: list[Thing] = []
        self.stands: list[Thing] = []
        self.holds: list[Thing] = []
        self.incidents: list[Thing] = []
        self.ready: datetime | None = None
        self.out: datetime | None = None
        self.is_missed = self.is_doubted = False
        self.stars: int | None = None
        self.states: list[tuple[datetime, str]] = []

    def through(self, events: list[Thing]) -> None:
        """All its events, in their order."""
        first = events[0]
        assert first["type"] == "visit.received"
        self.state, self.place, self.at = "at_booth", first["place_id"], first["at"]
        self.is_doubted = any(event["source"] == "received" for event in events)
        self.stand(first["at"])
        self.states.append((first["at"], self.state))
        for event in events[1:]:
            seen = event["data"].get("seen_at")
            event["since"] = event["at"] if seen is None else min(event["at"], moment(seen))
            self.take(event)
            self.stand(event["since"])
            self.states.append((event["since"], self.state))
        self.note(first)

    def take(self, event: Thing) -> None:
        """One event."""
        kind, data, at = event["type"], event["data"], event["at"]
        if kind == "visit.requested":
            if self.state != "handed_over":
                self.close("replaced", at)
                self.ask(event)
        elif kind == "visit.request_cancelled":
            self.close("cancelled", at)
        elif kind == "visit.resolved":
            self.resolve(event)
        elif kind == "visit.reported" and data["is_over"]:
            for each in self.incidents:
                if each["kind"] == data["kind"] and each["until"] is None:
                    each["until"] = at
        elif kind == "visit.reported":
            self.trouble(event, data["kind"], own=data["is_own"])
        elif kind == "visit.told":
            if data["about"] == "problem":
                self.trouble(event, "claim", own=False)
            self.stars = data.get("stars", self.stars)
        elif kind.startswith("car.") or kind == "visit.handed_over":
            self.move(event)

    def ask(self, event: Thing) -> None:
        """A request."""
        wanted = event["data"].get("wanted_at")
        self.requests.append(
            {
                "id": event["id"],
                "at": event["at"],
                "wanted": None if wanted is None else moment(wanted),
                "booth": event["data"]["booth_id"],
                "lot": self.place if self.state == "parked" else None,
                "status": "open",
            }
        )
        self.is_missed = False

    def close(self, status: str, _at: datetime) -> None:
        """End the open request."""
        if self.requests and self.requests[-1]["status"] == "open":
            self.requests[-1]["status"] = status

    def trouble(self, event: Thing, kind: str, *, own: bool) -> None:
        """An incident."""
        place = event["place_id"] or self.place
        told = {"kind": kind, "own": own, "place": place, "at": event["at"], "until": None}
        self.incidents.append(told)

    def move(self, event: Thing) -> None:
        """The car, or its key, was somewhere."""
        kind, at = event["type"], event["since"]
        step = {"car.parked": "parked", "car.ready": "ready", "visit.handed_over": "out"}.get(kind)
        step = step or event["data"]["move"]
        why = self.clash(event, step)
        if why is not None:
            if not self.holds or self.holds[-1]["until"] is not None:
                told = {"place": event["place_id"], "why": why, "at": event["at"]}
                self.holds.append({**told, "until": None, "as": None})
            return
        before, self.state = self.state, MAY[self.state][step]
        if kind == "car.taken":
            to = event["data"]["to_place_id"]
            leg = {"kind": step, "from": self.place, "to": to, "by": event["actor"], "at": at}
            self.legs.append({**leg, "done": None})
            self.ready = None
        else:
            if self.legs and self.legs[-1]["done"] is None:
                self.legs[-1].update(done=at, to=event["place_id"])
            self.place = event["place_id"]
            if kind == "car.ready":
                self.ready = self.ready or at
            elif kind == "visit.handed_over":
                self.out = at
                self.close("done", at)
        self.miss(before, at)

    def clash(self, event: Thing, step: str) -> str | None:
        """Why it cannot be."""
        if self.holds and self.holds[-1]["until"] is None:
            return "while_held"
        if step not in MAY[self.state]:
            return f"{event['type'].replace('.', '_')}_when_{self.state}"
        elsewhere = event["place_id"] != self.place
        if step == "out":
            is_asked = bool(self.requests) and self.requests[-1]["status"] == "open"
            if elsewhere:
                return "handed_over_elsewhere"
            return None if is_asked else "handed_over_without_request"
        if event["type"] == "car.taken":
            return "taken_elsewhere" if elsewhere else None
        return "seen_at_two_places" if elsewhere and step == self.state else None

    def miss(self, before: str, at: datetime) -> None:
        """A car that was ready and is taken back waits to be asked for anew."""
        if not self.requests or self.requests[-1]["status"] != "open":
            return
        if self.state == "ready":
            self.is_missed = False
        elif before == "ready" and self.state in ("reparking", "parked"):
            self.is_missed = True
        if self.state == "parked" and self.is_missed:
            self.close("cancelled", at)

    def resolve(self, event: Thing) -> None:
        """A person says what is true."""
        at, data = event["at"], event["data"]
        self.is_doubted = True
        if self.holds and self.holds[-1]["until"] is None:
            self.holds[-1].update({"until": at, "as": data["state"]})
        self.state, self.place = data["state"], data["place_id"]
        if self.legs and self.legs[-1]["done"] is None and self.state not in DRIVEN:
            self.legs[-1]["done"] = at
        if self.state == "handed_over":
            self.out = self.out or at
            self.close("done", at)
            return
        self.out = None
        self.ready = (self.ready or at) if self.state == "ready" else None

    def stand(self, at: datetime) -> None:
        """Where it stands now."""
        kind = {"at_booth": "kerb", "ready": "kerb", "parked": "lot"}.get(self.state)
        last = self.stands[-1] if self.stands and self.stands[-1]["until"] is None else None
        if last is not None and (last["kind"], last["place"]) == (kind, self.place):
            return
        if last is not None:
            last["until"] = at
        if kind is not None:
            self.stands.append({"kind": kind, "place": self.place, "at": at, "until": None})

    def note(self, first: Thing) -> None:
        """Put it with all the others."""
        lots = [stand["place"] for stand in self.stands if stand["kind"] == "lot"]
        known = not self.is_doubted
        leg = self.legs[0] if self.legs and known else None
        parked = leg if leg is not None and leg["kind"] == "park" else None
        self.district.visits.append(
            {
                "id": self.id,
                "at": self.at,
                "booth": first["place_id"],
                "lot": lots[0] if lots else None,
                "out": self.out,
                "out_booth": self.place if self.out else None,
                "stay_s": span_s(self.at, self.out) if known else None,
                "take_s": span_s(self.at, leg["at"]) if leg else None,
                "park_s": span_s(parked["at"], parked["done"]) if parked else None,
                "stars": self.stars,
                "tags": {first["data"]["key_tag"], first["data"]["claim_tag"]} - {None},
                "states": self.states,
            }
        )
        self.district.stands += self.stands
        self.district.holds += self.holds
        self.district.incidents += self.incidents
        self.district.drives += self.legs
        for request in self.requests:
            self.district.requests.append({**request, **self.legs_of(request)})

    def legs_of(self, request: Thing) -> Thing:
        """How long each part of the wait was, and what became of the promise."""
        legs: Thing = dict.fromkeys(
            ("wait_s", "assigned_s", "fetched_s", "driven_s", "collected_s", "promise")
        )
        is_last = request is self.requests[-1] and request["status"] in ("open", "done")
        if not is_last or self.ready is None or self.is_doubted:
            return legs
        begin = max(request["at"], request["wanted"] or request["at"])
        legs["wait_s"] = span_s(begin, self.ready)
        legs["collected_s"] = span_s(self.ready, self.out)
        legs["promise"] = self.promise_of(request)
        leg = self.legs[-1] if self.legs else None
        if leg is not None and leg["kind"] == "retrieve" and leg["done"] == self.ready:
            sent = self.sent_at()
            legs["assigned_s"] = span_s(begin, sent)
            legs["fetched_s"] = span_s(max(begin, sent or begin), leg["at"])
            legs["driven_s"] = span_s(max(begin, leg["at"]), self.ready)
        return legs

    def sent_at(self) -> datetime | None:
        """Since when somebody should have been on the way, by the plan."""
        for move in self.district.tables["moves"]:
            if move["visit_id"] == self.id and move["ordinal"] == len(self.legs):
                return None if move["sent_at"] is None else moment(move["sent_at"])
        return None

    def promise_of(self, request: Thing) -> Thing | None:
        """What came of the first promise."""
        for promise in self.district.tables["promises"]:
            for outcome in self.district.tables["promise_outcomes"]:
                if (
                    outcome["promise_id"] == promise["id"]
                    and promise["request_id"] == request["id"]
                ):
                    return {**promise, **outcome}
        return None
