"""What goes wrong with an RC522 in the field, made to go wrong, and over again."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from reader_agent.drivers.rc522_session import CHECK_NS
from reader_agent.emulators.mfrc522_rf import Moment
from reader_agent.emulators.rc522 import FAULTS
from tests.rc522_stage import POLL_S, Stage

LINK = "https://valet.example/t"
NTAG = {"model": "ntag215", "uid": "04E20B66100289", "url": LINK}
NTAG424 = {
    "model": "ntag424",
    "uid": "044B17125B6680",
    "url": LINK,
    "meta_key": "00" * 16,
    "file_key": "00" * 16,
}
CLASSIC = "nfca:3D99C723"
ALL = [NTAG, NTAG424, CLASSIC]
TURNS_OF_A_CHECK = round(CHECK_NS / 1e9 / POLL_S) + 1

ON_THE_CHIP = ["rst_low", "chip_reset", "antenna_off", "crypto_stuck", "hung"]
ON_THE_BUS = ["reads_00", "reads_ff", "version_flips"]
IN_THE_AIR = ["bcc_wrong", "crc_wrong", "noise", "weak_field", "two_tags", "waiting_time"]
BY_THE_PROCESS = ["spi_error", "slow_spi"]
"""A bus that raises closes the device, which is the reader's part: see test_rc522_reader."""


def running(*tags: object) -> Stage:
    stage = Stage()
    stage.turns(2)
    for tag in tags:
        stage.put(tag)
    return stage


def test_every_fault_of_the_emulator_is_tried_here() -> None:
    leaving = [f"leaves_{moment}" for moment in Moment]
    tried = [*ON_THE_CHIP, *ON_THE_BUS, *IN_THE_AIR, *BY_THE_PROCESS, *leaving]
    assert sorted(FAULTS) == sorted(tried)


@pytest.mark.parametrize("fault", ON_THE_CHIP)
def test_a_chip_that_fails_is_set_up_again_within_a_second(fault: str) -> None:
    stage = running()
    stage.emulator.fault(fault)
    stage.put(NTAG)
    with capture_logs() as logs:
        stage.turns(TURNS_OF_A_CHECK + 1)
    assert [(each.tag, each.text) for each in stage.arrivals] == [("nfca:04E20B66100289", LINK)]
    assert stage.session.is_well
    assert [entry["event"] for entry in logs] == ["reader.restarted"]


@pytest.mark.parametrize("fault", ON_THE_CHIP)
def test_a_card_that_lies_there_when_the_chip_fails_does_not_arrive_twice(fault: str) -> None:
    stage = running(NTAG)
    stage.turns(1)
    # Just before a check: what a card is missed for stays under the time of a departure.
    while stage.session._next_check_ns - stage.clock.mono_ns() > POLL_S * 1e9:
        stage.turns(1)
    stage.emulator.fault(fault)
    stage.turns(20)
    assert len(stage.arrivals) == 1
    assert stage.departures == []


@pytest.mark.parametrize("fault", ON_THE_BUS)
@pytest.mark.parametrize("count", [1, 7, 40, 300])
def test_a_bus_that_lies_for_a_while_makes_no_tag_and_loses_none(fault: str, count: int) -> None:
    stage = running()
    stage.emulator.fault(fault, count)
    stage.turns(5)
    stage.put(NTAG)
    stage.turn_until(lambda: bool(stage.arrivals), most=200)
    stage.turn_until(lambda: stage.session.is_well)
    assert stage.tags == ["nfca:04E20B66100289"]


@pytest.mark.parametrize("fault", ["reads_00", "reads_ff"])
def test_a_dead_bus_is_not_well_and_not_asked_often(fault: str) -> None:
    stage = running()
    stage.emulator.fault(fault, 1_000_000)
    stage.turns(TURNS_OF_A_CHECK)
    assert not stage.session.is_well
    heard = stage.session.heard_mono_ns
    before = stage.emulator.transfers
    stage.turns(40)
    assert stage.emulator.transfers - before < 40 * 40
    assert stage.session.heard_mono_ns == heard, "nothing was heard, so nothing is said to be"
    assert stage.registers.resets > 0, "its reset pin was tried"
    stage.emulator.fault(fault, 0)
    stage.turn_until(lambda: stage.session.is_well)


