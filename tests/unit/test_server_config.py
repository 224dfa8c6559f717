"""The cloud's settings: defaults that work, and every fault at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.config import PREFIX, ConfigError, load_config


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Reading a file puts its settings into the environment; here it is thrown away afterwards.
    monkeypatch.setattr(os, "environ", os.environ.copy())


def faults_of(file: Path | None = None) -> list[str]:
    """What is said of the settings, by line."""
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return str(caught.value).splitlines()


def written(tmp_path: Path, *lines: str) -> Path:
    """A file of these lines."""
    file = tmp_path / "server.env"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_the_defaults_serve_on_loopback_with_sqlite_and_send_nothing() -> None:
    config = load_config()
    assert config.host == "127.0.0.1"
    assert config.database_url == f"sqlite:///{config.data_dir}/valet.db"
    assert config.sms_gateway == "recording"
    assert config.key_file == config.data_dir / "master.key"


def test_a_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}PORT", "81")
    lines = (
        "# a comment",
        "",
        f"{PREFIX}PORT=82",
        f"export {PREFIX}HOST=0.0.0.0",
        f"{PREFIX}DATA_DIR={tmp_path}",
        "AWS_REGION=us-east-1",
    )
    config = load_config(written(tmp_path, *lines))
    assert (config.port, config.host, config.data_dir) == (81, "0.0.0.0", tmp_path)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        f"{PREFIX}PORT=eighty",
        f"{PREFIX}THREADS=1",
        f"{PREFIX}PUBLIC_URL=valet.example.org",
        f"{PREFIX}SMS_GATEWAY=pigeon",
        f"{PREFIX}SMS_SENDER=a b",
        f"{PREFIX}DAY_STARTS_HOUR=24",
        f"{PREFIX}PROT=80",
        "this says nothing",
    )
    said = faults_of(file)
    for name in ("PORT", "THREADS", "PUBLIC_URL", "SMS_GATEWAY", "SMS_SENDER", "DAY_STARTS_HOUR"):
        assert any(line.startswith(f"{PREFIX}{name}:") for line in said)
    assert f"{PREFIX}PROT: there is no such setting" in said
    assert "line 8: write NAME=VALUE" in said
    assert len(said) == 8


@pytest.mark.parametrize(
    "url", ["https://", "http://host/path", "https://a b", "ftp://host", "https://host\n"]
)
def test_an_address_that_no_link_can_begin_with_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}PUBLIC_URL", url)
    assert faults_of() == [f"{PREFIX}PUBLIC_URL: write it as https://host"]


def test_a_file_that_is_missing_a_folder_or_no_text_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.env"
    assert faults_of(missing) == [f"--config {missing}: there is no such file"]
    assert faults_of(tmp_path) == [f"--config {tmp_path}: there is no such file"]
    binary = tmp_path / "binary.env"
    binary.write_bytes(b"\xff\xfe")
    assert faults_of(binary) == [f"--config {binary}: cannot be read as text"]


def test_only_end_user_messaging_takes_a_pool_for_a_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = f"{PREFIX}SMS_SENDER=pool-0123456789abcdef"
    with pytest.raises(ConfigError, match="SMS_SENDER"):
        load_config(written(tmp_path, f"{PREFIX}SMS_GATEWAY=sns", sender))
    for name in ("SMS_GATEWAY", "SMS_SENDER"):
        monkeypatch.delenv(f"{PREFIX}{name}", raising=False)

    config = load_config(written(tmp_path, f"{PREFIX}SMS_GATEWAY=voice-v2", sender))
    assert config.sms_sender == "pool-0123456789abcdef"


def test_the_citys_own_sign_in_is_told_by_its_settings(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    config = load_config(
        written(
            tmp_path,
            f"{PREFIX}OIDC_ISSUER=https://id.example.gob.pa",
            f"{PREFIX}OIDC_CLIENT_ID=valet",
            f"{PREFIX}OIDC_CLIENT_SECRET_FILE={secret}",
            f"{PREFIX}OIDC_ROLES=valet gerencia=manager, valet-auditoria=auditor",
            f"{PREFIX}SECOND_FACTOR_ROLES=",
        )
    )

    assert config.city.is_on
    assert config.city.client_secret == "s3cret"
    assert config.city.roles == {"valet gerencia": "manager", "valet-auditoria": "auditor"}
    assert config.second_factor_roles == frozenset()
    assert "s3cret" not in repr(config)


def test_by_default_there_is_no_city_and_who_administers_needs_a_second_factor() -> None:
    config = load_config()

    assert not config.city.is_on
    assert config.second_factor_roles == {"manager", "administrator"}
    assert (config.pin_memory_kib, config.pin_passes, config.pin_lanes) == (65_536, 3, 4)


def test_a_city_that_is_half_told_is_no_city(tmp_path: Path) -> None:
    told = "\n".join(
        faults_of(
            written(
                tmp_path,
                f"{PREFIX}OIDC_ISSUER=http://id.example.gob.pa",
                f"{PREFIX}OIDC_CLIENT_SECRET_FILE={tmp_path}/none",
                f"{PREFIX}OIDC_ROLES=group=king",
                f"{PREFIX}SECOND_FACTOR_ROLES=king",
                f"{PREFIX}CITY=x",
            )
        )
    )

    for name in ("OIDC_ISSUER", "OIDC_CLIENT_SECRET_FILE", "OIDC_ROLES", "SECOND_FACTOR_ROLES"):
        assert f"{PREFIX}{name}: " in told
    assert f"{PREFIX}CITY: there is no such setting" in told
