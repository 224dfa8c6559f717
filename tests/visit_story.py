"""Plays cars through the district as the stations would tell of them.

    story = Story(database, config, key)          # loads a small district, eight in the evening
    visit = story.receive("herrera", phone="+50761234567")
    story.wait(minutes=2)
    visit.take("lote-norte", by="rosa")
    visit.park()
    visit.request("bolivar")
    visit.take("bolivar", by="rosa")
    visit.ready()
    visit.hand_over()

Every deed is a sealed event in the journal of the station where it happens, and goes through
`server.ingest` at once; between `story.cut("herrera")` and `story.join("herrera")` that
station keeps its events to itself.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas import district as districts
from schemas import events, states
from schemas.chain import genesis, seal
from schemas.guest import Guest
from server.config import Config, load_config
from server.database import Database
from server.district import load_district
from server.ingest import Batch, Receipt, ingest
from server.master_key import MasterKey
from server.models import StationRow, VisitRow

# Eight in the evening of 20 November 2026 in Panama.
EVENING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
KEY = MasterKey(b"\x07" * 32)

BOOTHS = ("bolivar", "francia", "herrera")
LOTS = ("lote-norte", "lote-sur")
VALET, RUNNER, OTHER_RUNNER, SUPERVISOR, MANAGER = "ana", "rosa", "teo", "sofia", "luis"


def settings(data_dir: Path, database_url: str) -> Config:
    """The default settings on a test's folder and database."""
    return replace(
        load_config(),
        data_dir=data_dir,
        database_url=database_url,
        # A password is enough here, and a PIN is hashed at once; tests of signing in say otherwise.
        second_factor_roles=frozenset(),
        pin_memory_kib=8,
        pin_passes=1,
        pin_lanes=1,
    )


def small_district() -> districts.District:
    """Three booths, two lots, five people, forty key tags and as many claim tags."""
    return districts.District(
        name="Casco de prueba",
        timezone="America/Panama",
        is_illustrative=True,
        places=(
            districts.Place("herrera", districts.BOOTH, "Plaza Herrera", "H", -160, -60, 30, 4),
            districts.Place("bolivar", districts.BOOTH, "Plaza Bolívar", "B", 180, 60, 30, 4),
            districts.Place("francia", districts.BOOTH, "Plaza de Francia", "F", 340, -220, 30, 4),
            districts.Place("lote-norte", districts.LOT, "Lote Norte", "N", -700, 300, 60, 0, 50),
            districts.Place("lote-sur", districts.LOT, "Lote Sur", "S", -900, -80, 60, 0, 50),
        ),
        people=(
            districts.Person(VALET, "Ana Ríos", (districts.VALET,), "em4100:0A00000001"),
            districts.Person(RUNNER, "Rosa Vega", (districts.RUNNER,), "em4100:0A00000002"),
            districts.Person(OTHER_RUNNER, "Teo Paz", (districts.RUNNER,), "em4100:0A00000003"),
            districts.Person(SUPERVISOR, "Sofía Luna", ("supervisor", "valet"), None),
            districts.Person(MANAGER, "Luis Mora", (districts.MANAGER,), None),
        ),
        tags=tuple(
            districts.Tag(make(number), kind, f"{letter}{number:03d}")
            for kind, letter, make in (
                (districts.KEY_TAG, "K", key_tag),
                (districts.CLAIM_TAG, "C", claim_tag),
            )
            for number in range(1, 41)
        ),
        travel=tuple(
            districts.Travel(origin, to, 300, 240)
            for origin in (*BOOTHS, *LOTS)
            for to in (*BOOTHS, *LOTS)
            if origin != to
        ),
    )


def key_tag(number: int) -> str:
    """The id of the n-th key tag."""
    return f"em4100:0B{number:08X}"


def claim_tag(number: int) -> str:
    """The id of the n-th claim tag."""
    return f"em4100:0C{number:08X}"


