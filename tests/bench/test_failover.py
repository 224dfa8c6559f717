"""For how long a cloud takes no event in while its parts break, on PostgreSQL under Patroni."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.conftest import MISSING, Figures
from tests.etcd import EtcdMissing
from tests.fault.cloud_evening import cloud_evening
from tests.patroni_kit import RECOMMENDED, PatroniMissing

GOAL_S, GOAL_TAKEN_OVER_S = 30.0, 10.0


def test_writes_are_back(tmp_path: Path, figures: Figures) -> None:
    name = "seconds without a write"
    try:
        with cloud_evening(tmp_path) as evening:
            gaps = evening.break_everything()
            evening.check()
    except (PatroniMissing, EtcdMissing) as error:
        figures[name] = {MISSING: str(error)}
        pytest.skip(str(error))
    figures[name] = {
        **{what: round(gap_s, 1) for what, gap_s in gaps.items()},
        "goal": GOAL_S,
        "nobody dispatches": round(evening.taken_over_s, 1),
        "goal of that": GOAL_TAKEN_OVER_S,
        **{each: float(RECOMMENDED[each]) for each in ("ttl", "loop_wait", "retry_timeout")},
    }
