"""Everything that the demo runs: the cloud, a station with a reader at each place, the board."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from subprocess import Popen
from threading import Event

import urllib3
from sqlalchemy.orm import Session
from werkzeug.serving import BaseWSGIServer

from schemas.district import BOOTH, District, Place
from schemas.ids import uuid7
from schemas.staff_pin import PinCost, hash_pin
from server import clock, migrate
from server.accounts import set_password
from server.database import Database
from server.demo.board import Links, create_board, serve_board
from server.demo.booth_screen import BoothScreen
from server.demo.cards import DemoCards
from server.demo.counter import Counter
from server.demo.evening import Stage
from server.demo.processes import Crew, DemoError, EmulatedReader, command, free_port
from server.district import load_district, read_district
from server.master_key import load_master_key
from server.sign_in.pins import Given, take
from server.sms.recording import FILE_NAME
from server.stations import add_station

MANAGER = "rosa"
PASSWORD = "casco-demo"  # noqa: S105 (printed on the terminal, lives as long as the demo)
# Printed beside it, one for each of the staff, in the order of the district's file.
PINS = ("402913", "618274", "569374", "951628", "284706")
# They are no secret, so a guess may be cheap: the demo has more stations than cores.
_PIN_COST = PinCost(memory_kib=1024, passes=1, lanes=1)
_READY_S = 120.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one show; `screens` by place id."""

    cloud: int
    board: int
    screens: dict[str, int]


