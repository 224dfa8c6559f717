"""What the reports of cars have to say, counted by hand: volume, waits, promises, kerb and lots."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from tests.naive_days import (
    HOURS,
    Days,
    Key,
    Rows,
    Told,
    day_of,
    groups_of,
    hour_of,
    named,
    pick,
    rank,
    share,
)
from tests.naive_district import Thing, day_hour, moment, span_s


def volume(days: Days, past: Days) -> dict[str, Told]:
    """Cars received and handed over, and their stays."""
    came, came_past = days.received(), past.received()
    left, left_past = days.gone(), past.gone()

    def row(coming: Key, leaving: Key, value: Any, earlier: Any) -> tuple[Any, ...]:
        here = pick(came, coming, value)
        stays = [v["stay_s"] for v in here]
        return (
            len(here),
            len(pick(came_past, coming, earlier)),
            len(pick(left, leaving, value)),
            len(pick(left_past, leaving, earlier)),
            rank(stays, 50),
            rank(stays, 90),
        )

    def out_of(v: Thing) -> tuple[date, int]:
        return day_hour(v["out"])

    hours = [(h, *row(hour_of, lambda v: out_of(v)[1], h, h)) for h in HOURS]
    most = max(hours, key=lambda each: each[1])
    told: dict[str, Told] = {
        "volume_by_hour": (
            len(came),
            hours,
            {"n": len(came), "hour": most[0], "most": most[1], "before": len(came_past)},
        )
    }
    for name, coming, leaving in (("booth", "booth", "out_booth"), ("lot", "lot", "lot")):
        places = groups_of(
            (v[coming] for v in (*came, *came_past)), (v[leaving] for v in (*left, *left_past))
        )
        rows = [
            (p, *row(lambda v, c=coming: v[c], lambda v, c=leaving: v[c], p, p))  # type: ignore[misc]
            for p in places
        ]
        best = max(rows, key=lambda each: each[1], default=("", 0, 0, 0, 0, None, None))
        past_stays = [v["stay_s"] for v in came_past if v[coming] == best[0]]
        n = sum(each[1] for each in rows)
        told[f"volume_by_{name}"] = (
            n,
            rows,
            {
                "place": best[0],
                "most": best[1],
                "n": n,
                "stay": best[5],
                "before": rank(past_stays, 50),
            },
        )
    if len(days.dates) > 1:
        back = days.first - past.first
        by_day = [(d, *row(day_of, lambda v: out_of(v)[0], d, d - back)) for d in days.dates]
        busiest = max(by_day, key=lambda each: each[1])
        told["volume_by_day"] = (
            len(came),
            by_day,
            {"n": len(came), "day": busiest[0], "most": busiest[1], "before": len(came_past)},
        )
    return told


def _ranks(values: list[int | None], past: list[int | None]) -> tuple[Any, ...]:
    known = [value for value in values if value is not None]
    before = [value for value in past if value is not None]
    quantiles = (rank(known, 50), rank(known, 90), rank(known, 95))
    return (len(known), *quantiles, len(before), rank(before, 50), rank(before, 90))


def waits(days: Days, past: Days) -> dict[str, Told]:
    """The legs of all waits."""
    rows: Rows = []
    for leg in ("take_s", "park_s"):
        values = [[v[leg] for v in each.received()] for each in (days, past)]
        rows.append((f"manage.leg.{leg}", *_ranks(*values)))
    for leg in ("assigned_s", "fetched_s", "driven_s", "wait_s", "collected_s"):
        values = [[r[leg] for r in each.requests()] for each in (days, past)]
        rows.append((f"manage.leg.{leg}", *_ranks(*values)))
    whole = rows[5]
    told: dict[str, Told] = {
        "waits_by_leg": (
            whole[1],
            rows,
            {"median": whole[2], "p90": whole[3], "before": whole[7]},
        )
    }
    answered, before = (
        [r for r in each.requests() if r["wait_s"] is not None] for each in (days, past)
    )
    for name, key in (("hour", hour_of), ("booth", named("booth")), ("lot", named("lot"))):
        groups = HOURS if name == "hour" else groups_of(map(key, answered), map(key, before))
        lines = [
            (
                g,
                *_ranks(
                    [r["wait_s"] for r in pick(answered, key, g)],
                    [r["wait_s"] for r in pick(before, key, g)],
                ),
            )
            for g in groups
        ]
        worst = max(
            lines, key=lambda line: -1 if line[3] is None else line[3], default=("", *[None] * 7)
        )
        found = {"at": worst[0], "p90": worst[3], "median": worst[2], "before": worst[7]}
        told[f"waits_by_{name}"] = (sum(line[1] for line in lines), lines, found)
    return told


def _judge(requests: list[Thing]) -> Thing:
    promises = [r["promise"] for r in requests]
    kept = sum(moment(p["ready_at"]) <= moment(p["ready_by"]) for p in promises)
    early = sum(moment(p["ready_at"]) < moment(p["ready_from"]) for p in promises)
    late = [p["late_s"] for p in promises]
    widths = [span_s(moment(p["ready_from"]), moment(p["ready_by"])) for p in promises]
    return {
        "n": len(promises),
        "kept": kept,
        "percent": share(kept, len(promises)),
        "early": early,
        "bias": round(sum(late) / len(late)) if late else None,
        "width": rank(widths, 50),
    }


def promises(days: Days, past: Days) -> dict[str, Told]:
    """How promises were kept."""
    made, before = days.promises(), past.promises()
    back = days.first - past.first

    def row(now: list[Thing], then: list[Thing]) -> tuple[Any, ...]:
        one, two = _judge(now), _judge(then)
        names = ("n", "kept", "percent", "early", "bias", "width")
        return (*(one[name] for name in names), two["n"], two["percent"], two["bias"])

    whole, earlier = _judge(made), _judge(before)
    told: dict[str, Told] = {
        "promises_by_day": (
            len(made),
            [(d, *row(pick(made, day_of, d), pick(before, day_of, d - back))) for d in days.dates],
            {
                "n": whole["n"],
                "percent": whole["percent"],
                "aim": 90,
                "bias": whole["bias"],
                "before": earlier["percent"],
            },
        )
    }
    kinds: Key = lambda r: f"manage.promise_kind.{r['promise']['kind']}"  # noqa: E731
    for name, key in (("booth", named("booth")), ("hour", hour_of), ("promise_kind", kinds)):
        groups = HOURS if name == "hour" else groups_of(map(key, made), map(key, before))
        rows = [(g, *row(pick(made, key, g), pick(before, key, g))) for g in groups]
        worst = min(
            rows, key=lambda each: 101 if each[3] is None else each[3], default=("", *[None] * 9)
        )
        at = worst[0] if rows or name != "promise_kind" else "manage.promise_kind."
        values = {"at": at, "percent": worst[3], "bias": worst[5], "before": worst[8]}
        told[f"promises_by_{name}"] = (len(made), rows, values)
    return told


def _stood(stands: list[Thing]) -> tuple[int, int, list[int | None]]:
    lasted = [span_s(s["at"], s["until"]) for s in stands]
    return len(stands), sum(each or 0 for each in lasted), lasted


def kerb(days: Days, past: Days) -> dict[str, Told]:
    """Cars at the kerb."""
    now, before = days.stands("kerb"), past.stands("kerb")
    spaces = {p["id"]: p["kerb_spaces"] for p in days.district.tables["places"]}

    def row(mine: list[Thing], then: list[Thing]) -> tuple[Any, ...]:
        (cars, all_s, lasted), (cars_past, past_s, lasted_past) = _stood(mine), _stood(then)
        quantiles = (rank(lasted, 50), rank(lasted, 90))
        return (cars, all_s, *quantiles, cars_past, past_s, rank(lasted_past, 50))

    place = named("place")
    rows = []
    for booth in groups_of(map(place, now), map(place, before)):
        mine, then = pick(now, place, booth), pick(before, place, booth)
        room = spaces[booth] * len(days.dates)
        per = [None if room == 0 else round(len(each) / room, 1) for each in (mine, then)]
        rows.append((booth, spaces[booth], *per, *row(mine, then)))
    most = max(rows, key=lambda each: each[2] or 0, default=("", *[None] * 10))
    hours = [(h, *row(pick(now, hour_of, h), pick(before, hour_of, h))) for h in HOURS]
    fullest = max(hours, key=lambda each: each[2])
    return {
        "kerb_by_booth": (
            len(now),
            rows,
            {"booth": most[0], "per_space": most[2], "median": most[6], "before": most[3]},
        ),
        "kerb_by_hour": (
            len(now),
            hours,
            {"hour": fullest[0], "stood": fullest[2], "cars": fullest[1], "before": fullest[6]},
        ),
    }


def stood(days: Days, lot: str, at: datetime) -> int:
    """Cars in a lot at a moment: whoever came before it and went at it, or later."""
    return sum(
        s["kind"] == "lot"
        and s["place"] == lot
        and s["at"] < at
        and (s["until"] is None or s["until"] >= at)
        for s in days.district.stands
    )


def hour_ends(days: Days, now: datetime) -> list[tuple[date, int, datetime]]:
    """The end of every hour that is over."""
    found = []
    for day in days.dates:
        begin = datetime.combine(day, datetime.min.time()).astimezone(now.tzinfo)
        begin = begin.replace(year=day.year, month=day.month, day=day.day, hour=11)
        for n, hour in enumerate(HOURS):
            end = begin + timedelta(hours=n + 1)
            if end <= now:
                found.append((day, hour, end))
    return found


def lots_of(days: Days) -> list[str]:
    """The lots that were asked for."""
    lots = sorted(p["id"] for p in days.district.tables["places"] if p["kind"] == "lot")
    return [lot for lot in lots if days.lot in (None, lot)]


def lots(days: Days, past: Days, now: datetime) -> dict[str, Told]:
    """Cars in the lots at the end of each hour."""
    return {"lots_grid": _grid(days, past, now), "lots_by_lot": _by_lot(days, past, now)}


def _grid(days: Days, past: Days, now: datetime) -> Told:
    sums = {
        each.first: {
            (d, h): sum(stood(days, lot, end) for lot in lots_of(days))
            for d, h, end in hour_ends(each, now)
        }
        for each in (days, past)
    }
    back = days.first - past.first

    def mean(each: Days, dates: list[date], hour: int) -> float | None:
        cars = [sums[each.first][d, hour] for d in dates if (d, hour) in sums[each.first]]
        return round(sum(cars) / len(cars), 1) if cars else None

    lines: list[tuple[Any, list[date]]] = [(d, [d]) for d in days.dates]
    if len(lines) > 7:
        lines = [
            (f"manage.weekday.{n}", [d for d in days.dates if d.isoweekday() == n])
            for n in range(1, 8)
        ]
    grid = [
        (name, h, mean(days, dates, h), mean(past, [d - back for d in dates], h))
        for name, dates in lines
        for h in HOURS
    ]
    peak = max(grid, key=lambda each: each[2] or 0)
    told = {"cars": peak[2], "day": peak[0], "hour": peak[1], "before": peak[3]}
    return len(days.stands("lot")), grid, told


def _by_lot(days: Days, past: Days, now: datetime) -> Told:
    came, came_past = days.stands("lot"), past.stands("lot")
    stalls = {p["id"]: p["stalls"] for p in days.district.tables["places"]}
    rows = []
    for lot in lots_of(days):
        cars = [stood(days, lot, end) for _, _, end in hour_ends(days, now)]
        cars_past = [stood(days, lot, end) for _, _, end in hour_ends(past, now)]
        top = max(cars, default=None)
        rows.append(
            (
                lot,
                stalls[lot],
                top,
                None if top is None else share(top, stalls[lot]),
                round(sum(cars) / len(cars), 1) if cars else None,
                sum(s["place"] == lot for s in came),
                max(cars_past, default=None),
                sum(s["place"] == lot for s in came_past),
            )
        )
    best = max(rows, key=lambda each: each[2] or 0)
    moments = hour_ends(days, now)
    tops = [stood(days, best[0], end) for _, _, end in moments]
    when = moments[tops.index(max(tops))] if tops else (days.first, 6, now)
    told = {
        "lot": best[0],
        "cars": best[2],
        "stalls": best[1],
        "day": when[0],
        "hour": when[1],
        "before": best[6],
    }
    return len(came), rows, told
