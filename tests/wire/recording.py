"""Making and reading `tests/data/wire_<version>.json`."""

from __future__ import annotations

import json
import sqlite3
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE

from reader_agent.sign_in.pin_box import FILE_NAME
from reader_agent.station import Station
from reader_agent.terms import TermsSchema
from schemas import events
from schemas.district import PersonSchema, PlaceSchema, TagSchema
from schemas.sync import SyncAnswerSchema, SyncHeaderSchema
from server.migrate import upgrade
from tests.wire.doors import knock
from tests.wire.form import Form, form_of
from tests.wire.stage import MASTER_KEY, Speaker, Stage, district_facts
from tests.wire.story import play

Recording = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "data"
_MADE = (
    "By tests.wire, in one process: the stations' own code and client in front of the cloud's own "
    "application over loopback, on SQLite, with one time for all. People, plates, phones and keys "
    "are made up."
)
_MADE_OF_A_STATE = (
    " This one in a copy of the state before any release that first carried one car from the "
    "tag's bytes to the manager's report, with the agent, the server and the migrations of that "
    "state; doors that it did not have yet are not knocked at."
)
_LINE_LETTERS = 160
_SET_BACK = (
    "DELETE FROM mirror_event WHERE id NOT IN (SELECT id FROM event WHERE seq >"
    " (SELECT value FROM meta WHERE key = 'acked_seq'))",
    "DELETE FROM mirror_doc",
    "DELETE FROM meta WHERE key IN ('cursor', 'acked_seq')",
    "UPDATE event SET verdict = NULL, code = NULL, detail = NULL, settled_at = NULL",
)
"""Takes from a station's database all that the cloud ever answered."""

_VISIT_MEMBERS = (
    "code",
    "state",
    "car",
    "place_id",
    "destination_id",
    "stall",
    "key_tag",
    "claim_tag",
    "step",
)


def record(folder: Path, name: str = "") -> Recording:
    """Play the story with the code that is here; what was said, and what came of it. `name` is the
    version, where it is not that in setup.cfg."""
    cloud_file = folder / "cloud.sqlite3"
    url = f"sqlite:///{cloud_file}"
    upgrade(url)
    stage = Stage(folder, url)
    with stage.open():
        play(stage)
        knock(stage)
        mirrors = {name: mirror_of(each.station) for name, each in stage.stations.items()}
    return {
        "version": name or this_version(),
        "made": _MADE + (_MADE_OF_A_STATE if name else ""),
        "master_key": MASTER_KEY,
        "district": district_facts(stage.district),
        "forms": forms(),
        "set_back": list(_SET_BACK),
        "requests": stage.requests,
        "stations": {
            name: _station_facts(speaker, mirrors[name]) for name, speaker in stage.stations.items()
        },
        "tables": tables_of(cloud_file),
    }


def this_version() -> str:
    """The version of the code that is here."""
    return version("casco-valet")


def path_of(name: str) -> Path:
    """Where the recording of a version is kept."""
    return FOLDER / f"wire_{name}.json"


def kept_versions() -> list[str]:
    """Every version that is recorded."""
    return sorted(path.stem.removeprefix("wire_") for path in FOLDER.glob("wire_*.json"))


@cache
def load(name: str) -> Recording:
    """A recording that is kept."""
    recording: Recording = json.loads(path_of(name).read_text(encoding="utf-8"))
    return recording


def save(recording: Recording) -> Path:
    """Keep a recording; where."""
    path = path_of(recording["version"])
    path.write_text(_text(recording) + "\n", encoding="utf-8")
    return path


