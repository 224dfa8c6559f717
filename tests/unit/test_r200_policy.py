"""When a UHF read says that a tag is here."""

from __future__ import annotations

from reader_agent.confirmation import Verdict
from reader_agent.drivers.r200_policy import MOST_READS, Nearness, NearnessJudge

MS = 1_000_000
KEYS, OTHER = "epc:E2000001", "epc:E2000002"
NEARNESS = Nearness(min_rssi_dbm=-65, reads=3, window_ms=1000, margin_db=6)


def verdicts(*reads: tuple[str, int, int], nearness: Nearness = NEARNESS) -> list[Verdict]:
    """What each read of `KEYS` amounts to. A read is tag, dBm, ms."""
    judge = NearnessJudge(nearness)
    found = []
    for tag, rssi_dbm, at_ms in reads:
        judge.heard(tag, rssi_dbm, at_ms * MS)
        verdict = judge.judge(tag, at_ms * MS, None)
        if tag == KEYS:
            found.append(verdict)
    return found


def confirmed(*reads: tuple[str, int, int], nearness: Nearness = NEARNESS) -> list[bool]:
    return [verdict is Verdict.CONFIRMED for verdict in verdicts(*reads, nearness=nearness)]


def test_a_tag_counts_from_its_third_strong_read_within_a_second() -> None:
    assert confirmed((KEYS, -65, 0), (KEYS, -65, 400), (KEYS, -65, 1000)) == [False, False, True]


def test_reads_that_lie_too_far_apart_do_not_add_up() -> None:
    assert confirmed((KEYS, -50, 0), (KEYS, -50, 600), (KEYS, -50, 1001)) == [False] * 3


def test_weak_reads_do_not_count() -> None:
    assert confirmed(*[(KEYS, -66, at) for at in range(10)]) == [False] * 10
    assert confirmed((KEYS, -66, 0), (KEYS, -50, 1), (KEYS, -50, 2), (KEYS, -50, 3)) == [
        False,
        False,
        False,
        True,
    ]


def test_a_tag_has_to_be_clearly_stronger_than_every_other() -> None:
    reads = [(KEYS, -50, 0), (KEYS, -50, 1), (OTHER, -55, 2), (KEYS, -50, 3), (KEYS, -49, 4)]
    assert confirmed(*reads) == [False, False, False, True]


def test_another_tag_counts_only_as_long_as_it_was_read_lately() -> None:
    reads = [(OTHER, -50, 0), (KEYS, -50, 900), (KEYS, -50, 950), (KEYS, -50, 1000)]
    assert confirmed(*reads, (KEYS, -50, 1001)) == [False, False, False, True]


def test_a_weak_neighbour_counts_too_because_its_next_read_may_be_strong() -> None:
    nearness = Nearness(min_rssi_dbm=-60, reads=1, margin_db=6)
    assert confirmed((OTHER, -62, 0), (KEYS, -58, 1), nearness=nearness) == [False]
    assert confirmed((OTHER, -64, 0), (KEYS, -58, 1), nearness=nearness) == [True]


def test_two_equally_strong_tags_are_both_unconfirmed() -> None:
    judge = NearnessJudge(NEARNESS)
    for at_ms in range(0, 500, 20):
        for tag in (KEYS, OTHER):
            judge.heard(tag, -40, at_ms * MS)
            verdict = judge.judge(tag, at_ms * MS, None)
            assert verdict is Verdict.UNCONFIRMED or (tag == KEYS and at_ms == 0)


def test_an_epc_of_zeros_is_no_tag() -> None:
    judge = NearnessJudge(NEARNESS)
    judge.heard("epc:00000000", -30, 0)
    assert judge.judge("epc:00000000", 0, None) is Verdict.PHANTOM


def test_a_field_full_of_tags_takes_bounded_memory() -> None:
    judge = NearnessJudge(NEARNESS)
    for number in range(3 * MOST_READS):
        judge.heard(f"epc:{number:08X}", -40, 0)
    assert len(judge._reads) == MOST_READS
