"""What the reports of care have to say, counted by hand: keys, tags, incidents, held visits."""

from __future__ import annotations

from tests.naive_days import Days, Rows, Told, groups_of, named, pick, rank
from tests.naive_district import District, Thing, span_s


def keys(days: Days, past: Days) -> dict[str, Told]:
    """Checks of keys, ends of shifts, what there is now."""

    def told(each: Days, kind: str) -> list[Thing]:
        return [
            c
            for c in each.district.checks
            if c["type"] == kind and each.holds(c["at"]) and each.at_place(c["place_id"])
        ]

    place = named("place_id")
    checks, checks_past = told(days, "keys.checked"), told(past, "keys.checked")

    def odd(things: list[Thing], name: str) -> int:
        return sum(len(c["data"][name]) for c in things)

    rows = []
    for at in groups_of(map(place, checks), map(place, checks_past)):
        mine, then = pick(checks, place, at), pick(checks_past, place, at)
        counts = [odd(mine, name) for name in ("missing", "extra", "misplaced")]
        keys = sum(c["data"]["found"] for c in mine)
        rows.append((at, len(mine), keys, *counts, len(then), odd(then, "missing")))
    closed, closed_past = told(days, "place.closed"), told(past, "place.closed")

    def tags(things: list[Thing], name: str) -> int:
        return sum(sum(c["data"][name].values()) for c in things)

    def lacking(things: list[Thing]) -> int:
        return tags(things, "tags_expected") - tags(things, "tags_counted")

    ends = []
    for at in groups_of(map(place, closed), map(place, closed_past)):
        mine, then = pick(closed, place, at), pick(closed_past, place, at)
        keys = sum(c["data"]["keys_missing"] for c in mine)
        carried = sum(len(c["data"]["carried"]) for c in mine)
        counted = (tags(mine, "tags_counted"), tags(mine, "tags_expected"))
        line = (at, len(mine), keys, carried, *counted, lacking(mine), len(then), lacking(then))
        ends.append(line)
    return {
        "keys_checked": (
            len(checks),
            rows,
            {
                "checks": len(checks),
                "found": sum(c["data"]["found"] for c in checks),
                "missing": odd(checks, "missing"),
                "odd": odd(checks, "extra") + odd(checks, "misplaced"),
                "before": odd(checks_past, "missing") if checks_past else None,
            },
        ),
        "keys_closed": (
            len(closed),
            ends,
            {
                "closings": len(closed),
                "carried": sum(len(c["data"]["carried"]) for c in closed),
                "lacking": lacking(closed),
                "before": lacking(closed_past) if closed_past else None,
            },
        ),
        **_inventory(days.district),
    }


def _inventory(district: District) -> dict[str, Told]:
    tags = district.tables["tags"]
    rows: Rows = []
    for kind in groups_of(tag["kind"] for tag in tags):
        mine = [tag["status"] for tag in tags if tag["kind"] == kind]
        counts = (mine.count("active"), mine.count("lost"), mine.count("retired"))
        rows.append((f"manage.tags.kinds.{kind}", *counts, len(mine)))
    held = [
        (v["key_holder_kind"], v["key_holder_id"])
        for v in district.tables["visits"]
        if v["is_open"]
    ]
    keys = [
        (
            f"manage.key_holder.{kind}",
            who if kind == "hook" else None,
            who if kind == "person" else None,
            held.count((kind, who)),
        )
        for kind, who in sorted(set(held))
    ]
    statuses = [tag["status"] for tag in tags]
    return {
        "tags_now": (
            len(tags),
            rows,
            {"n": len(tags), "lost": statuses.count("lost"), "retired": statuses.count("retired")},
        ),
        "keys_now": (
            len(held),
            keys,
            {"n": len(held), "people": sum(kind == "person" for kind, _ in held)},
        ),
    }