class Show:
    """One running district in `folder`. `start` it, use it, `stop` it."""

    def __init__(self, folder: Path, first_port: int, database_url: str | None = None) -> None:
        """Nothing runs yet. Without `database_url` the cloud keeps its data in the folder."""
        self.folder = folder
        with sample_district() as file:
            self.district: District = read_district(file)
        taken: set[int] = set()
        self.ports = Ports(
            cloud=free_port(first_port, taken),
            board=free_port(first_port + 1, taken),
            screens={place.id: free_port(first_port + 2, taken) for place in self.district.places},
        )
        self.counters: dict[str, Counter] = {}
        self.crew = Crew(folder)
        self.cloud_url = f"http://127.0.0.1:{self.ports.cloud}"
        self._database_url = database_url or f"sqlite:///{folder / 'cloud'}/valet.db"
        self.server_env = {
            "VALET_SERVER_DATA_DIR": str(folder / "cloud"),
            "VALET_SERVER_PORT": str(self.ports.cloud),
            "VALET_SERVER_PUBLIC_URL": self.cloud_url,
            "VALET_SERVER_DATABASE_URL": self._database_url,
            # Nobody sets up an authenticator app for a look around.
            "VALET_SERVER_SECOND_FACTOR_ROLES": "",
            # A price of ours, as the district is: nobody charges it.
            "VALET_SERVER_TARIFF_FLAT_CENTS": "100",
            "VALET_SERVER_TARIFF_MINUTE_CENTS": "3",
            "VALET_SERVER_TARIFF_FREE_MIN": "10",
        }
        self._board: BaseWSGIServer | None = None
        self._pool = urllib3.PoolManager(timeout=2.0, retries=False)

    def start(self) -> None:
        """Start the cloud, the stations and the board; returns when all of them answer."""
        self._prepare_cloud()
        self.start_serve()
        self.start_worker()
        self._wait_for(f"{self.cloud_url}/healthz")
        # One after the other from this thread: a child ends with the thread that started it.
        # All at once, as each takes a second to load; then each is waited for.
        children = {place.id: self._start_readers(place) for place in self.district.places}
        cards = self._cards()
        for place in self.district.places:
            readers = {name: EmulatedReader(child) for name, child in children[place.id].items()}
            self.counters[place.id] = Counter(readers["em125"], readers.get("pn532"), cards)
            self._start_station(place)
        for place in self.district.places:
            # A station that knows its own name has heard of the district, and knows its tags.
            self._wait_for(f"{self.screen_url(place.id)}/status", showing=place.name)
        board = create_board(self.district, self.counters, self.links(), self._cards(), self.pins)
        self._board = serve_board(board, self.ports.board)

    def stop(self) -> None:
        """End all that runs."""
        if self._board is not None:
            self._board.shutdown()
            self._board.server_close()
        self.crew.stop()

    def start_serve(self) -> None:
        """Start the cloud's web process."""
        self.crew.start("serve", [command("valet-server"), "serve"], self.server_env)

    def start_worker(self) -> None:
        """Start the cloud's worker."""
        self.crew.start("worker", [command("valet-server"), "worker"], self.server_env)

    def check(self) -> None:
        """Raise `DemoError` if a process has ended by itself."""
        dead = self.crew.first_dead()
        if dead is not None:
            raise DemoError(f"{dead} has ended:\n{self.crew.log_of(dead)}")

    def stage(self, speed: int) -> Stage:
        """What an evening is played on."""
        screens = {
            place.id: BoothScreen(self.screen_url(place.id)) for place in self.district.places
        }
        return Stage(self.district, self.counters, screens, self.messages, speed, self.pins)

    def links(self) -> Links:
        """Where everything is."""
        return Links(
            booths={place.id: self.screen_url(place.id) for place in self.district.places},
            manager=f"{self.cloud_url}/manage/",
        )

    def screen_url(self, place_id: str) -> str:
        """The address of a place's touchscreen."""
        return f"http://127.0.0.1:{self.ports.screens[place_id]}"

    @property
    def pins(self) -> dict[str, str]:
        """The PIN of everybody who has a badge."""
        staff = [person.id for person in self.district.people if person.badge_tag is not None]
        return dict(zip(staff, PINS, strict=True))

    @property
    def board_url(self) -> str:
        """The address of the tag board."""
        return f"http://127.0.0.1:{self.ports.board}/"

    @property
    def messages(self) -> Path:
        """The file of the text messages that were sent."""
        return self.folder / "cloud" / FILE_NAME

    def _prepare_cloud(self) -> None:
        """What `valet-server migrate`, `district load`, `manager add` and `station add` do, without
        a process for each: those would take most of the time until the demo can be used."""
        with ThreadPoolExecutor() as pool:
            keys = list(pool.map(self._station_key, self.district.places))
        self.messages.parent.mkdir()
        migrate.upgrade(self._database_url)
        database = Database(self._database_url)
        try:
            database.write(lambda session: self._fill(session, keys))
        finally:
            database.close()

    def _fill(self, session: Session, keys: list[str]) -> None:
        load_district(session, self.district)
        set_password(session, MANAGER, PASSWORD)
        self._give_pins(session)
        for place, key in zip(self.district.places, keys, strict=True):
            add_station(session, f"station-{place.id}", place.id, key, clock.now())

    def _give_pins(self, session: Session) -> None:
        key, now = load_master_key(self.folder / "cloud" / "master.key"), clock.now()
        for person_id, pin in self.pins.items():
            given = Given(
                id=uuid7(now),
                person_id=person_id,
                verifier=hash_pin(pin, _PIN_COST),
                is_temporary=False,
                by=person_id,
                reason=None,
                at=now,
            )
            take(session, key, given, now)

    def _station_key(self, place: Place) -> str:
        """Write a station's settings and let it make its key; its public half."""
        config = self._station_config(place)
        config.write_text(self._station_settings(place))
        return self.crew.run("key", [command("valet-agent"), "key", "--config", str(config)], {})

    def _cards(self) -> DemoCards:
        key = load_master_key(self.folder / "cloud" / "master.key")
        return DemoCards(key, f"{self.cloud_url}/t")

    def _start_readers(self, place: Place) -> dict[str, Popen[bytes]]:
        return {
            family: self.crew.start(
                f"reader-{place.id}-{family}",
                [
                    command("valet-agent"),
                    "emulate",
                    family,
                    "--link",
                    str(self._device(place, family)),
                ],
                {},
                talks=True,
            )
            for family in _families_at(place)
        }

    def _start_station(self, place: Place) -> None:
        run = [command("valet-agent"), "run", "--config", str(self._station_config(place))]
        self.crew.start(f"station-{place.id}", run, {})

    def _device(self, place: Place, family: str) -> Path:
        return self.folder / f"reader-{place.id}-{family}"

    def _station_config(self, place: Place) -> Path:
        return self.folder / f"station-{place.id}.env"

    def _station_settings(self, place: Place) -> str:
        settings = {
            "STATION_ID": f"station-{place.id}",
            "PLACE_ID": place.id,
            "ROLE": place.kind,
            "LETTER": place.letter,
            "DATA_DIR": str(self.folder / f"station-{place.id}"),
            "CLOUD_URL": self.cloud_url,
            "READERS": ",".join(
                f"{family}:{self._device(place, family)}" for family in _families_at(place)
            ),
            "SCREEN_PORT": str(self.ports.screens[place.id]),
            "ASSUME_CLOCK_SYNCED": "yes",
        }
        return "".join(f"VALET_AGENT_{name}={value}\n" for name, value in settings.items())

    def _wait_for(self, url: str, showing: str = "") -> None:
        deadline = clock.mono_s() + _READY_S
        while clock.mono_s() < deadline:
            self.check()
            try:
                answer = self._pool.request("GET", url)
                if answer.status == 200 and showing in answer.data.decode():
                    return
            except urllib3.exceptions.HTTPError:
                pass
            Event().wait(_LOOK_EVERY_S)
        raise DemoError(f"{url} does not answer")


def _families_at(place: Place) -> tuple[str, ...]:
    return ("em125", "pn532") if place.kind == BOOTH else ("em125",)


@contextmanager
def sample_district() -> Iterator[Path]:
    """The file of the sample district."""
    with resources.as_file(resources.files("server") / "data" / "casco_viejo.json") as file:
        yield file
