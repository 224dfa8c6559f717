"""Two evenings a week apart, for reports: everything that can happen to a car, a key or a runner.

The earlier one is quiet. In the later one cars are asked for again, fetched in vain, disputed,
damaged and kept over night; a booth is cut off for an hour, and one event is dated by nobody.
"""

from __future__ import annotations

from datetime import date as Date
from datetime import datetime, timedelta

from sqlalchemy import update

from schemas import events, states
from schemas.chain import seal
from server import requests
from server.models import MessageRow, StationRow
from tests.visit_story import (
    EVENING,
    KEY,
    OTHER_RUNNER,
    RUNNER,
    SUPERVISOR,
    VALET,
    Story,
    StoryVisit,
    claim_tag,
    key_tag,
    steady_uuid,
)

EARLIER, LATER = Date(2026, 11, 13), Date(2026, 11, 20)


def play(story: Story) -> datetime:
    """Both evenings; five days later, when somebody asks what they came to."""
    story.now = EVENING - timedelta(days=7)
    _quiet(story)
    story.now = EVENING
    _usual(story)
    changed_mind(story)
    not_fetched(story)
    _disputed(story)
    _shared_tags(story)
    _cut_off(story)
    _gone_wrong(story)
    _shifts(story)
    _over_night(story)
    _told_of_messages(story)
    story.now = EVENING + timedelta(days=5)
    heard = update(StationRow).values(seen_at=story.now)
    story.database.write(lambda session: session.execute(heard))
    return story.now


def ask(story: Story, visit: StoryVisit, booth_id: str, in_minutes: int | None = None) -> None:
    """The driver asks by the link."""
    wanted = None if in_minutes is None else story.now + timedelta(minutes=in_minutes)
    row = story.database.write(
        lambda session: requests.request_car(
            session, story.config, KEY, visit.id, booth_id, wanted, story.now
        )
    )
    visit.step = row.step


def settle(story: Story, visit: StoryVisit, state: str, place_id: str) -> None:
    """A supervisor says what is true."""
    row = story.database.write(
        lambda session: requests.resolve(
            session,
            story.config,
            KEY,
            visit.id,
            state,
            place_id,
            "visto en la cámara",
            SUPERVISOR,
            story.now,
        )
    )
    visit.step = row.step


def changed_mind(story: Story) -> None:
    """Asked for at two booths, taken back, moved between lots, booked, and fetched too early."""
    visit = story.receive("bolivar")
    story.wait(minutes=2)
    visit.take("lote-norte", by=OTHER_RUNNER)
    ask(story, visit, "herrera")
    story.wait(minutes=5)
    visit.park(by=OTHER_RUNNER)
    ask(story, visit, "francia", in_minutes=90)
    story.wait(minutes=1)
    row = story.database.write(
        lambda session: requests.cancel_request(session, story.config, KEY, visit.id, story.now)
    )
    visit.step = row.step
    story.wait(minutes=9)
    visit.take("lote-sur", move=states.RELOCATE)
    story.wait(minutes=9)
    visit.park()
    ask(story, visit, "bolivar", in_minutes=20)
    story.wait(minutes=4)
    visit.take("bolivar", by=OTHER_RUNNER)
    story.wait(minutes=6, seconds=40)
    visit.ready(by=OTHER_RUNNER)
    story.wait(minutes=15)
    visit.hand_over()


def not_fetched(story: Story) -> None:
    """Ready, nobody came, parked again; asked for once more by the staff, and brought late."""
    visit = story.receive("herrera")
    story.wait(minutes=1)
    visit.request("herrera")
    story.wait(minutes=1)
    visit.ready()
    story.wait(minutes=30)
    visit.take("lote-sur")
    story.wait(minutes=6)
    visit.park()
    story.wait(minutes=3)
    visit.request("francia")
    story.wait(minutes=25)
    visit.take("francia")
    story.wait(minutes=11)
    visit.ready()
    story.wait(minutes=2)
    visit.hand_over()


def _quiet(story: Story) -> None:
    story.sign_on("lote-norte", RUNNER)
    for booth_id, lot_id in (("herrera", "lote-norte"), ("bolivar", "lote-sur")):
        story.receive(booth_id).play_whole(lot_id, "bolivar")
        story.wait(minutes=7)
    visit = story.receive("herrera").play_whole("lote-norte", "francia")
    story.wait(minutes=7)
    _report(story, visit, states.DAMAGE, is_own=False)
    _say(story, visit, "rating", stars=5)
    story.tell("lote-norte", events.SHIFT_SIGNED_OFF, RUNNER)
    _check_keys(story, "lote-norte", found=4, missing=1)


