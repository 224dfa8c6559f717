"""The cars of a made year: every row that one of them leaves in the tables that reports read."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from server.figures.district_time import DistrictTime
from server.models import (
    DriveFigureRow,
    HeldFigureRow,
    IncidentFigureRow,
    MessageRow,
    PromiseOutcomeRow,
    PromiseRow,
    RequestFigureRow,
    RequestRow,
    StandFigureRow,
    Table,
    VisitFigureRow,
    VisitRow,
)

BOOTHS = ("bolivar", "francia", "herrera", "santana", "catedral", "merced", "mola", "palacio")
LOTS = ("lote-norte", "lote-sur", "lote-mar", "lote-cerro")
RUNNERS = tuple(f"runner-{number:02d}" for number in range(24))

Row = dict[str, Any]


@dataclass
class Cars:
    """Makes them one after the other; whatever would be after `now` has not happened yet."""

    dice: random.Random
    time: DistrictTime
    now: datetime

    def rows(self, number: int, came: datetime) -> Iterator[tuple[type[Table], Row]]:
        """All rows of the n-th car, which came at that time."""
        dice = self.dice
        visit_id = f"{number:08x}-0000-7000-8000-{number:012x}"
        booth, back, lot = dice.choice(BOOTHS), dice.choice(BOOTHS), dice.choice(LOTS)
        taken = came + timedelta(seconds=dice.randrange(60, 600))
        parked = taken + timedelta(seconds=dice.randrange(200, 700))
        asked = parked + timedelta(seconds=int(dice.lognormvariate(8.4, 0.7)))
        fetched = asked + timedelta(seconds=dice.randrange(60, 420))
        ready = fetched + timedelta(seconds=dice.randrange(200, 800))
        gone = ready + timedelta(seconds=dice.randrange(30, 600))
        is_gone = gone < self.now
        times = (came, taken, parked, asked, fetched, ready, gone)
        yield VisitRow, self._visit_row(number, visit_id, booth, back, lot, times, is_gone=is_gone)
        yield VisitFigureRow, self._visit_figure(visit_id, booth, back, lot, times, is_gone=is_gone)
        yield from self._stands(visit_id, booth, back, lot, times)
        yield from self._drives(visit_id, booth, back, lot, times)
        yield from self._request(visit_id, number, back, lot, times)
        yield from self._messages(visit_id, number, times)
        yield from self._trouble(visit_id, number, booth, came)

    def _visit_row(
        self,
        number: int,
        visit_id: str,
        booth: str,
        back: str,
        lot: str,
        times: Sequence[datetime],
        *,
        is_gone: bool,
    ) -> Row:
        came, _, parked, _, _, ready, gone = times
        return {
            "id": visit_id,
            "code": f"{booth[0].upper()}-{number % 10_000:04d}",
            "state": "handed_over" if is_gone else "parked",
            "car": "handed_over" if is_gone else "parked",
            "is_open": not is_gone,
            "tag_shared": False,
            "booth_id": booth,
            "place_id": back if is_gone else lot,
            "key_tag": f"em4100:{number:010X}",
            "key_holder_kind": "guest" if is_gone else "hook",
            "key_holder_id": None if is_gone else lot,
            "guest_ref": visit_id,
            "guest_digest": "0" * 64,
            "language": "es",
            "step": 7,
            "conflicts": [],
            "received_by": "ana",
            "received_at": came,
            "parked_at": parked,
            "ready_at": ready if is_gone else None,
            "handed_over_at": gone if is_gone else None,
            "proof": "code" if is_gone else None,
            "version": number,
        }

    def _visit_figure(
        self,
        visit_id: str,
        booth: str,
        back: str,
        lot: str,
        times: Sequence[datetime],
        *,
        is_gone: bool,
    ) -> Row:
        came, taken, parked, gone = times[0], times[1], times[2], times[6]
        began, ended = self.time.slot(came), self.time.slot(gone)
        return {
            "visit_id": visit_id,
            "day": began.day,
            "hour": began.hour,
            "booth_id": booth,
            "lot_id": lot,
            "out_day": ended.day if is_gone else None,
            "out_hour": ended.hour if is_gone else None,
            "out_place_id": back if is_gone else None,
            "stay_s": _between(came, gone) if is_gone else None,
            "take_s": _between(came, taken),
            "park_s": _between(taken, parked),
            "stars": self.dice.randint(1, 5) if self.dice.random() < 0.2 else None,
        }

    def _stands(
        self, visit_id: str, booth: str, back: str, lot: str, times: Sequence[datetime]
    ) -> Iterator[tuple[type[Table], Row]]:
        came, taken, parked, _, fetched, ready, gone = times
        spans: tuple[tuple[str, str, datetime, datetime], ...] = (
            ("kerb", booth, came, taken),
            ("lot", lot, parked, fetched),
            ("kerb", back, ready, gone),
        )
        for ordinal, (kind, place_id, since, until) in enumerate(spans, start=1):
            if since >= self.now:
                return
            began, ended = self.time.slot(since), self.time.slot(until)
            is_over = until < self.now
            row = {
                "visit_id": visit_id,
                "ordinal": ordinal,
                "kind": kind,
                "place_id": place_id,
                "day": began.day,
                "hour": began.hour,
                "from_slot": began.number,
                "until_slot": ended.number if is_over else None,
                "stood_s": _between(since, until) if is_over else None,
                "is_long": not is_over or until - since > timedelta(days=2),
            }
            yield StandFigureRow, row

    def _drives(
        self, visit_id: str, booth: str, back: str, lot: str, times: Sequence[datetime]
    ) -> Iterator[tuple[type[Table], Row]]:
        ways: tuple[tuple[str, str, str, datetime, datetime], ...] = (
            ("park", booth, lot, times[1], times[2]),
            ("retrieve", lot, back, times[4], times[5]),
        )
        for ordinal, (kind, origin, to, taken, done) in enumerate(ways, start=1):
            slot = self.time.slot(taken)
            row = {
                "visit_id": visit_id,
                "ordinal": ordinal,
                "day": slot.day,
                "hour": slot.hour,
                "kind": kind,
                "from_place_id": origin,
                "to_place_id": to,
                "runner_id": self.dice.choice(RUNNERS),
                "taken_at": taken,
                "done_at": done,
                "drive_s": _between(taken, done),
            }
            yield DriveFigureRow, row

    def _request(
        self, visit_id: str, number: int, back: str, lot: str, times: Sequence[datetime]
    ) -> Iterator[tuple[type[Table], Row]]:
        asked, _, ready, gone = times[3:]
        request_id = f"{number:08x}-0000-7000-9000-{number:012x}"
        promise_id = f"{number:08x}-0000-7000-a000-{number:012x}"
        expected = asked + timedelta(seconds=self.dice.randrange(300, 1000))
        opens, by = expected - timedelta(seconds=120), expected + timedelta(seconds=240)
        yield (
            RequestRow,
            {
                "event_id": request_id,
                "visit_id": visit_id,
                "booth_id": back,
                "wanted_at": None,
                "made_at": asked,
                "source": "driver",
                "status": "done",
                "closed_at": gone,
            },
        )
        yield (
            PromiseRow,
            {
                "id": promise_id,
                "visit_id": visit_id,
                "request_id": request_id,
                "booth_id": back,
                "ready_from": opens,
                "ready_by": by,
                "made_at": asked,
                "reason": "first",
                "kind": "soon",
                "planned_at": expected,
                "expected_at": expected,
            },
        )
        late_s = round((ready - expected).total_seconds())
        yield (
            PromiseOutcomeRow,
            {
                "promise_id": promise_id,
                "kind": "soon",
                "ready_at": ready,
                "late_s": late_s,
                "score_permille": 0,
            },
        )
        promised = (opens, by, late_s)
        yield RequestFigureRow, self._waits(request_id, visit_id, (back, lot), times, promised)

    def _waits(
        self,
        request_id: str,
        visit_id: str,
        places: tuple[str, str],
        times: Sequence[datetime],
        promised: tuple[datetime, datetime, int],
    ) -> Row:
        asked, fetched, ready, gone = times[3:]
        back, lot = places
        opens, by, late_s = promised
        slot = self.time.slot(asked)
        sent = min(fetched, asked + timedelta(seconds=self.dice.randrange(120)))
        return {
            "request_id": request_id,
            "visit_id": visit_id,
            "day": slot.day,
            "hour": slot.hour,
            "booth_id": back,
            "lot_id": lot,
            "source": "driver",
            "status": "done",
            "is_booked": False,
            "wait_s": _between(asked, ready),
            "assigned_s": _between(asked, sent),
            "fetched_s": _between(sent, fetched),
            "driven_s": _between(fetched, ready),
            "collected_s": _between(ready, gone),
            "promise_kind": "soon",
            "is_kept": ready <= by,
            "is_early": ready < opens,
            "late_s": late_s,
            "width_s": 360,
        }

    def _messages(
        self, visit_id: str, number: int, times: Sequence[datetime]
    ) -> Iterator[tuple[type[Table], Row]]:
        for place, (template, at) in enumerate((("received", times[0]), ("ready", times[5]))):
            # Those whose end was unknown have been decided since.
            status = self.dice.choices(("delivered", "failed", "dropped"), (97, 2, 1))[0]
            yield (
                MessageRow,
                {
                    "id": f"{number:08x}-000{place}-7000-b000-{number:012x}",
                    "visit_id": visit_id,
                    "template": template,
                    "language": "es",
                    "dedupe": f"{visit_id}:{template}:1",
                    "status": status,
                    "tries": 1,
                    "created_at": at,
                    "not_before": at,
                    "sent_at": at,
                    "parts": 1,
                    "cost_micros": 31_000,
                },
            )

    def _trouble(
        self, visit_id: str, number: int, booth: str, came: datetime
    ) -> Iterator[tuple[type[Table], Row]]:
        slot = self.time.slot(came)
        where = {"visit_id": visit_id, "day": slot.day, "hour": slot.hour, "place_id": booth}
        if number % 200 == 0:
            told = {"kind": "damage", "is_own": True, "told_by": "ana", "settled_s": 900}
            yield IncidentFigureRow, {"event_id": visit_id, **where, **told}
        if number % 300 == 0:
            held = {"ordinal": 1, "reason": "seen_at_two_places", "held_s": 600}
            yield HeldFigureRow, {**where, **held, "ended_as": "parked", "ended_by": "luis"}


def _between(since: datetime, until: datetime) -> int:
    return round((until - since).total_seconds())
