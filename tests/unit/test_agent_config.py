"""The settings of a station: everything that is wrong is said at once, in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from reader_agent.config import ConfigError, read_config
from reader_agent.station_key import StationKeyError, key, load_or_create, public_key_hex

GOOD = """
# The booth at Plaza Herrera
VALET_AGENT_STATION_ID=herrera-1
VALET_AGENT_PLACE_ID=herrera
VALET_AGENT_ROLE=booth
VALET_AGENT_LETTER=H
VALET_AGENT_DATA_DIR=/var/lib/valet-agent
VALET_AGENT_CLOUD_URL=https://valet.example.org
VALET_AGENT_READERS=em125:/dev/ttyUSB0?mode=single, em125:/dev/ttyUSB1?name=second
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "agent.env"
    path.write_text(text, encoding="utf-8")
    return path


def _faults(path: Path | None) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        read_config(path)
    return {fault.name.removeprefix("VALET_AGENT_"): fault.wrong for fault in error.value.faults}


def test_a_file_sets_up_a_station(tmp_path: Path) -> None:
    config = read_config(_file(tmp_path, GOOD))
    assert (config.station_id, config.place_id, config.role) == ("herrera-1", "herrera", "booth")
    assert [reader.device for reader in config.readers] == ["/dev/ttyUSB0", "/dev/ttyUSB1"]
    assert (config.screen_port, config.language) == (8080, "es")
    assert (config.limits.batch_events, config.limits.backoff_cap_s) == (1_000, 60)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALET_AGENT_LETTER", "Z")
    monkeypatch.setenv("VALET_AGENT_BATCH_EVENTS", "20")
    config = read_config(_file(tmp_path, GOOD))
    assert (config.letter, config.limits.batch_events) == ("Z", 20)


def test_everything_that_is_missing_is_told_at_once_with_an_example() -> None:
    with pytest.raises(ConfigError) as error:
        read_config()
    text = str(error.value)
    for name in ("STATION_ID", "PLACE_ID", "ROLE", "LETTER", "DATA_DIR", "CLOUD_URL"):
        assert f"VALET_AGENT_{name}: missing; for example VALET_AGENT_{name}=" in text


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = """
VALET_AGENT_STATION_ID=Herrera 1
VALET_AGENT_PLACE_ID=herrera
VALET_AGENT_ROLE=kiosk
VALET_AGENT_LETTER=hh
VALET_AGENT_DATA_DIR=data
VALET_AGENT_CLOUD_URL=http://valet.example.org
VALET_AGENT_READERS=em125,laser:/dev/x
VALET_AGENT_SCREEN_PORT=99999
VALET_AGENT_LANGUAGE=fr
VALET_AGENT_BATCH_EVENTS=1001
VALET_AGENT_LETER=H
"""
    faults = _faults(_file(tmp_path, wrong))
    assert set(faults) == {
        "STATION_ID",
        "ROLE",
        "LETTER",
        "DATA_DIR",
        "CLOUD_URL",
        "READERS",
        "SCREEN_PORT",
        "LANGUAGE",
        "BATCH_EVENTS",
        "LETER",
    }
    assert faults["LETER"] == "no such setting"
    assert faults["ROLE"] == "write one of booth, lot"
    assert "https://" in faults["CLOUD_URL"]


def test_plain_http_is_for_this_machine_only(tmp_path: Path) -> None:
    text = GOOD.replace("https://valet.example.org", "http://127.0.0.1:5000")
    assert read_config(_file(tmp_path, text)).cloud_url == "http://127.0.0.1:5000"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert _faults(tmp_path / "none.env")["--config"].startswith("no such file")


def test_the_stations_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    private = load_or_create(tmp_path)
    assert load_or_create(tmp_path) == private
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(public_key_hex(tmp_path))) == 32


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / "station.key").chmod(0o644)
    with pytest.raises(StationKeyError) as error:
        load_or_create(tmp_path)
    assert error.value.code == "key_exposed"


def test_half_a_key_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "station.key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(StationKeyError) as error:
        load_or_create(tmp_path)
    assert error.value.code == "key_broken"


def test_the_key_command_prints_the_public_key_and_tells_what_is_wrong(tmp_path: Path) -> None:
    text = GOOD.replace("/var/lib/valet-agent", str(tmp_path / "data"))
    result = CliRunner().invoke(key, ["--config", str(_file(tmp_path, text))])
    assert (result.exit_code, result.output.strip()) == (0, public_key_hex(tmp_path / "data"))
    assert CliRunner().invoke(key, []).exit_code == 1


def test_a_station_asks_for_pins_unless_it_is_told_not_to(tmp_path: Path) -> None:
    config = read_config(_file(tmp_path, GOOD))
    assert (config.asks_pin, config.pin_key_file) == (True, None)
    # As RFC 9106 wants it where memory is scarce.
    limits = config.limits
    assert (limits.pin_memory_kib, limits.pin_passes, limits.pin_lanes) == (65_536, 3, 4)

    wrong = GOOD + "VALET_AGENT_ASKS_PIN=perhaps\nVALET_AGENT_PIN_KEY_FILE=pin.key\n"
    assert set(_faults(_file(tmp_path, wrong))) == {"ASKS_PIN", "PIN_KEY_FILE"}
