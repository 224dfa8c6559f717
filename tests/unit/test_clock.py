"""The station's clocks, the machine's and the fake one."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reader_agent.clock import Clock, FakeClock, SystemClock


def test_the_monotonic_clock_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.mono_ns() for _ in range(100)]
    assert readings == sorted(readings)


def test_wall_time_is_aware_and_in_utc() -> None:
    assert SystemClock().wall().utcoffset() == timedelta(0)


def test_the_boot_id_is_the_kernels(tmp_path: Path) -> None:
    path = tmp_path / "boot_id"
    path.write_text("0b0e7f5e-8d0b-4a53-9d11-0c6a0c2f3d55\n")
    assert SystemClock(boot_id_file=path).boot_id() == "0b0e7f5e-8d0b-4a53-9d11-0c6a0c2f3d55"


def test_without_a_kernels_boot_id_the_process_has_one_of_its_own(tmp_path: Path) -> None:
    clock = SystemClock(boot_id_file=tmp_path / "none")
    assert str(uuid.UUID(clock.boot_id())) == clock.boot_id()
    assert clock.boot_id() == clock.boot_id()
    assert clock.boot_id() != SystemClock(boot_id_file=tmp_path / "none").boot_id()


def test_the_wall_clock_counts_as_synced_once_systemd_says_so(tmp_path: Path) -> None:
    path = tmp_path / "synchronized"
    clock = SystemClock(synced_file=path)
    assert not clock.wall_synced()
    path.touch()
    assert clock.wall_synced()


def test_a_machine_that_keeps_time_otherwise_may_say_so(tmp_path: Path) -> None:
    assert SystemClock(assume_synced=True, synced_file=tmp_path / "none").wall_synced()


def test_the_fake_clock_moves_only_when_told_to() -> None:
    clock = FakeClock(wall=datetime(2031, 5, 1, tzinfo=UTC))
    assert clock.mono_ns() == clock.mono_ns() == 0
    clock.advance(1.5)
    assert clock.mono_ns() == 1_500_000_000
    assert clock.wall() == datetime(2031, 5, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_a_step_of_the_wall_clock_leaves_the_monotonic_one_alone() -> None:
    clock = FakeClock(wall_synced=False)
    clock.advance(2)
    clock.set_wall(datetime(2032, 1, 1, tzinfo=UTC), synced=True)
    assert (clock.mono_ns(), clock.wall_synced()) == (2_000_000_000, True)


def test_a_reboot_counts_from_zero_under_another_name() -> None:
    clock: Clock = FakeClock()
    before = clock.boot_id()
    assert isinstance(clock, FakeClock)
    clock.advance(5)
    clock.reboot("another")
    assert (clock.mono_ns(), clock.boot_id()) == (0, "another")
    assert before != "another"
