"""What `valet-agent install` writes, and that systemd, sysusers and the agent understand it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from booth_ui.cli import main
from booth_ui.run import END_WITHIN_S
from reader_agent.config import read_config
from reader_agent.installation import layout
from reader_agent.installation.install_command import install
from reader_agent.installation.reader_rules import adapter_rules, name_rules, parse_reader_name
from reader_agent.installation.root_folder import RootFolder
from reader_agent.installation.station_files import (
    MARK,
    TEMPLATES,
    Choices,
    InstallError,
    StationFile,
    StationLink,
    station_files,
)
from reader_agent.releases import keeper
from reader_agent.releases.commands import release
from schemas.signing import public_key_of

ALL = Choices(
    readers=(parse_reader_name("valet-pn532=1-1.3"), parse_reader_name("valet-s=10c4:ea60:01")),
    release_key="0" * 64,
    updates="https://releases.example.org/station",
    is_read_only=True,
)
UNITS = PurePosixPath("/etc/systemd/system")
RULES = PurePosixPath("/etc/udev/rules.d")
# The programs that the units start, which Raspberry Pi OS has.
PROGRAMS = ("bin/sh", "usr/bin/python3", "usr/bin/cage", "usr/bin/sleep", "usr/bin/systemctl")
# What `systemd-analyze security` calls OK ends at 3.0.
EXPOSURE_MAX = 2.0


def text_of(path: str | PurePosixPath | Path, choices: Choices = ALL) -> str:
    """What is written there."""
    (found,) = [file for file in station_files(choices) if str(file.path) == str(path)]
    assert isinstance(found, StationFile)
    return found.content


def value_of(unit: str, key: str) -> str:
    """A setting of one of our units."""
    (value,) = re.findall(rf"^{key}=(.*)$", text_of(UNITS / unit), re.MULTILINE)
    return str(value)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A system under a folder, made a station, with this machine's own units."""
    root = tmp_path / "image"
    root.mkdir()
    RootFolder(root).write(station_files(ALL))
    for name in (*PROGRAMS, "data/valet/releases/current/bin/valet-agent"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("#!/bin/sh\n")
        (root / name).chmod(0o755)
    return root


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Ask systemd itself, where it is at hand."""
    if shutil.which("systemd-analyze") is None or not Path("/usr/lib/systemd/system").is_dir():
        pytest.skip("systemd is not on this machine: its units are not checked here")
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_systemd_understands_every_unit(image: Path) -> None:
    shutil.copytree("/usr/lib/systemd/system", image / "usr/lib/systemd/system", symlinks=True)
    (image / "lib").symlink_to("usr/lib")
    units = [file.path.name for file in station_files(ALL) if file.path.parent == UNITS
             and isinstance(file, StationFile)]  # fmt: skip
    assert len(units) == 8
    ask = ("verify", f"--root={image}", "--man=no", "--recursive-errors=no")

    # Those that are not ours but have our drop-ins are looked at, too.
    done = analyze(*ask, *units, "emergency.service", f"user-{layout.KIOSK_ID}.slice")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    unit = image / "etc/systemd/system/valet-agent.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    done = analyze(*ask, "valet-agent.service")
    assert "WatchdogSecs" in done.stderr


def test_the_agent_may_do_little_else_than_its_work(image: Path) -> None:
    ask = ("security", "--offline=true", f"--root={image}", "--no-pager")
    done = analyze(*ask, f"--threshold={int(EXPOSURE_MAX * 10)}", "valet-agent.service")
    assert done.returncode == 0, done.stdout[-200:]


def test_the_users_are_made_before_their_folders(image: Path) -> None:
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("systemd-sysusers is not on this machine")
    ask = ["systemd-sysusers", f"--root={image}", "--dry-run"]
    done = subprocess.run(ask, check=True, capture_output=True, text=True)
    said = done.stdout + done.stderr
    for user, uid in ((layout.USER, layout.USER_ID), (layout.KIOSK_USER, layout.KIOSK_ID)):
        assert re.search(rf"Creating user '{user}' .* with UID {uid}", said)
    owners = {line.split()[3] for line in text_of("/etc/tmpfiles.d/valet.conf").splitlines()
              if not line.startswith("#")}  # fmt: skip
    assert owners == {"root", layout.USER}
    assert value_of("valet-agent.service", "User") == layout.USER
    assert value_of("valet-kiosk.service", "User") == layout.KIOSK_USER


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    folder = RootFolder(tmp_path)
    wanted = station_files(ALL)
    assert folder.write(wanted) == [str(each.path) for each in wanted]

    times = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert folder.write(wanted) == list(folder.differences(wanted)) == []
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == times


def test_what_was_changed_by_hand_is_shown_and_put_right(tmp_path: Path) -> None:
    folder, wanted = RootFolder(tmp_path), station_files(ALL)
    folder.write(wanted)
    unit = tmp_path / "etc/systemd/system/valet-agent.service"
    right = unit.read_text()
    unit.write_text(right.replace("Restart=always", "Restart=no"))
    mask = tmp_path / "etc/systemd/system/ssh.service"
    mask.unlink()

    lines = list(folder.differences(wanted))
    assert "-Restart=no" in lines
    assert "+Restart=always" in lines
    assert lines[-1] == "/etc/systemd/system/ssh.service: nothing becomes a link to /dev/null"
    assert not mask.is_symlink()
    assert len(folder.write(wanted)) == 2
    assert (unit.read_text(), str(mask.readlink())) == (right, "/dev/null")


def test_a_log_that_was_on_the_root_is_set_aside(tmp_path: Path) -> None:
    log = tmp_path / "var/log/journal"
    log.mkdir(parents=True)
    (log / "old").touch()

    RootFolder(tmp_path).write(station_files(ALL))

    assert str(log.readlink()) == "/data/log/journal"
    assert (tmp_path / "var/log/journal.before-valet/old").exists()


def test_no_file_is_written_outside_of_the_image(tmp_path: Path) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "image"
    elsewhere.mkdir()
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "systemd").symlink_to(elsewhere)

    with pytest.raises(InstallError, match="leads out of"):
        RootFolder(root).write(station_files(ALL))
    assert list(elsewhere.iterdir()) == []


def test_nothing_is_written_into_a_root_that_forgets(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("proc /proc proc rw 0 0\noverlayroot / overlay rw,noatime 0 0\n")

    with pytest.raises(InstallError, match="overlayroot-chroot"):
        RootFolder(Path("/"), mounts).write(station_files(ALL))


def test_the_command_shows_first_and_then_writes(tmp_path: Path) -> None:
    key = tmp_path / "release.pub"
    key.write_text(public_key_of(b"k" * 32).hex())
    root = tmp_path / "image"
    root.mkdir()
    given = ["--root", str(root), "--release-key", str(key), "--reader", "valet-pn532=1-1.3"]

    shown = CliRunner().invoke(install, [*given, "--dry-run"])
    assert shown.exit_code == 0
    assert "+++ /etc/systemd/system/valet-agent.service" in shown.output
    assert list(root.iterdir()) == []

    done = CliRunner().invoke(install, given)
    assert done.exit_code == 0
    assert "0 as they were" in done.output
    assert "daemon-reload" in done.output
    assert (root / "etc/valet-agent/release.pub").read_text().strip() == key.read_text()
    # What was chosen once stays, and is not to be said again.
    again = CliRunner().invoke(install, given[:2])
    assert "0 changed" in again.output
    assert "daemon-reload" not in again.output
    assert (root / "etc/udev/rules.d/71-valet-readers.rules").exists()


@pytest.mark.parametrize(
    "given",
    [
        ["--reader", "pn532=1-1.3"], ["--reader", "valet-x"], ["--reader", "valet-x=ttyUSB0"],
        ["--reader", 'valet-x=10c4:ea60:"'], ["--scale", "9"], ["--scale", "1 --bad"],
        ["--ntp", ""], ["--ntp", "a\nb"], ["--port", "0"],
        ["--reader", "valet-x=1-1", "--reader", "valet-x=1-2"],
        ["--reader", "valet-x=1-1", "--reader", "valet-y=1-1"],
        ["--release-key", "/nowhere"], ["--updates", "http://x.example"],
        ["--updates", "https://x.example --again"],
    ],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_refused(tmp_path: Path, given: list[str]) -> None:
    done = CliRunner().invoke(install, ["--root", str(tmp_path), *given])

    assert done.exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_every_text_is_filled_and_says_who_wrote_it() -> None:
    written = [file for file in station_files(ALL) if isinstance(file, StationFile)]
    for file in written:
        assert "{{" not in file.content, file.path
        # Neither JSON nor a key has room for words.
        if file.path.suffix in (".service", ".mount", ".timer", ".conf", ".rules", ".txt"):
            assert MARK in file.content, file.path
    # And every template is used.
    assert len(written) == len(list(TEMPLATES.iterdir())) + 4


def test_a_lot_without_a_screen_gets_no_browser() -> None:
    names = [str(file.path) for file in station_files(Choices(has_screen=False))]
    wanted = ("kiosk", "chromium", "slice", "starting")
    assert [name for name in names if any(word in name for word in wanted)] == []
    assert str(UNITS / "valet-agent.service") in names


def test_ssh_is_off_unless_asked_for() -> None:
    def masked(choices: Choices) -> set[str]:
        return {file.path.name for file in station_files(choices)
                if isinstance(file, StationLink) and file.target == "/dev/null"}  # fmt: skip

    assert masked(Choices()) - masked(Choices(has_remote=True)) == {"ssh.service", "ssh.socket"}


def test_the_settings_that_are_given_as_an_example_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "station.env"
    file.write_text(text_of(layout.LIBRARY / "station.env.example"))
    names = [line.partition("=")[0] for line in file.read_text().splitlines()]
    for name in names:
        # `read_config` puts what it reads into the environment.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    config = read_config(file)

    assert str(config.data_dir) == str(layout.FOLDER / "station")
    assert value_of("valet-agent.service", "ReadWritePaths") == f"-{config.data_dir}"
    named = {f"/dev/{parse_reader_name(f'valet-{x}=1-1').name}" for x in ("pn532", "scanner")}
    assert {reader.device for reader in config.readers} == named


def test_the_times_fit_those_of_the_agent() -> None:
    assert value_of("valet-agent.service", "Type") == "notify"
    assert float(value_of("valet-agent.service", "TimeoutStopSec")) > END_WITHIN_S
    assert int(value_of("valet-agent.service", "WatchdogSec")) >= 10
    assert value_of("valet-agent.service", "Restart") == "always"
    # Raspberry Pi's timer cannot wait for longer.
    machine = text_of("/etc/systemd/system.conf.d/10-valet.conf")
    assert "RuntimeWatchdogSec=14s" in machine


def test_every_port_that_may_be_opened_is_known_before_it_is_plugged_in() -> None:
    unit = text_of(UNITS / "valet-agent.service")
    allowed = set(re.findall(r"^DeviceAllow=char-(\w+) rw$", unit, re.MULTILINE))
    loaded = set(text_of("/etc/modules-load.d/valet.conf").splitlines())
    assert {"ttyUSB", "ttyACM", "spi"} <= allowed
    # systemd asks /proc/devices once; these two make the names of USB ports.
    assert {"usbserial", "cdc_acm"} <= loaded


def test_the_screen_waits_on_a_page_that_the_keeper_speaks_to() -> None:
    page = text_of(layout.STARTING_PAGE)
    states = set(re.findall(r'data-state="(\w+)"', page)) | set(re.findall(r'"(ready)"', page))
    assert {keeper.STARTING, keeper.READY, keeper.NO_STORAGE} <= states
    assert f"file://{keeper.STATE_FILE}" in page
    assert "http://127.0.0.1:8080/" in page
    assert f"--app=file://{layout.STARTING_PAGE} " in text_of(UNITS / "valet-kiosk.service")


# udev(7): key, operator, value; a comment has a line of its own.
RULE = re.compile(r'[A-Z_]+(\{[A-Za-z_]+\})?(==|!=|\+=|=)"[^"]*"')


@pytest.mark.parametrize(
    "text", [adapter_rules(), name_rules(ALL.readers)], ids=["adapters", "names"]
)
def test_the_rules_have_the_form_that_udev_reads(text: str) -> None:
    rules = [line for line in text.splitlines() if not line.startswith("#")]
    for line in rules:
        assert all(RULE.fullmatch(part) for part in line.split(", ")), line
    labels = re.findall(r'LABEL="(\w+)"', text)
    assert set(re.findall(r'GOTO="(\w+)"', text)) == set(labels)
    assert len(labels) == len(set(labels))
    for line in rules:
        if "idVendor" in line or "KERNELS" in line:
            assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in line


def test_a_reader_is_named_by_its_socket_or_by_its_serial_number() -> None:
    text = text_of(RULES / "71-valet-readers.rules")
    assert re.search(r'^KERNELS=="1-1.3", .*SYMLINK\+="valet-pn532"$', text, re.MULTILINE)
    assert re.search(r'ATTRS\{serial\}=="01", .*SYMLINK\+="valet-s"$', text, re.MULTILINE)


def test_the_page_for_whoever_installs_names_what_there_is() -> None:
    notes = Path(__file__).parents[2] / "firmware_notes"
    text = (notes / "station.md").read_text(encoding="utf-8")
    commands = dict(main.commands)
    commands |= {f"release {name}": each for name, each in release.commands.items()}
    known = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    ours = re.findall(r"valet-agent ((?:release )?[a-z]+)(?: |$|`)", text)
    assert set(ours) <= set(commands)
    assert {"install", "update", "release make", "enroll", "doctor"} <= set(ours)
    quoted = {option for line in text.splitlines() if "valet-agent " in line
              for option in re.findall(r" (--[a-z-]+)", line)}  # fmt: skip
    quoted |= set(re.findall(r"`(--[a-z-]+)", text))
    assert quoted <= known
    for path in re.findall(r"`(/(?:etc|usr/local)/[^`]+)`", text):
        written = [str(file.path) for file in station_files(ALL)]
        assert path in written, path
