"""What the reports of work have to say, counted by hand: runners, incidents, messages, stations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from tests.naive_days import Days, Key, Told, day_of, groups_of, named, pick, rank, share
from tests.naive_district import Thing, moment, span_s


def _worked(days: Days) -> dict[tuple[str, date], tuple[int, int, int, int, int]]:
    """What everybody did on every day: on, driving, on the way, idle, drives."""
    district = days.district
    ways = {
        (way["from_place_id"], way["to_place_id"]): way["empty_s"]
        for way in district.tables["travel"]
    }
    drivers = {p["id"] for p in district.tables["people"] if '"runner"' in p["roles"]}
    found = {}
    for day in days.dates:
        people = {d["by"] for d in district.drives} | {s["actor"] for s in district.shifts}
        for person in people:
            drives = [d for d in district.drives if d["by"] == person and day_of(d) == day]
            shifts = [s for s in district.shifts if s["actor"] == person and day_of(s) == day]
            done = [d for d in drives if d["done"] is not None]
            if not (done or (person in drivers and (drives or shifts))):
                continue
            heard = [(s["at"], s["type"] in ("shift.signed_on", "shift.resumed")) for s in shifts]
            heard += [(d["at"], True) for d in drives] + [(d["done"], True) for d in done]
            heard.sort(key=lambda each: (each[0], not each[1]))
            on_s = sum(span_s(one[0], two[0]) or 0 for one, two in pairwise(heard) if one[1])
            drive_s = min(on_s, sum(span_s(d["at"], d["done"]) or 0 for d in done))
            empty_s = 0
            drives.sort(key=lambda d: d["at"])
            for one, two in pairwise(drives):
                if one["done"] is None or one["to"] == two["from"] or two["at"] < one["done"]:
                    continue
                there_was = span_s(one["done"], two["at"]) or 0
                empty_s += min(there_was, ways.get((one["to"], two["from"]), there_was))
            empty_s = min(empty_s, on_s - drive_s)
            idle_s = on_s - drive_s - empty_s
            found[person, day] = (on_s, drive_s, empty_s, idle_s, len(done))
    return found


def _add(times: Iterable[Sequence[int]]) -> tuple[int, ...]:
    each = list(times)
    return tuple(sum(one[n] for one in each) for n in range(5))


def _pace(time: Sequence[int]) -> float | None:
    return round(time[4] * 3600 / time[0], 1) if time[0] else None


def runners(days: Days, past: Days) -> dict[str, Told]:
    """What runners did with their time."""
    now, before = _worked(days), _worked(past)
    back = days.first - past.first

    def row(mine: Iterable[Sequence[int]], then: Iterable[Sequence[int]]) -> tuple[Any, ...]:
        one, two = _add(mine), _add(then)
        return (*one, _pace(one), two[0], _pace(two))

    people = sorted({person for person, _ in (*now, *before)})
    whole, earlier = _add(now.values()), _add(before.values())
    by_person = [
        (
            who,
            *row(
                [t for (p, _), t in now.items() if p == who],
                [t for (p, _), t in before.items() if p == who],
            ),
        )
        for who in people
    ]
    by_day = [
        (
            d,
            *row(
                [t for (_, at), t in now.items() if at == d],
                [t for (_, at), t in before.items() if at == d - back],
            ),
        )
        for d in days.dates
    ]
    busiest = max(by_day, key=lambda each: each[5])
    split = {name: share(whole[at], whole[0]) for at, name in ((1, "driving"), (2, "empty"))}
    return {
        "runners_by_person": (
            whole[4],
            by_person,
            {
                "per_hour": _pace(whole),
                **split,
                "idle": share(whole[3], whole[0]),
                "before": _pace(earlier),
            },
        ),
        "runners_by_day": (
            whole[4],
            by_day,
            {
                "drives": whole[4],
                "day": busiest[0],
                "most": busiest[5],
                "before": earlier[4],
            },
        ),
        "runners_by_way": _ways(days, past),
    }


def _ways(days: Days, past: Days) -> Told:
    def of(each: Days) -> list[Thing]:
        places = [place for place in (each.booth, each.lot) if place is not None]
        return [
            d
            for d in each.district.drives
            if d["done"] is not None
            and each.holds(d["at"])
            and all(place in (d["from"], d["to"]) for place in places)
        ]

    key: Key = lambda d: (d["from"], d["to"])  # noqa: E731
    now, before = of(days), of(past)
    rows = []
    for way in groups_of(map(key, now), map(key, before)):
        mine, then = (
            [span_s(d["at"], d["done"]) for d in pick(each, key, way)] for each in (now, before)
        )
        quantiles = (rank(mine, 50), rank(mine, 90), rank(mine, 95))
        rows.append((*way, len(mine), *quantiles, len(then), rank(then, 50)))
    most = max(rows, key=lambda each: each[2], default=("", "", 0, None, None, None, 0, None))
    return (
        len(now),
        rows,
        {
            "origin": most[0],
            "to": most[1],
            "median": most[3],
            "p90": most[4],
            "before": most[7],
        },
    )


def messages(days: Days, past: Days) -> dict[str, Told]:
    """Messages, their parts and their cost."""
    homes = {v["id"]: v for v in days.district.visits}

    def of(each: Days) -> list[Thing]:
        return [
            m
            for m in each.district.tables["messages"]
            if each.holds(moment(m["created_at"]))
            and each.fits(homes[m["visit_id"]], "booth", "lot")
        ]

    def count(messages: list[Thing], *statuses: str) -> int:
        return sum(m["status"] in statuses for m in messages)

    gone = ("sent", "delivered", "failed")

    def cost(messages: list[Thing]) -> float:
        micros = sum(int(m["cost_micros"]) for m in messages if m["status"] in gone)
        return round(micros / 10**6, 4)

    def parts(messages: list[Thing]) -> int:
        return sum(m["parts"] for m in messages if m["status"] in gone)

    now, before = of(days), of(past)
    template, status = named("template"), named("status")
    rows = []
    for name in groups_of(map(template, now), map(template, before)):
        mine, then = pick(now, template, name), pick(before, template, name)
        out, got = count(mine, *gone), count(mine, "delivered")
        sums = (len(mine), out, got, share(got, out), parts(mine), cost(mine))
        rows.append((f"manage.template.{name}", *sums, len(then), cost(then)))
    order = ("queued", "claimed", "sent", "refused", "unknown", "dropped", "delivered", "failed")
    seen = {status(m) for m in (*now, *before)}
    states = [
        (f"manage.status.{s}", count(now, s), share(count(now, s), len(now)), count(before, s))
        for s in order
        if s in seen
    ]
    lost = ("refused", "failed", "unknown")
    return {
        "messages_by_template": (
            len(now),
            rows,
            {
                "n": len(now),
                "parts": parts(now),
                "cost": cost(now),
                "delivered": share(count(now, "delivered"), count(now, *gone)),
                "before": cost(before),
            },
        ),
        "messages_by_status": (
            len(now),
            states,
            {
                "lost": count(now, *lost),
                "dropped": count(now, "dropped"),
                "n": len(now),
                "before": count(before, *lost),
            },
        ),
    }


def _came(days: Days, told: list[Thing]) -> Thing:
    """What a lot of events says of the line that they came by."""
    span_sum, cut_sum = 0, 0
    for day in days.dates:
        for journal in {e["journal"] for e in told}:
            known = [
                e
                for e in told
                if e["journal"] == journal and day_of(e) == day and e["source"] != "received"
            ]
            if not known:
                continue
            last = max(e["at"] for e in known)
            span_sum += span_s(min(e["at"] for e in known), last) or 0
            late = [e for e in known if (span_s(e["at"], e["came"]) or 0) > 90]
            # Every second counts once, however many events waited in it.
            seconds = {
                second
                for e in late
                for second in range(
                    math.floor(e["at"].timestamp()), math.floor(min(e["came"], last).timestamp())
                )
            }
            cut_sum += len(seconds)
    dated = [e for e in told if e["source"] != "received"]
    lags = [span_s(e["at"], e["came"]) or 0 for e in dated]
    up = None if span_sum == 0 else math.floor((span_sum - cut_sum) * 1000 / span_sum) / 10
    return {
        "up": up,
        "cut": cut_sum,
        "n": len(told),
        "late": sum(lag > 90 for lag in lags),
        "mean": round(sum(lags) / len(lags)) if lags else None,
        "most": max(lags, default=0),
        "unset": sum(e["source"] != "wall" for e in told),
        "unknown": sum(e["source"] == "received" for e in told),
        "starts": sum(e["type"] == "station.started" for e in told),
    }


def stations(days: Days, past: Days) -> dict[str, Told]:
    """How the events of stations came."""
    tables = days.district.tables
    home = {j["id"]: j["station_id"] for j in tables["journals"] if j["station_id"] is not None}
    places = {s["id"]: s["place_id"] for s in tables["stations"]}
    names = sorted(name for name, place in places.items() if days.at_place(place))
    lines = ("up", "cut", "n", "late", "mean", "most", "unset", "unknown", "starts")

    def of(each: Days) -> list[Thing]:
        return [
            e for e in each.district.told if home.get(e["journal"]) in names and each.holds(e["at"])
        ]

    def row(mine: Thing) -> tuple[Any, ...]:
        return tuple(mine[name] for name in lines)

    now, before = of(days), of(past)
    back = days.first - past.first
    station: Key = lambda e: home[e["journal"]]  # noqa: E731
    by_station = []
    for name in names:
        mine, then = (
            _came(days, pick(now, station, name)),
            _came(past, pick(before, station, name)),
        )
        refused = sum(
            home.get(q["journal_id"]) == name and days.holds(moment(q["received_at"]))
            for q in tables["quarantine"]
        )
        by_station.append((name, places[name], *row(mine), refused, then["up"], then["mean"]))
    by_day = []
    for d in days.dates:
        mine, then = _came(days, pick(now, day_of, d)), _came(past, pick(before, day_of, d - back))
        by_day.append((d, *row(mine), then["up"], then["mean"]))
    whole, earlier = _came(days, now), _came(past, before)
    worst = min(by_station, key=lambda each: 101 if each[2] is None else each[2])
    return {
        "stations_by_station": (
            len(now),
            by_station,
            {
                "station": worst[1],
                "up": worst[2],
                "faults": whole["unset"],
                "n": len(now),
                "before": worst[12],
            },
        ),
        "stations_by_day": (
            len(now),
            by_day,
            {
                "mean": whole["mean"],
                "longest": whole["most"],
                "late": whole["late"],
                "before": earlier["mean"],
            },
        ),
    }
