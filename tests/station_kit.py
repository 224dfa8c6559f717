"""A station on a fake clock, with a small district already in its mirror.

    kit = StationKit(tmp_path)                       # a booth, `herrera`, nobody signed in
    kit.tap(ANA)                                     # Ana's badge
    card = kit.receive(plate="AB1234")               # key tag K-1, no phone
    kit.tell(event_change(...))                      # the cloud has news

No network and no threads: what the cloud says is put in as the answer to a question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reader_agent.card import Card
from reader_agent.clock import FakeClock
from reader_agent.config import Config, Limits
from reader_agent.presence import Arrival
from reader_agent.station import Station
from reader_agent.tap_outcome import TapOutcome
from schemas.ids import uuid7
from schemas.problems import Refusal

EVENING = datetime(2030, 1, 1, tzinfo=UTC)
HERRERA, BOLIVAR, NORTE, SUR = "herrera", "bolivar", "lote-norte", "lote-sur"
ANA, ROSA, SOFIA = "em4100:0A00000001", "em4100:0A00000002", "em4100:0A00000003"
STRANGER = "em4100:0AFFFFFFFF"
KEY_1, KEY_2 = "em4100:0B00000001", "em4100:0B00000002"
CLAIM_1, CLAIM_2 = "em4100:0C00000001", "em4100:0C00000002"
CODE_KEY = bytes(range(32))

_PLACES: tuple[tuple[str, str, str, str, int, int], ...] = (
    (HERRERA, "booth", "Plaza Herrera", "H", -160, -60),
    (BOLIVAR, "booth", "Plaza Bolívar", "B", 180, 60),
    (NORTE, "lot", "Lote Norte", "N", -700, 300),
    (SUR, "lot", "Lote Sur", "S", -900, -80),
)
_PEOPLE = (
    ("ana", "Ana Ríos", ["valet"], ANA),
    ("rosa", "Rosa Vega", ["runner"], ROSA),
    ("sofia", "Sofía Luna", ["supervisor"], SOFIA),
)
_TAGS = (
    *((tag, "badge", f"B-{number}") for number, tag in enumerate((ANA, ROSA, SOFIA), 1)),
    *((tag, "key", f"K-{number}") for number, tag in enumerate((KEY_1, KEY_2), 1)),
    *((tag, "claim", f"C-{number}") for number, tag in enumerate((CLAIM_1, CLAIM_2), 1)),
)


def change(kind: str, change_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """One change as the cloud sends it."""
    return {"kind": kind, "id": change_id, "body": body}


def district_changes() -> list[dict[str, Any]]:
    """Two booths, two lots, three people and their tags."""
    near = {HERRERA: [NORTE, SUR], BOLIVAR: [NORTE, SUR]}
    names = ("id", "kind", "name", "letter", "x_m", "y_m")
    return [
        *(
            change(
                "place",
                place[0],
                {**dict(zip(names, place, strict=True)), "hooks": 30, "near": near.get(place[0])},
            )
            for place in _PLACES
        ),
        *(
            change("person", id_, {"id": id_, "name": name, "roles": roles, "badge_tag": badge})
            for id_, name, roles, badge in _PEOPLE
        ),
        *(
            change("tag", id_, {"id": id_, "kind": kind, "label": label})
            for id_, kind, label in _TAGS
        ),
    ]


def event_change(
    visit_id: str,
    kind: str,
    step: int,
    place_id: str,
    *,
    data: dict[str, Any] | None = None,
    actor: str | None = "rosa",
    journal: str = "01900000-0000-7000-8000-00000000beef",
    at: datetime = EVENING,
) -> dict[str, Any]:
    """An event of another station as a change."""
    event_id = uuid7(at)
    body = {
        "v": 1,
        "id": event_id,
        "type": kind,
        "seq": step,
        "prev": "0" * 64,
        "boot_id": "elsewhere",
        "mono_ns": step,
        "wall": at.isoformat(),
        "wall_synced": True,
        "actor": actor,
        "place_id": place_id,
        "visit_id": visit_id,
        "step": step,
        "data": data or {},
    }
    return change("event", event_id, {"journal_id": journal, "at": at.isoformat(), "event": body})


def visit_change(visit_id: str, **terms: Any) -> dict[str, Any]:
    """The cloud's terms of a visit; what is not given is as for a visit just received."""
    body = {
        "visit_id": visit_id,
        "is_open": True,
        "plate": "AB1234",
        "has_phone": True,
        "code_key": CODE_KEY.hex(),
        "promise": None,
        "move": None,
        "tag_shared": False,
    }
    return change("visit", visit_id, body | terms)


