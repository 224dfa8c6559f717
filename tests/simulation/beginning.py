"""The cloud's database as a night finds it: migrated, with its district and its stations; and
where its files lie.

Made once for a process and copied for every world; with numbers of its own, so that it is the
same in every process and takes nothing from a world's seed.
"""

from __future__ import annotations

import atexit
import random
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pysqlite3.dbapi2 as sqlite

from schemas import district as districts
from schemas.signing import public_key_of
from server.database import Database
from server.district import load_district, read_district
from server.migrate import upgrade
from server.stations import add_station
from tests import scratch
from tests.simulation.booth import private_key_of, station_id_of
from tests.simulation.clocks import BEGIN
from tests.simulation.hub import Hub
from tests.simulation.seams import Seams, put_under_clock, put_under_seed

_DISTRICT = Path(__file__).resolve().parents[2] / "server" / "data" / "casco_viejo.json"
_MORE_BOOTHS = (("catedral", "Plaza Catedral", "C", 150), ("san-jose", "San José", "J", 210))


@cache
def district_of(booths: int) -> districts.District:
    """The sample district, with a booth or two more than its three."""
    sample = read_district(_DISTRICT)
    new = _MORE_BOOTHS[: max(0, booths - 3)]
    places = tuple(
        districts.Place(place_id, districts.BOOTH, name, letter, 0, 0, 40, 5)
        for place_id, name, letter, _ in new
    )
    travel = tuple(
        districts.Travel(*ends, drive_s, drive_s)
        for place_id, _, _, drive_s in new
        for other in sample.places
        for ends in ((place_id, other.id), (other.id, place_id))
    )
    return replace(sample, places=(*sample.places, *places), travel=(*sample.travel, *travel))


@cache
def folder() -> Path:
    """Where this process keeps the files of the world that it plays."""
    path = Path(mkdtemp(prefix="simulation-", dir=scratch.memory_folder()))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def database_at(path: Path) -> Database:
    """The database of one world after the other: what SQLAlchemy has compiled for it is kept."""
    return Database(f"sqlite:///{path}")


@cache
def empty_database() -> bytes:
    """The bytes of a migrated database without a row."""
    with TemporaryDirectory(dir=scratch.memory_folder()) as folder:
        path = Path(folder) / "server.sqlite3"
        upgrade(f"sqlite:///{path}")
        return _bytes(path)


@cache
def loaded_database(booths: int) -> bytes:
    """The same with a district of so many booths, and a station at each of its places."""
    seams = Seams()
    put_under_seed(seams, random.Random("beginning"))
    put_under_clock(seams, Hub())
    try:
        with TemporaryDirectory(dir=scratch.memory_folder()) as folder:
            path = Path(folder) / "server.sqlite3"
            path.write_bytes(empty_database())
            database = Database(f"sqlite:///{path}")
            _load(database, district_of(booths))
            database.close()
            return _bytes(path)
    finally:
        seams.close()


def _load(database: Database, district: districts.District) -> None:
    database.write(lambda session: load_district(session, district))
    for place in district.places:
        _let_in(database, place.id)


def _let_in(database: Database, place_id: str) -> None:
    station_id = station_id_of(place_id)
    key = public_key_of(private_key_of(station_id)).hex()
    database.write(lambda session: add_station(session, station_id, place_id, key, BEGIN))


def _bytes(path: Path) -> bytes:
    connection = sqlite.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    connection.close()
    return path.read_bytes()