def test_a_chip_without_power_is_no_chip_and_is_one_when_it_has_it() -> None:
    stage = Stage()
    stage.emulator.fault("reads_00", 500)
    stage.turns(1)
    assert not stage.session.is_well
    assert stage.chip.name is None
    stage.put(NTAG)
    stage.turn_until(lambda: bool(stage.arrivals), most=200)


def test_restarts_that_go_on_are_logged_once_a_while() -> None:
    stage = running()
    with capture_logs() as logs:
        for _ in range(30):
            stage.emulator.fault("antenna_off")
            stage.turns(TURNS_OF_A_CHECK)
    assert [entry["event"] for entry in logs] == ["reader.restarted"]
    with capture_logs() as logs:
        stage.clock.advance(61)
        stage.turns(1)
        stage.emulator.fault("antenna_off")
        stage.turns(TURNS_OF_A_CHECK)
    assert [entry["event"] for entry in logs] == ["reader.restarted"]


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("tag", ALL, ids=["ntag215", "ntag424", "classic"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tag_that_leaves_at_any_moment_is_read_when_it_comes_back(
    moment: Moment, tag: object, count: int
) -> None:
    stage = running()
    stage.emulator.fault(f"leaves_{moment}", count)
    model = stage.put(tag)
    stage.turns(12)
    stage.emulator.remove()
    stage.turns(10)
    before = len(stage.arrivals)
    assert len(stage.departures) == before
    stage.emulator.air.leave_at(moment, 1_000_000)
    stage.emulator.put(model)
    stage.turns(4)
    arrival = stage.arrivals[-1]
    assert len(stage.arrivals) == before + 1
    assert arrival.tag == f"nfca:{model.uid.hex().upper()}"
    assert (arrival.text or "").startswith(LINK) == (tag is not CLASSIC)


@pytest.mark.parametrize("fault", ["bcc_wrong", "crc_wrong", "noise"])
@pytest.mark.parametrize("tag", ALL, ids=["ntag215", "ntag424", "classic"])
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_bad_radio_delays_a_tag_and_never_bends_it(fault: str, tag: object, count: int) -> None:
    stage = running()
    stage.emulator.fault(fault, count)
    model = stage.put(tag)
    stage.turn_until(lambda: bool(stage.arrivals))
    stage.turns(10)
    assert stage.tags == [f"nfca:{model.uid.hex().upper()}"]
    assert stage.departures == []


@pytest.mark.parametrize("every", [2, 3])
def test_a_weak_field_makes_one_arrival_all_the_same(every: int) -> None:
    stage = running()
    stage.emulator.fault("weak_field", every)
    stage.put(CLASSIC)
    stage.turns(60)
    assert stage.tags == [CLASSIC]
    assert stage.departures == []


def test_two_tags_are_two() -> None:
    stage = running(CLASSIC)
    stage.turns(2)
    stage.emulator.fault("two_tags")
    stage.turns(20)
    assert stage.tags == [CLASSIC, "nfca:46115D01"]
    assert stage.departures == []


def test_a_slow_card_is_waited_for() -> None:
    stage = running(NTAG424)
    stage.emulator.fault("waiting_time", 5)
    stage.turns(2)
    assert (stage.arrivals[0].text or "").startswith(LINK)


def test_a_slow_bus_reads_the_same() -> None:
    stage = running(*ALL)
    stage.emulator.fault("slow_spi", 20)
    stage.turns(2)
    assert len(stage.tags) == 3


def test_a_bus_that_raises_is_passed_on() -> None:
    stage = running()
    stage.emulator.fault("spi_error")
    with pytest.raises(OSError, match="Input/output"):
        stage.turns(1)
