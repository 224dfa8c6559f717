"""No sequence of what a driver, the staff and the worker do, with retries and crashes anywhere,
makes two open requests, a message that is sent twice, or a change by looking."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from structlog.testing import capture_logs

from server import clock
from server.app import create_app
from server.database import Database
from server.master_key import load_master_key
from server.migrate import upgrade
from server.models import MessageRow, RequestRow
from server.sending import send_due
from server.sms.gateway import LATER, SENT, UNKNOWN, Outcome
from tests.driver_phone import link
from tests.sms_office import Killed, Office
from tests.visit_story import Story, StoryVisit
from tests.visit_story import settings as story_settings

FORMS: tuple[tuple[str, dict[str, str]], ...] = (
    ("request", {"booth_id": "bolivar", "when": "now"}),
    ("request", {"booth_id": "francia", "when": "later"}),
    ("request", {"booth_id": "francia", "when": "23:30"}),
    ("request", {"booth_id": "nowhere", "when": "now"}),
    ("cancel", {}),
    ("language", {"lang": "en"}),
    ("language", {"lang": "es"}),
    ("share", {"may_fetch": "1"}),
    ("withdraw", {}),
    ("fine", {}),
    ("rating", {"stars": "3"}),
    ("problem", {"words": "golpe"}),
    ("erase", {"sure": "1"}),
)
PAGES = ("", "?lang=en", "/custody", "/receipt", "/share", "/data", "/data.json", "/problem")
STAFF: dict[str, Callable[[StoryVisit], object]] = {
    "take": lambda visit: visit.take("lote-norte"),
    "park": lambda visit: visit.park("lote-norte"),
    "bring": lambda visit: visit.take("bolivar"),
    "ready": lambda visit: visit.ready("bolivar"),
    "hand over": lambda visit: visit.hand_over("bolivar"),
}
OUTCOMES = (Outcome(SENT, provider_id="p"), Outcome(LATER, fault="x"), Outcome(UNKNOWN, fault="x"))

ACTIONS = st.one_of(
    st.tuples(st.just("form"), st.sampled_from(FORMS)),
    st.tuples(st.just("again"), st.none()),
    st.tuples(st.just("crash"), st.sampled_from(FORMS)),
    st.tuples(st.just("look"), st.sampled_from(PAGES)),
    st.tuples(st.just("staff"), st.sampled_from(sorted(STAFF))),
    st.tuples(st.just("send"), st.sampled_from(OUTCOMES)),
    st.tuples(st.just("worker dies"), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 400)),
)


class Crashed(Exception):
    """Stands for a server that stopped before the commit."""


@dataclass
class Dying:
    """Takes a message, and the process ends."""

    sent: Counter[str]

    def send(self, reference: str, _phone: str, _text: str) -> Outcome:
        self.sent[reference] += 1
        raise Killed


@dataclass
class Night:
    """One district on one database, whose cars are each in one example."""

    story: Story
    driver: FlaskClient
    office: Office
    watcher: sqlite3.Connection
    last: tuple[str, dict[str, str]] = FORMS[0]
    sent: Counter[str] = field(default_factory=Counter)

    def play(self, visit: StoryVisit, kind: str, what: object) -> None:
        """One thing happens."""
        if kind in ("form", "again"):
            self.last = what if kind == "form" else self.last  # type: ignore[assignment]
            action, fields = self.last
            answer = self.driver.post(link(visit, f"/{action}"), data=fields)
            assert answer.status_code < 500
        elif kind == "crash":
            self.crash(visit, what)  # type: ignore[arg-type]
        elif kind == "look":
            before = self.version()
            assert self.driver.get(link(visit, str(what))).status_code < 500
            assert self.version() == before
        elif kind == "staff":
            STAFF[str(what)](visit)
        elif kind == "send":
            self.send(what)  # type: ignore[arg-type]
        elif kind == "worker dies":
            self.die()
        else:
            self.story.wait(seconds=int(str(what)))

    def crash(self, visit: StoryVisit, form: tuple[str, dict[str, str]]) -> None:
        """The server stops in the middle of a form: the last thing that each of them does."""
        action, fields = form

        def stop(*_arguments: object) -> None:
            raise Crashed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("server.requests.replan", stop)
            patch.setattr("server.driver.said.follow_up.after", stop)
            before = self.recorded()
            # Not printed: a trace with all its values takes longer than all the rest.
            with capture_logs():
                answer = self.driver.post(link(visit, f"/{action}"), data=fields)
        if answer.status_code == 500:
            assert self.recorded() == before

    def version(self) -> int:
        """Another one after every commit that anybody else has made."""
        found: int = self.watcher.execute("PRAGMA data_version").fetchone()[0]
        return found

    def recorded(self) -> tuple[int, ...]:
        """How many rows there are of what a form may add."""
        tables = ("events", "requests", "messages", "links", "promises", "driver_notes", "photos")
        counts = (self.watcher.execute(f"SELECT count(*) FROM {name}") for name in tables)
        return tuple(count.fetchone()[0] for count in counts)

    def send(self, outcome: Outcome) -> None:
        """The worker sends, and the carrier answers like this."""
        self.office.gateway.outcomes = [outcome] * 3
        self.office.gateway.taken.clear()
        self.office.send()
        if outcome.kind != LATER:
            self.sent.update(reference for reference, _, _ in self.office.gateway.taken)

    def die(self) -> None:
        """A worker ends after the carrier has the message, before it is written down."""
        sender = self.office.sender(gateway=Dying(self.sent))
        with suppress(Killed):
            send_due(sender, lambda: self.story.now, lambda: False)

    def check(self, visit: StoryVisit) -> None:
        """What must hold at any time."""
        requests = select(func.count()).where(
            RequestRow.visit_id == visit.id, RequestRow.status == "open"
        )
        causes = select(func.count(MessageRow.dedupe.distinct()), func.count()).where(
            MessageRow.visit_id == visit.id
        )
        with self.story.database.engine.connect() as connection:
            assert (connection.scalar(requests) or 0) <= 1
            distinct, all_of_them = connection.execute(causes).one()
        assert distinct == all_of_them
        assert all(count == 1 for count in self.sent.values()), self.sent


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder: Path = tmp_path_factory.mktemp("night")
    url = f"sqlite:///{folder}/valet.db"
    upgrade(url)
    config = story_settings(folder, url)
    story = Story(Database(url), config, load_master_key(config.key_file))
    app = create_app(config)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: story.now)
        watcher = sqlite3.connect(folder / "valet.db")
        yield Night(story, app.test_client(), Office(story), watcher)
        watcher.close()
    app.extensions["valet"].database.close()
    story.database.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(ACTIONS, max_size=12))
def test_nothing_is_asked_or_sent_twice_and_looking_changes_nothing(
    night: Night, actions: list[tuple[str, object]]
) -> None:
    visit = night.story.receive("herrera")
    for kind, what in actions:
        night.play(visit, kind, what)
        night.check(visit)


WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["now", "later", "23:30", "bolivar", "en", "1", "5", "\x00", "\ud7ff", "🚗" * 9]
    ),
)
FIELDS = ("booth_id", "when", "lang", "may_fetch", "stars", "words", "sure", "said", "photo")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted({action for action, _ in FORMS} | {"tap", "nothing"})),
    st.dictionaries(st.sampled_from(FIELDS), WORDS, max_size=4),
    st.sampled_from(["own", "card", "unknown", "\x00", "é", "x" * 300]),
)
def test_no_form_whatever_is_in_it_is_a_fault_of_ours(
    night: Night, action: str, fields: dict[str, str], whose: str
) -> None:
    if not night.story.visits:
        night.story.receive("herrera")
    path = link(night.story.visits[0], f"/{action}") if whose == "own" else f"/t/{whose}/{action}"
    with capture_logs():
        answer = night.driver.post(path, data=fields)
    assert answer.status_code < 500, answer.text