def incidents(days: Days, past: Days) -> dict[str, Told]:
    """What went wrong, and ratings."""
    now, before = (each.at_places(each.district.incidents) for each in (days, past))
    kind, place, booth = named("kind"), named("place"), named("booth")
    kinds = []
    for name in groups_of(map(kind, now), map(kind, before)):
        mine = pick(now, kind, name)
        lasted = [span_s(i["at"], i["until"]) for i in mine]
        settled = sum(each is not None for each in lasted)
        counts = (len(mine), sum(i["own"] for i in mine), settled, len(mine) - settled)
        then = len(pick(before, kind, name))
        kinds.append((f"manage.incident_kind.{name}", *counts, rank(lasted, 50), then))
    places = []
    for name in groups_of(map(place, now), map(place, before)):
        mine = pick(now, place, name)
        settled = sum(i["until"] is not None for i in mine)
        told = (len(mine), sum(i["own"] for i in mine), settled)
        places.append((name, *told, len(pick(before, place, name))))
    most = max(kinds, key=lambda each: each[1], default=("manage.incident_kind.", 0))
    worst = max(places, key=lambda each: each[1], default=("", 0, 0, 0, 0))
    cars = len(days.received())
    rated, rated_past = ([v for v in each.received() if v["stars"]] for each in (days, past))

    def stars(visits: list[Thing]) -> tuple[int, float | None]:
        given = [v["stars"] for v in visits]
        return len(given), round(sum(given) / len(given), 1) if given else None

    ratings = [
        (b, *stars(pick(rated, booth, b)), *stars(pick(rated_past, booth, b)))
        for b in groups_of(map(booth, rated), map(booth, rated_past))
    ]
    return {
        "incidents_by_kind": (
            len(now),
            kinds,
            {
                "n": len(now),
                "kind": most[0],
                "most": most[1],
                "claims": len(pick(now, kind, "claim")),
                "before": len(before),
            },
        ),
        "incidents_by_place": (
            len(now),
            places,
            {
                "place": worst[0],
                "most": worst[1],
                "rate": round(len(now) * 1000 / cars, 1) if cars else None,
                "cars": cars,
                "before": worst[4],
            },
        ),
        "ratings_by_booth": (
            len(rated),
            ratings,
            {"n": len(rated), "mean": stars(rated)[1], "before": stars(rated_past)[1]},
        ),
    }


def held(days: Days, past: Days) -> dict[str, Told]:
    """Visits that were held."""
    now, before = (each.at_places(each.district.holds) for each in (days, past))
    why, ending = named("why"), (lambda h: h["as"] or "still")

    def lasted(holds: list[Thing]) -> tuple[int | None, int | None]:
        values = [span_s(h["at"], h["until"]) for h in holds]
        return rank(values, 50), rank(values, 90)

    def words(reason: str) -> tuple[str, str | None]:
        what, when, state = reason.partition("_when_")
        return f"manage.hold.{what}", f"manage.state.{state}" if when else None

    reasons = []
    for reason in groups_of(map(why, now), map(why, before)):
        mine = pick(now, why, reason)
        done = sum(h["until"] is not None for h in mine)
        counts = (len(mine), done, len(mine) - done)
        then = len(pick(before, why, reason))
        reasons.append((*words(reason), *counts, *lasted(mine), then))
    endings = []
    for name in groups_of(map(ending, now), map(ending, before)):
        mine = pick(now, ending, name)
        key = "manage.hold.still" if name == "still" else f"manage.state.{name}"
        endings.append((key, len(mine), *lasted(mine), len(pick(before, ending, name))))
    most = max(reasons, key=lambda each: each[2], default=("manage.hold.", None, 0))
    decided = [each for each in endings if each[0] != "manage.hold.still"]
    best = max(decided, key=lambda each: each[1], default=("manage.hold.still", 0, None, None, 0))
    n = sum(each[1] for each in decided)
    return {
        "held_by_reason": (
            len(now),
            reasons,
            {
                "n": len(now),
                "reason": most[0],
                "most": most[2],
                "open": sum(h["until"] is None for h in now),
                "before": len(before),
            },
        ),
        "held_by_ending": (
            n,
            endings,
            {"n": n, "ending": best[0], "most": best[1], "median": best[2], "before": best[4]},
        ),
    }