def _usual(story: Story) -> None:
    first = story.receive("herrera")
    first.play_whole("lote-norte", "bolivar")
    _say(story, first, "rating", stars=4)
    second = story.receive("bolivar", wish_min=60)
    second.play_whole("lote-sur", "francia")
    _say(story, second, "rating", stars=2)
    _say(story, second, "problem", note_digest="0" * 64, photos=[])
    story.wait(minutes=2)
    story.receive("francia", phone=None)
    _taken_back(story)


def _taken_back(story: Story) -> None:
    """Driven off by mistake, which is taken back; then seen in a lot before anybody knew it."""
    visit = story.receive("herrera")
    story.wait(minutes=1)
    visit.take("lote-norte")
    journal = story.journals["herrera"]
    mistaken = steady_uuid(journal.id, str(journal.seq))
    story.wait(minutes=1)
    story.tell("herrera", events.VISIT_UNDONE, VALET, visit, {"event_id": mistaken})
    story.wait(minutes=10)
    visit.place_id = "lote-sur"
    seen_at = (story.now - timedelta(minutes=3)).isoformat()
    story.tell("lote-sur", events.CAR_PARKED, RUNNER, visit, {"stall": "3", "seen_at": seen_at})


def _disputed(story: Story) -> None:
    """Handed over unasked and seen in a lot: settled, settled as gone, and still held."""
    for settled in (states.PARKED, states.HANDED_OVER, None):
        story.wait(minutes=1)
        visit = story.receive("francia")
        story.wait(minutes=1)
        visit.ready("francia")
        story.wait(minutes=1)
        visit.hand_over()
        story.wait(minutes=1)
        visit.park("lote-norte")
        story.wait(minutes=12)
        if settled is not None:
            settle(story, visit, settled, "lote-norte" if settled == states.PARKED else "francia")


def _shared_tags(story: Story) -> None:
    """Booths give tags out twice: two cars with one key tag, of which one is soon given back, and
    two with one claim tag, which stay."""
    first = story.receive("herrera")
    story.wait(minutes=3)
    second = twin(story, "bolivar", first.key_tag, claim_tag(90))
    story.wait(minutes=2)
    second.take("lote-norte", by=OTHER_RUNNER)
    story.wait(minutes=6)
    settle(story, first, states.HANDED_OVER, "herrera")
    story.wait(minutes=1)
    second.park(by=OTHER_RUNNER)
    third = story.receive("francia")
    story.wait(minutes=1)
    twin(story, "herrera", key_tag(91), third.claim_tag)


def twin(story: Story, booth_id: str, key: str, claim: str) -> StoryVisit:
    """A car is left with tags that another one may have."""
    name = f"{booth_id}-{key}"
    visit = StoryVisit(story, steady_uuid("twin", name), "T-0001", booth_id, key, claim)
    guest = {"ref": steady_uuid("twin guest", name), "digest": "0" * 64}
    tags = {"key_tag": key, "claim_tag": claim}
    data: dict[str, object] = {"code": visit.code, **tags, "guest": guest, "language": "en"}
    story.wait(minutes=1)
    story.tell(booth_id, events.VISIT_RECEIVED, VALET, visit, data)
    return visit


def _cut_off(story: Story) -> None:
    """A booth takes cars in and gives one back while its line is down."""
    story.cut("bolivar")
    waiting = story.receive("bolivar")
    story.wait(minutes=3)
    whole = story.receive("bolivar")
    story.wait(minutes=2)
    whole.request("bolivar")
    story.wait(minutes=4)
    whole.ready(by=VALET)
    story.wait(minutes=3)
    whole.hand_over()
    story.wait(minutes=50)
    story.join("bolivar")
    waiting.take("lote-sur", by=OTHER_RUNNER)
    story.wait(minutes=8)
    waiting.park(by=OTHER_RUNNER)
    ask(story, waiting, "herrera")
    story.wait(minutes=3)
    waiting.take("herrera", by=OTHER_RUNNER)
    story.wait(minutes=7)
    waiting.ready(by=OTHER_RUNNER)


