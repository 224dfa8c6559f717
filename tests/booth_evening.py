"""Two real stations, a booth and a lot, and the little of a cloud that they need to see each other.

    evening = Evening(tmp_path)
    evening.booth.on_arrival(evening.tap(ANA))      # or evening.tap_at(evening.booth, ANA)
    evening.meet()                                  # both stations exchange what they know

The cloud here is a list of what the stations told: it accepts everything, gives each visit a key
for its hand-over codes, and promises nothing unless told to (`promise`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reader_agent.clock import FakeClock
from reader_agent.config import Config, Limits
from reader_agent.drivers.port_watch import PortHealth
from reader_agent.drivers.reader import ReaderHealth
from reader_agent.presence import Arrival
from reader_agent.station import Station
from reader_agent.tap_outcome import TapOutcome
from schemas import events
from schemas.chain import unseal
from schemas.district import BADGE, CLAIM_TAG, KEY_TAG, Person, Place, Tag
from schemas.handover_code import code_at

# A quarter past ten in the evening of 20 November 2026 in Panama.
EVENING = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
CODE_KEY = bytes(range(20))

BOOTH, OTHER_BOOTH, LOT = "herrera", "bolivar", "lote-norte"
ANA, EVA, ROSA = "em4100:0A00000001", "em4100:0A00000002", "em4100:0A00000003"
KEYS = tuple(f"em4100:0B000000{number:02X}" for number in range(1, 41))
CLAIMS = tuple(f"em4100:0C000000{number:02X}" for number in range(1, 41))
STRANGER = "em4100:0D00000001"

PLACES = (
    Place(BOOTH, "booth", "Plaza Herrera", "H", -160, -60, 30, 4),
    Place(OTHER_BOOTH, "booth", "Plaza Bolívar", "B", 180, 60, 30, 4),
    Place("francia", "booth", "Plaza de Francia", "F", 340, -220, 30, 4, is_open=False),
    Place(LOT, "lot", "Lote Norte", "N", -700, 300, 60, 0, 50),
    Place("lote-sur", "lot", "Lote Sur", "S", -900, -80, 60, 0, 50),
)
PEOPLE = (
    Person("ana", "Ana Ríos", ("valet",), ANA),
    Person("eva", "Eva Luna", ("supervisor", "valet"), EVA),
    Person("rosa", "Rosa Vega", ("runner",), ROSA),
)
TAGS = (
    *(Tag(tag, KEY_TAG, f"K-{number:02d}") for number, tag in enumerate(KEYS, 1)),
    *(Tag(tag, CLAIM_TAG, f"C-{number:02d}") for number, tag in enumerate(CLAIMS, 1)),
    *(Tag(person.badge_tag or "", BADGE, person.name) for person in PEOPLE),
)


@dataclass
class LittleCloud:
    """What both stations have told, as changes in order."""

    clock: FakeClock
    changes: list[dict[str, Any]] = field(default_factory=list)
    terms: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place in PLACES:
            self._add("place", place.id, {**asdict(place), "near": [LOT, "lote-sur"]})
        for person in PEOPLE:
            self._add("person", person.id, asdict(person))
        for tag in TAGS:
            self._add("tag", tag.id, asdict(tag))

    def meet(self, station: Station) -> None:
        """One round trip."""
        asked = station.exchange.ask(limit_events=500, limit_bytes=262_144)
        self._learn_guests(asked.header["records"])
        for line in asked.lines:
            self._learn_event(str(asked.header["journal_id"]), line)
        answer = {
            "ack_seq": asked.acked_seq + len(asked.lines),
            "verdicts": [],
            "gap": None,
            "chain_broken_at": None,
            "from_cursor": asked.cursor,
            "cursor": len(self.changes),
            "changes": self.changes[asked.cursor :],
            "more": False,
            "server_time": self.clock.wall(),
        }
        station.exchange.take(answer, asked)
        station.uplink.succeeded()

    def say(self, visit_id: str, **terms: object) -> None:
        """Change what the cloud says of a visit: its promise, its planned move."""
        self.terms[visit_id].update(terms)
        self._add("visit", visit_id, dict(self.terms[visit_id]))

    def post_tariff(self, **posted: str) -> None:
        """Tell the booth of a tariff that is in force, by its wording in each language."""
        begun = (self.clock.wall() - timedelta(hours=1)).isoformat()
        tariffs = [{"valid_from": begun, "minute_cents": 3, "posted": posted}]
        place = next(each for each in PLACES if each.id == BOOTH)
        self._add("place", BOOTH, {**asdict(place), "near": [LOT], "tariffs": tariffs})

    def tell_pin(self, person_id: str, pin: dict[str, Any]) -> None:
        """Tell everybody of somebody's PIN (`schemas.staff_pin.PinDocSchema`)."""
        person = next(each for each in PEOPLE if each.id == person_id)
        self._add("person", person_id, {**asdict(person), "pin": pin})

    def tell_tag(self, tag_id: str, status: str) -> None:
        """Tell everybody how a tag is now."""
        tag = next(each for each in TAGS if each.id == tag_id)
        self._add("tag", tag_id, {**asdict(tag), "status": status})

    def _learn_guests(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            self.terms[record["visit_id"]] = {
                "is_open": True,
                "plate": record["plate"],
                "has_phone": record["phone"] is not None,
                "code_key": CODE_KEY.hex(),
                "promise": None,
                "move": None,
                "tag_shared": False,
            }

    def _learn_event(self, journal_id: str, line: bytes) -> None:
        body, _ = unseal(line)
        visit_id = body["visit_id"]
        if visit_id is None:
            return
        fact = {"journal_id": journal_id, "at": self.clock.wall().isoformat(), "event": body}
        self._add("event", body["id"], fact)
        self.say(visit_id, is_open=body["type"] != events.VISIT_HANDED_OVER)

    def _add(self, kind: str, change_id: str, body: dict[str, Any]) -> None:
        # Through JSON, because that is how it would have come.
        self.changes.append({"kind": kind, "id": change_id, "body": json.loads(json.dumps(body))})


class Evening:
    """A booth and a lot on one clock. `close` at the end."""

    def __init__(self, folder: Path, *, asks_pin: bool = False) -> None:
        self._asks_pin = asks_pin
        self._folder = folder
        self.clock = FakeClock(mono_ns=10**12, wall=EVENING)
        self.cloud = LittleCloud(self.clock)
        self.booth = self._station(folder, BOOTH, "booth", "H")
        self.lot = self._station(folder, LOT, "lot", "N")
        self.meet()

    def close(self) -> None:
        """Let go of both databases."""
        self.booth.close()
        self.lot.close()

    def reopen(self) -> None:
        """The booth's agent ends and begins again."""
        self.booth.close()
        self.booth = self._station(self._folder, BOOTH, "booth", "H")
        self.booth.uplink.succeeded()

    def meet(self) -> None:
        """Both stations tell and hear everything."""
        for station in (self.booth, self.lot, self.booth):
            self.cloud.meet(station)

    def tap(self, tag: str, at: Station | None = None) -> TapOutcome:
        """Lay a tag on the reader of the booth, or of `at`."""
        # Two taps in one instant would be one tap.
        self.clock.advance(6)
        arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
        return (at or self.booth).on_arrival(arrival)

    def code(self) -> str:
        """The four digits that the driver's page shows now."""
        return code_at(CODE_KEY, self.clock.wall())

    def received(self, number: int = 1, *, plate: str = "AB1234", claim: bool = True) -> str:
        """A car taken in by Ana with the key tag of that number; the visit's id."""
        self.tap(ANA)
        self.tap(KEYS[number - 1])
        self.booth.edit_draft(plate=plate, phone="61234567")
        if claim:
            self.booth.edit_draft(claim_tag=CLAIMS[number - 1])
        visit_id = self.booth.receive().visit_id
        self.meet()
        return visit_id

    def parked(self, number: int = 1, *, plate: str = "AB1234", claim: bool = True) -> str:
        """The same, driven to the lot by Rosa."""
        visit_id = self.received(number, plate=plate, claim=claim)
        self.tap(KEYS[number - 1])
        self.meet()
        self.tap(ROSA, self.lot)
        self.tap(KEYS[number - 1], self.lot)
        self.meet()
        return visit_id

    def ready(self, number: int = 1, *, plate: str = "AB1234", claim: bool = True) -> str:
        """The same, asked for at the booth and brought back."""
        visit_id = self.parked(number, plate=plate, claim=claim)
        self.ask_for(visit_id)
        self.tap(ROSA, self.lot)
        self.tap(KEYS[number - 1], self.lot)
        self.meet()
        self.tap(ANA)
        self.tap(KEYS[number - 1])
        self.meet()
        return visit_id

    def ask_for(self, visit_id: str) -> None:
        """Ana asks for a car at the booth."""
        self.tap(ANA)
        self.booth.request_car(visit_id, BOOTH)
        self.meet()

    def promise(self, visit_id: str, minutes: int) -> None:
        """The cloud promises the car at the booth within so many minutes (or before, if < 0)."""
        ready_by = self.clock.wall() + timedelta(minutes=minutes)
        window = {
            "ready_from": (ready_by - timedelta(minutes=5)).isoformat(),
            "ready_by": ready_by.isoformat(),
            "booth_id": BOOTH,
        }
        self.cloud.say(visit_id, promise=window)
        self.meet()

    def _station(self, folder: Path, place_id: str, role: Any, letter: str) -> Station:
        config = Config(
            asks_pin=self._asks_pin,
            limits=Limits(pin_memory_kib=8, pin_passes=1, pin_lanes=1),
            station_id=f"{place_id}-1",
            place_id=place_id,
            role=role,
            letter=letter,
            data_dir=folder / place_id,
            cloud_url="http://127.0.0.1:9",
            readers=(),
        )
        station = Station(config, self.clock)
        station.attach_readers(lambda: [good_reader()])
        return station


def good_reader() -> ReaderHealth:
    """A reader whose port is open."""
    return ReaderHealth("em125", "em125", "/dev/valet-em125", PortHealth("open"))
