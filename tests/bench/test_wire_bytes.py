"""What an event costs on the line: in a catch-up and alone, and what an empty question costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reader_agent.cloud import Answer, Asked, Cloud
from reader_agent.station import Station
from schemas.canonical import canonical_json
from tests.bench.conftest import Figures
from tests.bench.counting_line import CountingLine
from tests.bench.outage import learn_district, live_through, sign_on
from tests.bench.town import Town

EVENTS = 2_000
TAPS = 50


class WeighedCloud:
    """A cloud that notes how large the requests are before they are packed."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.plain = 0

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud`."""
        self.plain += len(asked.body(canonical_json(asked.header)))
        return self._cloud.exchange(asked)

    def close(self) -> None:
        """See `Cloud`."""
        self._cloud.close()


def test_bytes_on_the_wire(town: Town, tmp_path: Path, figures: Figures) -> None:
    outage = town.enrol("station-herrera", tmp_path / "before")
    with town.serving("sqlite", tmp_path / "cloud") as cloud, CountingLine(cloud.url) as line:
        learn_district(outage, cloud.url)
        live_through(outage, EVENTS)
        with outage.station(tmp_path / "station", line.url) as (station, client):
            weighed = WeighedCloud(client)
            sync = station.sync_with(weighed)

            def send() -> None:
                while station.exchange.has_unsent():
                    sync.push_step()

            figures["wire: an event of a catch-up"] = _bytes(line, weighed, EVENTS, send)
            figures["wire: an event alone"] = _bytes(
                line, weighed, TAPS, lambda: _tap(station, send)
            )
            figures["wire: a question without events or news"] = _bytes(
                line, weighed, TAPS, lambda: _ask(station, weighed)
            )
            cloud.assert_whole(outage, EVENTS + TAPS)


def _tap(station: Station, send: Callable[[], None]) -> None:
    for _ in range(TAPS):
        sign_on(station)
        send()


def _ask(station: Station, cloud: Cloud) -> None:
    for _ in range(TAPS):
        asked = station.exchange.ask(limit_events=0, limit_bytes=0)
        station.exchange.take(cloud.exchange(asked), asked)


def _bytes(
    line: CountingLine, weighed: WeighedCloud, count: int, work: Callable[[], None]
) -> dict[str, float]:
    """For each of so many: the body before it is packed, and all that goes up and down."""
    plain, up, down = weighed.plain, line.up, line.down
    work()
    return {
        "n": float(count),
        "body_unpacked_bytes": round((weighed.plain - plain) / count, 1),
        "up_bytes": round((line.up - up) / count, 1),
        "down_bytes": round((line.down - down) / count, 1),
    }