def received_data(code: str = "B-0001", **data: Any) -> dict[str, Any]:
    """The data of a reception at another booth."""
    guest = {"ref": "01900000-0000-7000-8000-000000000001", "digest": "a" * 64}
    tags = {"key_tag": KEY_1, "claim_tag": CLAIM_1}
    return {"code": code, **tags, "guest": guest, "language": "es"} | data


def config_of(folder: Path, place_id: str = HERRERA, **limits: int) -> Config:
    """The settings of a station at a place; its limits may be set by name."""
    return Config(
        asks_pin=False,
        station_id=f"{place_id}-1",
        place_id=place_id,
        role="lot" if place_id.startswith("lote") else "booth",
        letter=place_id[0].upper(),
        data_dir=folder / place_id,
        cloud_url="http://127.0.0.1:1",
        readers=(),
        limits=replace(Limits(), **limits),
    )


class StationKit:
    """One station and hands to use it."""

    def __init__(self, folder: Path, place_id: str = HERRERA, **limits: int) -> None:
        self.clock = FakeClock(mono_ns=10**12, wall=EVENING)
        self.config = config_of(folder, place_id, **limits)
        self.station = Station(self.config, self.clock)
        self.tell(*district_changes())

    def restart(self) -> None:
        """End the process and begin it again, in the same boot."""
        self.station.close()
        self.station = Station(self.config, self.clock)

    def tap(
        self, tag: str, *, confirmed: bool = True, pause_s: float = 10, text: str | None = None
    ) -> TapOutcome:
        """A tag comes to the reader, some time after the one before; `text` is what it says."""
        self.clock.advance(pause_s)
        arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed, text=text)
        return self.station.on_arrival(arrival)

    def receive(
        self, tag: str = KEY_1, *, plate: str = "AB1234", phone: str | None = None, claim: str = ""
    ) -> Card:
        """Ana takes a car in."""
        self.tap(ANA)
        self.tap(tag)
        self.station.edit_draft(
            plate=plate, phone=phone, no_phone=phone is None, claim_tag=claim or None
        )
        return self.station.receive()

    def answer(self, changes: Iterable[dict[str, Any]] = (), **answer: Any) -> dict[str, Any]:
        """An answer that acknowledges everything and moves the cursor by one."""
        cursor = self.cursor
        return {
            "ack_seq": self.head_seq,
            "verdicts": [],
            "gap": None,
            "chain_broken_at": None,
            "from_cursor": cursor,
            "cursor": cursor + 1,
            "changes": list(changes),
            "more": False,
            "server_time": self.clock.wall(),
        } | answer

    def tell(self, *changes: dict[str, Any], acknowledge: bool = False, **answer: Any) -> bool:
        """The cloud answers with these changes; with `acknowledge` it has all events."""
        exchange = self.station.exchange
        asked = exchange.ask(limit_events=500 if acknowledge else 0, limit_bytes=10**6)
        ack_seq = self.head_seq if acknowledge else exchange.acked_seq
        return exchange.take(self.answer(changes, **{"ack_seq": ack_seq, **answer}), asked)

    @property
    def cursor(self) -> int:
        """How far the station has read."""
        cursor = self.station.exchange.ask(limit_events=0, limit_bytes=0).cursor
        assert isinstance(cursor, int)
        return cursor

    @property
    def head_seq(self) -> int:
        """The number of the last event in the journal."""
        return self.station._journal.head_seq()

    def recorded(self) -> list[dict[str, Any]]:
        """Every event in the journal, as it travels."""
        return [json.loads(line) for _, line in self.station._journal.lines()]

    def types(self) -> list[str]:
        """The types of what was recorded, without the agent's own start."""
        kinds = [event["type"] for event in self.recorded()]
        return [kind for kind in kinds if kind != "station.started"]


def refusal_of(action: Callable[..., object], *args: object, **kwargs: object) -> str:
    """The code with which this is refused."""
    with pytest.raises(Refusal) as refusal:
        action(*args, **kwargs)
    return refusal.value.code


def ready_car(kit: StationKit, claim: str = CLAIM_1) -> str:
    """A car at this kerb, asked for here and ready, with the cloud's terms."""
    card = kit.receive(claim=claim)
    kit.tell(visit_change(card.visit_id), acknowledge=True)
    kit.station.request_car(card.visit_id, HERRERA)
    assert kit.tap(KEY_1).event_type == "car.ready"
    return card.visit_id
