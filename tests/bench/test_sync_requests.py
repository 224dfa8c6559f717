"""How many sync requests a second the cloud answers, with all that stands before the answer:
signature, station, time, nonce. A poll brings nothing; a tap brings one event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.signing import new_private_key, public_key_of, sign
from schemas.sync import CONTENT_TYPE
from server import clock
from server.app import create_app, services
from server.stations import add_station
from tests.bench.conftest import Figures
from tests.bench.spread import of_rates
from tests.cloud_kit import open_cloud
from tests.station_lines import StationLines
from tests.visit_story import settings

RUNS = 5
REQUESTS = {"poll": 300, "tap": 60}


@pytest.mark.parametrize("kind", ["poll", "tap"])
def test_sync_requests_a_second(
    tmp_path: Path, database_url: str, figures: Figures, kind: str
) -> None:
    database = database_url.partition(":")[0].partition("+")[0]
    station, key = StationLines("herrera"), new_private_key()
    with open_cloud(tmp_path, database_url) as cloud:
        cloud.database.write(
            lambda session: add_station(
                session, station.station_id, "herrera", public_key_of(key).hex(), clock.now()
            )
        )
        app = create_app(settings(tmp_path, database_url))
        client = app.test_client()

        def post(lines: list[bytes]) -> None:
            header = {
                "v": 1,
                "journal_id": station.journal_id,
                "cursor": None,
                "boot_id": "boot-1",
                "mono_ns": 10**15,
            }
            body = b"\n".join([json.dumps(header).encode(), *lines])
            unix_s = int(clock.now().timestamp())
            headers = sign(key, station.station_id, "POST", "/v1/sync", body, unix_s)
            answer = client.post("/v1/sync", data=body, headers=headers, content_type=CONTENT_TYPE)
            assert answer.status_code == 200, answer.text

        post([])
        runs_s = [_timed(post, kind, station) for _ in range(RUNS)]
        with app.app_context():
            services().database.close()
    figures[f"sync requests {database}, {kind}"] = of_rates(REQUESTS[kind], runs_s)


def _timed(post: Callable[[list[bytes]], None], kind: str, station: StationLines) -> float:
    bodies = [station.lines(1) if kind == "tap" else [] for _ in range(REQUESTS[kind])]
    began_s = time.perf_counter()
    for lines in bodies:
        post(lines)
    return time.perf_counter() - began_s
