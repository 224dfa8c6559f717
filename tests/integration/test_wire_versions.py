"""Each release understands the others: the wire of every version that is recorded, and today's.

What is recorded, and how, is told in `tests.wire`; `python -m tests.wire` records today's wire
under the version in setup.cfg, which is done once more for each release, and after it never again.
The signatures of the recorded requests are still good: what is replayed is the request as it was,
at its own time, to a cloud that has enrolled the recorded keys by hand.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from reader_agent.clock import FakeClock
from reader_agent.cloud import Asked
from reader_agent.cloud_client import CARD_KEYS_PATH, SYNC_PATH, read_answer
from reader_agent.sign_in.pin_box import FILE_NAME
from reader_agent.station import Station
from schemas.district import DistrictSchema
from schemas.enrolment import ENROLL_PATH, KEY_PATH
from schemas.signing import public_key_of
from server import clock
from server.app import create_app, services
from server.database import Database
from server.district import load_district
from server.stations import add_station
from tests.station_kit import config_of
from tests.wire import recording
from tests.wire.form import Form, complaints
from tests.wire.recording import Recording, kept_versions, load, mirror_of
from tests.wire.shape import Shape, missing, shape_of
from tests.wire.stage import at_of, cloud_config

VERSIONS = kept_versions()
STATIONS = ("herrera-1", "bolivar-1", "francia-1", "lote-norte-1")
Request = dict[str, Any]


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest) -> Recording:
    """Each recording."""
    return load(request.param)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The same story with the code that is here."""
    return recording.record(tmp_path_factory.mktemp("live"))


def syncs(kept: Recording) -> list[Request]:
    """The sync requests of a recording."""
    return [request for request in kept["requests"] if request["path"] == SYNC_PATH]


def words(answer: dict[str, Any]) -> tuple[object, ...]:
    """What an answer says of the events that were sent."""
    verdicts = [(said["seq"], said["verdict"], said["code"]) for said in answer["verdicts"]]
    return answer["ack_seq"], verdicts, answer["gap"], answer["chain_broken_at"]


@pytest.fixture
def replayed(
    kept: Recording, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[list[dict[str, Any]], Database]]:
    """This cloud's answers to the requests of another version's stations, and its database."""
    requests = syncs(kept)
    now = at_of(requests[0])
    monkeypatch.setattr(clock, "now", lambda: now)
    database = Database(database_url)
    district = DistrictSchema().load(kept["district"])
    database.write(lambda session: load_district(session, district))
    for name, station in kept["stations"].items():
        place_id, key = station["place_id"], public_key_of(bytes.fromhex(station["key"])).hex()
        database.write(lambda session: add_station(session, name, place_id, key, now))  # noqa: B023
    app = create_app(cloud_config(tmp_path, database_url))
    client, answers = app.test_client(), []
    for request in requests:
        now = at_of(request)
        body = "\n".join(request["body"]).encode()
        answer = client.post(SYNC_PATH, data=body, headers=request["headers"])
        assert answer.status_code == request["status"], (request["step"], answer.text)
        answers.append(answer.get_json())
    yield answers, database
    with app.app_context():
        services().database.close()
    database.close()


def test_the_older_agents_requests_are_answered_as_its_own_server_did(
    kept: Recording, replayed: tuple[list[dict[str, Any]], Database]
) -> None:
    """With the same verdicts, in words that it can read, of the same events and visits."""
    answers, database = replayed
    pairs = list(zip(syncs(kept), answers, strict=True))
    assert [words(answer) for _, answer in pairs] == [words(q["answer"]) for q, _ in pairs]
    assert [fault for answer in answers for fault in unreadable(kept["forms"], answer)] == []
    assert missing(answers_of(q["answer"] for q, _ in pairs), answers_of(answers)) == []
    for name in STATIONS:
        told, tells = {}, {}
        for request, answer in pairs:
            if request["headers"]["Valet-Station"] == name:
                told.update(facts_in(request["answer"]))
                tells.update(facts_in(answer))
        assert {fact: tells.get(fact) for fact in told} == told
    assert visits_in(database, kept) == visits_of(kept)