@dataclass
class Journal:
    """One station's journal: what it recorded, and what of it was not sent yet."""

    place_id: str
    id: str
    seq: int = 0
    head: str = ""
    is_cut: bool = False
    lines: list[bytes] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)

    @property
    def station_id(self) -> str:
        """The station's id: every place has one."""
        return f"station-{self.place_id}"

    def record(
        self,
        kind: str,
        at: datetime,
        actor: str | None,
        visit: StoryVisit | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        """Append one sealed event."""
        self.seq += 1
        if visit is not None:
            visit.step += 1
        body: dict[str, object] = {
            "v": events.WIRE_VERSION,
            "id": steady_uuid(self.id, str(self.seq)),
            "type": kind,
            "seq": self.seq,
            "prev": self.head,
            "boot_id": f"boot-{self.place_id}",
            "mono_ns": self.seq * 10**9,
            "wall": at.isoformat(),
            "wall_synced": True,
            "actor": actor,
            "place_id": self.place_id,
            "visit_id": None if visit is None else visit.id,
            "step": 0 if visit is None else visit.step,
            "data": data or {},
        }
        line, self.head = seal(body)
        self.lines.append(line)


@dataclass
class Story:
    """The district, its journals and the time. `seed` makes the ids: another story, other ids."""

    database: Database
    config: Config
    key: MasterKey = KEY
    now: datetime = EVENING
    seed: str = "story"
    journals: dict[str, Journal] = field(default_factory=dict)
    visits: list[StoryVisit] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Load the district, its stations, and let the runners begin their shift."""
        self.database.write(lambda session: load_district(session, small_district()))
        for place_id in (*BOOTHS, *LOTS):
            journal_id = steady_uuid(self.seed, place_id)
            journal = Journal(place_id, journal_id, head=genesis(journal_id))
            self.journals[place_id] = journal
            self._enrol(journal)
        self.sign_on("lote-norte", RUNNER)
        self.sign_on("lote-norte", OTHER_RUNNER)

    def wait(self, *, minutes: float = 0, seconds: float = 0) -> datetime:
        """Let time pass; the new present."""
        self.now += timedelta(minutes=minutes, seconds=seconds)
        return self.now

    def sign_on(self, place_id: str, person_id: str) -> None:
        """Somebody begins a shift at a place."""
        self.tell(place_id, events.SHIFT_SIGNED_ON, person_id)

    def receive(
        self,
        booth_id: str,
        *,
        phone: str | None = "+50761234567",
        plate: str = "AB1234",
        language: str = "es",
        by: str = VALET,
        **noted: object,
    ) -> StoryVisit:
        """A car is left at a booth; the n-th car of the story gets the n-th tags. `noted`: what is
        said of it beside (`schemas.reception`)."""
        number = len(self.visits) + 1
        visit_id = steady_uuid(self.seed, f"visit-{number}")
        salt = hashlib.sha256(visit_id.encode()).hexdigest()[:32]
        ref = steady_uuid(self.seed, f"guest-{number}")
        guest = Guest(ref, visit_id, plate, phone, salt)
        code = f"{booth_id[0].upper()}-{number:04d}"
        visit = StoryVisit(self, visit_id, code, booth_id, key_tag(number), claim_tag(number))
        self.visits.append(visit)
        self.journals[booth_id].guests.append(guest)
        data: dict[str, object] = {
            "code": code,
            "key_tag": visit.key_tag,
            "claim_tag": visit.claim_tag,
            "guest": {"ref": guest.ref, "digest": guest.digest()},
            "language": language,
            **noted,
        }
        self.tell(booth_id, events.VISIT_RECEIVED, by, visit, data)
        return visit

    def tell(
        self,
        place_id: str,
        kind: str,
        actor: str | None,
        visit: StoryVisit | None = None,
        data: dict[str, object] | None = None,
    ) -> Receipt | None:
        """Record an event at a place and, unless its line is cut, send it."""
        journal = self.journals[place_id]
        journal.record(kind, self.now, actor, visit, data)
        return None if journal.is_cut else self.send(place_id)

    def cut(self, place_id: str) -> None:
        """The station's line is down from now on."""
        self.journals[place_id].is_cut = True

    def join(self, place_id: str) -> Receipt:
        """The line is back: everything that waited goes up."""
        self.journals[place_id].is_cut = False
        return self.send(place_id)

    def send(self, place_id: str) -> Receipt:
        """One sync request of a station with all that it has not sent."""
        journal = self.journals[place_id]
        batch = Batch(
            station_id=journal.station_id,
            place_id=place_id,
            journal_id=journal.id,
            boot_id=f"boot-{place_id}",
            mono_ns=journal.seq * 10**9,
            guests=tuple(journal.guests),
            lines=tuple(journal.lines),
        )
        now = self.now
        receipt = self.database.write(
            lambda session: ingest(session, self.config, self.key, batch, now)
        )
        journal.lines.clear()
        journal.guests.clear()
        return receipt

    def _enrol(self, journal: Journal) -> None:
        row = StationRow(
            id=journal.station_id,
            place_id=journal.place_id,
            public_key="00" * 32,
            is_revoked=False,
            enrolled_at=self.now,
            seen_at=self.now,
            depth=0,
            version="test",
        )
        self.database.write(lambda session: session.merge(row))


@dataclass
class StoryVisit:
    """One car in a story. `place_id`: where it stands, or where it was taken from."""

    story: Story
    id: str
    code: str
    place_id: str
    key_tag: str
    claim_tag: str
    step: int = 0
    destination_id: str | None = None

    def take(self, to_place_id: str, by: str = RUNNER, move: str | None = None) -> StoryVisit:
        """`by` drives it off: to a lot is a *park*, to a booth a *retrieve*."""
        kind = move or (states.PARK if to_place_id in LOTS else states.RETRIEVE)
        data: dict[str, object] = {"move": kind, "to_place_id": to_place_id}
        self.story.tell(self.place_id, events.CAR_TAKEN, by, self, data)
        self.destination_id = to_place_id
        return self

    def park(self, place_id: str | None = None, by: str = RUNNER, stall: str = "12") -> StoryVisit:
        """It stands in a lot: where it was driven to, or at `place_id`."""
        return self._arrive(place_id, events.CAR_PARKED, by, {"stall": stall})

    def ready(self, place_id: str | None = None, by: str = RUNNER) -> StoryVisit:
        """It stands at a booth for its driver."""
        return self._arrive(place_id, events.CAR_READY, by, {})

    def request(
        self, booth_id: str, wanted_at: datetime | None = None, at_place_id: str | None = None
    ) -> StoryVisit:
        """Staff ask for it on the driver's word, at the booth where it shall come."""
        wanted = None if wanted_at is None else wanted_at.isoformat()
        data: dict[str, object] = {"booth_id": booth_id, "wanted_at": wanted, "source": "booth"}
        self.story.tell(at_place_id or booth_id, events.VISIT_REQUESTED, VALET, self, data)
        return self

    def hand_over(
        self, place_id: str | None = None, proof: str = states.PROOF_CODE, by: str = VALET
    ) -> StoryVisit:
        """Keys and car go back to the driver."""
        data: dict[str, object] = {"proof": proof, "reason": None}
        self.story.tell(place_id or self.place_id, events.VISIT_HANDED_OVER, by, self, data)
        return self

    def play_whole(self, lot_id: str = "lote-norte", booth_id: str = "bolivar") -> StoryVisit:
        """From the booth to a lot and back to another booth, an hour and some minutes in all."""
        self.story.wait(minutes=3)
        self.take(lot_id)
        self.story.wait(minutes=7)
        self.park()
        self.story.wait(minutes=45)
        self.request(booth_id)
        self.story.wait(minutes=2)
        self.take(booth_id)
        self.story.wait(minutes=8)
        self.ready()
        self.story.wait(minutes=4)
        return self.hand_over()

    def row(self) -> VisitRow:
        """The visit as the cloud has it now."""
        row = self.story.database.read(lambda session: session.get(VisitRow, self.id))
        assert row is not None
        return row

    def _arrive(
        self, place_id: str | None, kind: str, by: str, data: dict[str, object]
    ) -> StoryVisit:
        arrived = place_id or self.destination_id or self.place_id
        self.place_id, self.destination_id = arrived, None
        self.story.tell(arrived, kind, by, self, data)
        return self


def steady_uuid(seed: str, name: str) -> str:
    """The same UUID for the same names, in the form that events demand."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{name}"))
