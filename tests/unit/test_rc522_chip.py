"""The chip layer of the RC522: few transfers, no busy waiting, and nothing believed unchecked."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reader_agent.cards.crc_a import with_crc_a
from reader_agent.clock import FakeClock
from reader_agent.drivers.rc522_chip import Chip, ChipHungError, Received
from reader_agent.drivers.rc522_map import Reg
from tests.rc522_stage import Stage

WUPA = b"\x52"


def ready(*tags: object) -> Stage:
    stage = Stage()
    assert stage.chip.set_up()
    for tag in tags:
        stage.put(tag)
    return stage


def test_set_up_leaves_the_chip_as_its_health_check_wants_it() -> None:
    stage = ready()
    registers = stage.emulator.chip.registers
    assert registers[Reg.T_MODE] == 0x8D
    assert registers[Reg.TX_CONTROL] & 3 == 3
    assert registers[Reg.MODE] == 0x3D
    assert registers[Reg.TX_ASK] == 0x40
    assert stage.chip.name == "MFRC522 v2.0 (92)"
    assert stage.chip.is_well()


@pytest.mark.parametrize(("gain_db", "bits"), [(18, 0x08), (33, 0x48), (48, 0x78)])
def test_the_receivers_gain_can_be_set(gain_db: int, bits: int) -> None:
    stage = Stage()
    assert Chip(stage.registers, gain_db=gain_db, pause=stage.clock.advance).set_up()
    assert stage.emulator.chip.registers[Reg.RF_CFG] == bits


def test_silence_ends_with_the_chips_own_timer_and_few_looks() -> None:
    stage = ready()
    before, began_ns = stage.emulator.transfers, stage.clock.mono_ns()
    assert stage.chip.exchange(WUPA, 0.002, last_bits=7) is None
    assert stage.emulator.transfers - before <= 15
    assert stage.clock.mono_ns() - began_ns <= 6_000_000


def test_between_two_looks_the_thread_sleeps_ever_longer() -> None:
    stage = ready()
    sleeps: list[float] = []

    def sleep(duration_s: float) -> None:
        sleeps.append(duration_s)
        stage.clock.advance(duration_s)

    chip = Chip(stage.registers, pause=sleep)
    chip.exchange(WUPA, 0.5, last_bits=7)
    assert all(later >= earlier for earlier, later in pairwise(sleeps))
    assert min(sleeps) >= 0.0005
    assert 0.5 <= sum(sleeps) <= 0.53
    assert len(sleeps) <= 31


def test_the_longest_frame_waiting_time_is_left_to_the_timer() -> None:
    stage = ready()
    began_ns = stage.clock.mono_ns()
    assert stage.chip.exchange(b"\x02\x00", 4.95) is None
    assert 4.95e9 <= stage.clock.mono_ns() - began_ns <= 5.1e9


def test_the_timer_is_written_only_when_it_changes() -> None:
    stage = ready()
    stage.chip.exchange(WUPA, 0.002, last_bits=7)
    stage.emulator.chip.trace = trace = list[str]()
    stage.chip.exchange(WUPA, 0.002, last_bits=7)
    assert not any(access.startswith(("W2C", "W2D")) for access in trace)
    stage.chip.exchange(WUPA, 0.01, last_bits=7)
    assert "W2D=13" in trace


def test_partial_bytes_come_with_their_count() -> None:
    stage = ready("nfca:3D99C723")
    assert stage.chip.exchange(WUPA, 0.002, last_bits=7) == Received(b"\x04\x00")
    stage.chip.exchange(bytes.fromhex("93703D99C7234055AB"), 0.002)
    assert stage.chip.exchange(bytes.fromhex("E050BCA5"), 0.002) == Received(b"\x04", 4)


def test_64_bytes_come_through_and_65_are_broken() -> None:
    stage = ready({"model": "ntag215", "uid": "04E20B66100289"})
    chip = stage.chip
    for frame, last_bits in (("52", 7), ("93708804E20B651F17", 0), ("957066100289FDDD1A", 0)):
        chip.exchange(bytes.fromhex(frame), 0.002, last_bits=last_bits)
    whole = chip.exchange(with_crc_a(bytes.fromhex("3A0412")), 0.01)
    assert whole is not None
    assert (len(whole.data), whole.is_broken) == (62, False)
    cut = chip.exchange(with_crc_a(bytes.fromhex("3A0413")), 0.01)
    assert cut is not None
    assert (len(cut.data), cut.is_broken) == (64, True)


def test_a_parity_error_is_told() -> None:
    stage = ready("nfca:3D99C723")
    stage.emulator.fault("noise")
    answer = stage.chip.exchange(WUPA, 0.002, last_bits=7)
    assert answer is not None
    assert answer.is_broken


@pytest.mark.parametrize(
    ("tags", "place"),
    [(("0F00F011", "0F04F011"), 11), (("00000000", "00000080"), 32)],
)
def test_a_collision_is_told_with_its_place(tags: tuple[str, str], place: int) -> None:
    stage = ready(*(f"nfca:{tag}" for tag in tags))
    stage.chip.exchange(WUPA, 0.002, last_bits=7)
    answer = stage.chip.exchange(b"\x93\x20", 0.002)
    assert answer is not None
    assert answer.collision == place


def test_a_chip_that_hangs_is_found_out_soon_after_its_timer_should_have_rung() -> None:
    stage = ready()
    stage.emulator.fault("hung")
    began_ns = stage.clock.mono_ns()
    with pytest.raises(ChipHungError):
        stage.chip.exchange(WUPA, 0.002, last_bits=7)
    assert stage.clock.mono_ns() - began_ns <= 100_000_000


@pytest.mark.parametrize("fault", ["chip_reset", "antenna_off", "crypto_stuck", "rst_low"])
def test_a_chip_that_reads_its_version_well_may_be_unwell(fault: str) -> None:
    stage = ready()
    stage.emulator.fault(fault)
    assert not stage.chip.is_well()


@pytest.mark.parametrize("fault", ["reads_00", "reads_ff"])
def test_what_a_loose_wire_reads_as_is_no_version(fault: str) -> None:
    stage = Stage()
    stage.emulator.fault(fault, 1000)
    assert not stage.chip.set_up()
    assert stage.chip.name is None


@pytest.mark.parametrize("bad", [1, 2])
def test_a_version_that_does_not_read_the_same_three_times_is_none(bad: int) -> None:
    stage = ready()
    stage.emulator.fault("version_flips", bad)
    assert not stage.chip.is_well()
    assert stage.chip.is_well()


def test_a_version_that_is_another_one_now_is_no_well_chip() -> None:
    stage = ready()
    stage.emulator.fault("version_flips", 3)
    assert not stage.chip.is_well()


@pytest.mark.parametrize(
    ("version", "name"),
    [(0x91, "MFRC522 v1.0 (91)"), (0x88, "MFRC522 FM17522 (88)"), (0x12, "MFRC522 unknown (12)")],
)
def test_clones_are_taken_as_they_are(version: int, name: str) -> None:
    stage = Stage()
    stage.emulator.chip.registers.version = version
    assert stage.chip.set_up()
    assert stage.chip.name == name


def test_a_chip_that_does_not_wake_up_is_given_up() -> None:
    clock = FakeClock()

    class Asleep:
        def read(self, _reg: int) -> int:
            return 0x30

        def read_many(self, _reg: int, count: int) -> bytes:
            return b"\x30" * count

        def write(self, reg: int, *values: int) -> None: ...

        def pulse_reset(self) -> None: ...

        def close(self) -> None: ...

    assert not Chip(Asleep(), pause=clock.advance).set_up()
    assert clock.mono_ns() <= 60_000_000
