"""What a QR code on the screen leads to, and what lets the screen use its camera."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reader_agent.config import Config
from reader_agent.installation.station_files import Choices, StationFile, station_files
from tests.station_kit import ANA, KEY_1, StationKit, visit_change

PUBLIC = "https://v.example.org"


def test_the_drivers_page_is_where_the_cloud_says_also_without_a_network(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    kit.tap(ANA)
    kit.tap(KEY_1)
    visit_id = kit.receive().visit_id
    kit.tell(visit_change(visit_id, has_phone=False, link="7K3QF9WZ2M"))
    # A cloud of before says nothing of it.
    assert kit.station.reception.link_of(visit_id) == "http://127.0.0.1:1/t/7K3QF9WZ2M"

    kit.tell(public_url=f"{PUBLIC}/")
    assert kit.station.reception.link_of(visit_id) == f"{PUBLIC}/t/7K3QF9WZ2M"
    kit.restart()
    assert kit.station.reception.link_of(visit_id) == f"{PUBLIC}/t/7K3QF9WZ2M"


@pytest.mark.parametrize("told", [None, "", "javascript:alert(1)", "//v.example.org", "http://["])
def test_what_is_no_address_of_a_page_is_passed_over(tmp_path: Path, told: str | None) -> None:
    kit = StationKit(tmp_path)
    kit.tell(public_url=PUBLIC)
    kit.tell(public_url=told)
    kit.restart()
    assert kit.station._intake._address.url == PUBLIC


def test_the_kiosks_policy_lets_our_own_page_and_no_other_use_the_camera() -> None:
    path = "/etc/chromium/policies/managed/valet-booth.json"
    written = [file for file in station_files(Choices()) if str(file.path) == path]
    assert isinstance(written[0], StationFile)
    policy = json.loads(written[0].content)
    port = Config.__dataclass_fields__["screen_port"].default
    assert policy["VideoCaptureAllowedUrls"] == [f"http://127.0.0.1:{port}"]
    assert policy["VideoCaptureAllowed"] is policy["AudioCaptureAllowed"] is False