def _gone_wrong(story: Story) -> None:
    visit = story.receive("herrera")
    story.wait(minutes=2)
    visit.take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    _report(story, visit, states.DAMAGE, is_own=True)
    story.wait(minutes=35)
    _report(story, visit, states.DAMAGE, is_own=True, is_over=True)
    _report(story, visit, states.LOST_CLAIM, is_own=False)


def _shifts(story: Story) -> None:
    """A break, the end of a shift, a check of all keys, and a station without a clock."""
    story.tell("lote-norte", events.SHIFT_PAUSED, RUNNER)
    story.wait(minutes=20)
    story.tell("lote-norte", events.SHIFT_RESUMED, RUNNER)
    story.wait(minutes=5)
    _check_keys(story, "lote-norte", found=6, missing=2, extra=1)
    _check_keys(story, "herrera", found=3, misplaced=1)
    closed: dict[str, object] = {
        "carried": ["a", "b"],
        "keys_missing": 1,
        "tags_counted": {"key": 20, "claim": 18},
        "tags_expected": {"key": 20, "claim": 20},
    }
    story.tell("herrera", events.PLACE_CLOSED, VALET, data=closed)
    story.tell("lote-norte", events.SHIFT_SIGNED_OFF, RUNNER)
    _without_a_clock(story, "lote-sur", "boot-lote-sur")
    _without_a_clock(story, "lote-sur", "boot-of-another-day")
    story.send("lote-sur")


def _over_night(story: Story) -> None:
    """Received after midnight, which is still the evening; handed over on the next day."""
    story.now = EVENING + timedelta(hours=5, minutes=30)
    visit = story.receive("francia")
    story.wait(minutes=4)
    visit.take("lote-sur")
    story.wait(minutes=9)
    visit.park()
    story.now = EVENING + timedelta(hours=11, minutes=45)
    visit.request("bolivar")
    story.wait(minutes=6)
    visit.take("bolivar", by=OTHER_RUNNER)
    story.wait(minutes=7)
    visit.ready(by=OTHER_RUNNER)
    story.wait(minutes=1)
    visit.hand_over()


def _told_of_messages(story: Story) -> None:
    """What the carrier said of the messages, in turn."""
    outcomes = ("delivered", "failed", "sent", "unknown", "queued")
    ids = story.database.read(
        lambda session: [
            row.id
            for row in session.query(MessageRow).order_by(MessageRow.created_at, MessageRow.dedupe)
        ]
    )

    def work(session: object) -> None:
        for place, message_id in enumerate(ids):
            status = outcomes[place % len(outcomes)]
            values = {"status": status, "parts": 1 + place % 3, "cost_micros": 31_000 + place}
            statement = update(MessageRow).where(MessageRow.id == message_id).values(values)
            session.execute(statement)  # type: ignore[attr-defined]

    story.database.write(work)


def _say(story: Story, visit: StoryVisit, about: str, **said: object) -> None:
    story.tell(visit.place_id, events.VISIT_TOLD, None, visit, {"about": about, **said})


def _report(
    story: Story, visit: StoryVisit, kind: str, *, is_own: bool, is_over: bool = False
) -> None:
    data: dict[str, object] = {"kind": kind, "is_own": is_own, "is_over": is_over, "details": []}
    story.tell(visit.place_id, events.VISIT_REPORTED, VALET, visit, data)


def _check_keys(story: Story, place_id: str, *, found: int, **odd: int) -> None:
    names = ("missing", "extra", "misplaced")
    lists = {name: [f"{name}-{n}" for n in range(odd.get(name, 0))] for name in names}
    story.tell(place_id, events.KEYS_CHECKED, VALET, data={"found": found, **lists})


def _without_a_clock(story: Story, place_id: str, boot_id: str) -> None:
    """A station whose clock was never set says that it has started."""
    journal = story.journals[place_id]
    journal.seq += 1
    body: dict[str, object] = {
        "v": events.WIRE_VERSION,
        "id": steady_uuid(journal.id, str(journal.seq)),
        "type": events.STATION_STARTED,
        "seq": journal.seq,
        "prev": journal.head,
        "boot_id": boot_id,
        "mono_ns": journal.seq * 10**9,
        "wall": "1970-01-02T00:00:00+00:00",
        "wall_synced": False,
        "actor": None,
        "place_id": place_id,
        "visit_id": None,
        "step": 0,
        "data": {"version": "1"},
    }
    line, journal.head = seal(body)
    journal.lines.append(line)