def _text(value: Any, depth: int = 0) -> str:
    """JSON that a person can read and git can compare: what is short stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) <= _LINE_LETTERS or not isinstance(value, dict | list):
        return line
    inner, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        return f"[{inner}{f',{inner}'.join(_text(each, depth + 1) for each in value)}{end}]"
    members = (f"{json.dumps(name)}: {_text(each, depth + 1)}" for name, each in value.items())
    return f"{{{inner}{f',{inner}'.join(members)}{end}}}"


def forms() -> dict[str, Any]:
    """What the code that is here demands of an answer (`answer`, and `documents` in it), of a
    request (`header`), and of an event (`event`, and its `data` by type)."""
    documents = {
        "visit": form_of(TermsSchema()),
        "place": _place_form(),
        "person": form_of(PersonSchema(unknown=EXCLUDE)),
        "tag": form_of(TagSchema(unknown=EXCLUDE)),
    }
    return {
        "answer": form_of(SyncAnswerSchema()),
        "documents": documents,
        "header": form_of(SyncHeaderSchema()),
        "event": form_of(events.EnvelopeSchema()),
        "data": {kind: form_of(schema) for kind, schema in events._DATA.items()},
    }


def _place_form() -> Form:
    form = form_of(PlaceSchema(unknown=EXCLUDE))
    near = {"type": "list", "of": {"type": "text"}, "null": True}
    return {**form, "members": {**form["members"], "near": near}}


def mirror_of(station: Station) -> dict[str, Any]:
    """What a station knows of the district, in plain values."""
    mirror = station._mirror
    return {
        "visits": {visit.id: _visit_facts(station, visit) for visit in mirror.visits()},
        "people": {person.id: person.name for person in mirror.roster.people.values()},
        "places": {place.id: place.name for place in mirror.roster.places.values()},
        "tags": {tag.id: [tag.kind, tag.label] for tag in mirror.roster.tags.values()},
        "cursor": mirror.cursor,
        "acked_seq": station._journal.acked_seq,
        "head_seq": station._journal.head_seq(),
        "refused": station._journal.refused_count(),
    }


def _visit_facts(station: Station, visit: Any) -> dict[str, Any]:
    mirror, terms = station._mirror, station._mirror.terms(visit.id)
    promise, move = (terms.promise, terms.move) if terms else (None, None)
    return {
        **{name: getattr(visit, name) for name in _VISIT_MEMBERS},
        "key_holder": [visit.key_holder.kind, visit.key_holder.id],
        "plate": mirror.plate(visit.id),
        "has_phone": mirror.has_phone(visit.id),
        "code_key": terms.code_key.hex() if terms and terms.code_key else None,
        "promise": promise
        and [promise.booth_id, promise.ready_from.isoformat(), promise.ready_by.isoformat()],
        "move": move and [move.kind, move.from_place_id, move.to_place_id, move.runner_id],
    }


def _station_facts(speaker: Speaker, mirror: dict[str, Any]) -> dict[str, Any]:
    connection = sqlite3.connect(speaker.config.data_dir / "station.sqlite3")
    (steps,) = connection.execute("PRAGMA user_version").fetchone()
    sql = list(connection.iterdump())
    connection.close()
    return {
        "place_id": speaker.config.place_id,
        "key": speaker.key.hex(),
        "boot_id": speaker.clock.boot_id(),
        "mono_ns": speaker.clock.mono_ns(),
        "wall": speaker.clock.wall().isoformat(),
        "wall_synced": speaker.clock.wall_synced(),
        "user_version": steps,
        "sql": sql,
        "pin_key": (speaker.config.data_dir / FILE_NAME).read_bytes().hex(),
        "mirror": mirror,
    }


def tables_of(path: Path) -> dict[str, Any]:
    """Every table of a SQLite file: its columns with type and null, and its rows; bytes as hex."""
    connection = sqlite3.connect(path)
    names = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name != "alembic_version"
    ]
    found = {name: _table(connection, name) for name in sorted(names)}
    found["alembic_version"] = connection.execute("SELECT * FROM alembic_version").fetchone()[0]
    connection.close()
    return found


def _table(connection: sqlite3.Connection, name: str) -> dict[str, Any]:
    info = connection.execute(f"PRAGMA table_info({name})").fetchall()
    columns = {column: {"type": kind, "null": not no_null} for _, column, kind, no_null, *_ in info}
    rows = [
        [value.hex() if isinstance(value, bytes) else value for value in row]
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {name}")
    ]
    return {"columns": columns, "rows": rows}