def unreadable(forms: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """What of an answer a reader with these forms would not take."""
    found = complaints(forms["answer"], answer)
    for change in answer["changes"]:
        if change["kind"] == "event":
            found += not_taken(forms, change["body"]["event"])
        else:
            found += complaints(forms["documents"][change["kind"]], change["body"], change["kind"])
    return found


def not_taken(forms: dict[str, Any], event: dict[str, Any]) -> list[str]:
    """What of an event a reader with these forms would not take."""
    form: Form | None = forms["data"].get(event["type"])
    if form is None:
        return [f"{event['type']}: not known"]
    return complaints(forms["event"], event) + complaints(form, event["data"], event["type"])


def answers_of(answers: Iterable[dict[str, Any]]) -> Shape:
    """The shape of these answers."""
    return shape_of({"path": SYNC_PATH, "body": ["{}"], "answer": answer} for answer in answers)


def facts_in(answer: dict[str, Any]) -> dict[tuple[str, str], object]:
    """What an answer says that no planner decides: events as they were recorded, and of visits
    whether they are open, whose they are, and the key of their codes."""
    facts: dict[tuple[str, str], object] = {}
    for change in answer["changes"]:
        body = change["body"]
        if change["kind"] == "event":
            facts["event", change["id"]] = (body["journal_id"], body["at"], body["event"])
        elif change["kind"] == "visit":
            names = ("is_open", "plate", "has_phone", "code_key", "tag_shared")
            promise = body["promise"] and body["promise"]["booth_id"]
            facts["visit", change["id"]] = ([body[name] for name in names], promise)
    return facts


def visits_in(database: Database, kept: Recording) -> list[dict[str, Any]]:
    """The words in the cloud's visits, as far as that version had them."""
    query = text(f"SELECT {', '.join(_words(kept))} FROM visits ORDER BY id")
    with database.engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def visits_of(kept: Recording) -> list[dict[str, Any]]:
    """The same of the recording."""
    table = kept["tables"]["visits"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    words = [{name: row[name] for name in _words(kept)} for row in rows]
    return sorted(words, key=lambda row: str(row["id"]))


def _words(kept: Recording) -> list[str]:
    columns = kept["tables"]["visits"]["columns"]
    return [name for name, column in columns.items() if column["type"] == "VARCHAR"]


def station_of(kept: Recording, name: str, folder: Path, *more_sql: str) -> Station:
    """This agent on the database that the older one left."""
    facts = kept["stations"][name]
    config = config_of(folder, facts["place_id"])
    config.data_dir.mkdir()
    connection = sqlite3.connect(config.data_dir / "station.sqlite3")
    connection.executescript("\n".join([*facts["sql"], *(f"{each};" for each in more_sql)]))
    connection.execute(f"PRAGMA user_version = {facts['user_version']}")
    connection.close()
    if "pin_key" in facts:
        # The first recordings are older than the key that seals what is known of people.
        (config.data_dir / FILE_NAME).write_bytes(bytes.fromhex(facts["pin_key"]))
    wall = datetime.fromisoformat(facts["wall"])
    says = {"wall_synced": facts["wall_synced"], "boot_id": facts["boot_id"]}
    return Station(config, FakeClock(mono_ns=facts["mono_ns"], wall=wall, **says))


@pytest.mark.parametrize("name", STATIONS)
def test_this_agent_goes_on_where_the_older_one_stopped(
    kept: Recording, name: str, tmp_path: Path
) -> None:
    station, facts = station_of(kept, name, tmp_path), kept["stations"][name]["mirror"]
    # That it started is an event of its own.
    assert mirror_of(station) == {**facts, "head_seq": facts["head_seq"] + 1}
    asked = station.exchange.ask(limit_events=500, limit_bytes=10**6)
    seqs = [json.loads(line)["seq"] for line in asked.lines]
    assert seqs == list(range(facts["acked_seq"] + 1, facts["head_seq"] + 2))
    station.close()


@pytest.mark.parametrize("name", STATIONS)
def test_this_agent_learns_the_same_from_the_older_servers_answers(
    kept: Recording, name: str, tmp_path: Path
) -> None:
    station = station_of(kept, name, tmp_path, *kept["set_back"])
    assert (mirror_of(station)["places"], mirror_of(station)["cursor"]) == ({}, 0)
    for request in syncs(kept):
        if request["headers"]["Valet-Station"] == name and not request["is_lost"]:
            take(station, request)
    facts = kept["stations"][name]["mirror"]
    assert mirror_of(station) == {**facts, "head_seq": facts["head_seq"] + 1}
    station.close()


def take(station: Station, request: Request) -> None:
    """Give a station the recorded answer, as if it had asked what was recorded."""
    header = json.loads(request["body"][0])
    lines = [line.encode() for line in request["body"][1:] if line]
    acked_seq = header["first_seq"] - 1 if lines else station.exchange.acked_seq
    if acked_seq > station.exchange.acked_seq:
        # Another cloud had it, before what is recorded.
        station._journal.settle(acked_seq, (), station.now())
    answer = read_answer(json.dumps(request["answer"]).encode())
    station.exchange.take(answer, Asked(header, lines, acked_seq, header["cursor"]))


def test_the_older_server_can_read_what_this_agent_sends(kept: Recording, live: Recording) -> None:
    """An event of a type that it does not know would be refused alone, and kept on both sides:
    the story has none."""
    found: list[str] = []
    for request in syncs(live):
        header, *lines = (json.loads(line) for line in request["body"] if line)
        found += complaints(kept["forms"]["header"], header)
        if "damaged" not in request["step"]:
            found += [fault for event in lines for fault in not_taken(kept["forms"], event)]
    assert found == []


def test_nothing_that_travelled_once_is_lost_or_of_another_type(
    kept: Recording, live: Recording
) -> None:
    assert missing(shape_of(kept["requests"]), shape_of(live["requests"])) == []


def test_todays_version_is_recorded() -> None:
    assert recording.this_version() in VERSIONS
    doors = {request["path"] for request in load(recording.this_version())["requests"]}
    assert {SYNC_PATH, ENROLL_PATH, KEY_PATH, CARD_KEYS_PATH} == doors


def test_a_recording_holds_what_a_conversation_can_come_to(kept: Recording) -> None:
    answers = [request["answer"] for request in syncs(kept)]
    said = {verdict["verdict"] for answer in answers for verdict in answer["verdicts"]}
    assert said == {"duplicate", "held", "refused"}
    assert any(answer["gap"] for answer in answers)
    assert any(answer["more"] for answer in answers)
    polls = [q for q in syncs(kept) if json.loads(q["body"][0])["wait_s"]]
    assert {bool(poll["answer"]["changes"]) for poll in polls} == {True, False}


@pytest.mark.parametrize(
    ("form", "value", "fault"),
    [
        ({"type": "integer"}, "5", ": str, wanted integer"),
        ({"type": "integer"}, True, ": bool, wanted integer"),
        ({"type": "text"}, None, ": null"),
        ({"type": "text", "one_of": ["a"]}, "b", ": 'b' is none of ['a']"),
        ({"type": "text", "pattern": "[a-z]+\\Z"}, "B", ": 'B' is not [a-z]+\\Z"),
        (
            {"type": "list", "of": {"type": "text"}, "most": 1},
            ["a", "b"],
            ": 2 is not in None to 1",
        ),
        ({"type": "object", "members": {"a": {"type": "text", "needed": True}}}, {}, "a: missing"),
        ({"type": "object", "members": {}, "closed": True}, {"b": 1}, ".b: not known"),
        ({"type": "time"}, "2026-11-21T01:00:00", ": str, wanted time"),
    ],
)
def test_a_form_sees_what_a_reader_would_not_take(form: Form, value: object, fault: str) -> None:
    assert complaints(form, value) == [fault]


def test_a_shape_sees_what_was_lost_and_what_became_something_else() -> None:
    def said(**answer: object) -> Shape:
        return answers_of([answer])

    kept, path = said(a=1, b={"c": "x"}), f"{SYNC_PATH} answers"
    assert missing(kept, said(a=1, b={"c": "x"}, d=None)) == []
    assert missing(kept, said(a=1, b={})) == [f"{path}.b.c: lost"]
    assert missing(kept, said(a="1", b={"c": "x"})) == [f"{path}.a: str, was int"]
