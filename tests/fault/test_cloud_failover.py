"""The cloud as a district relies on it: a door and a worker are killed, PostgreSQL is restarted in
both ways, and at last the primary dies with its Patroni, while the evening goes on.

Nothing that was acknowledged is lost, no message goes out twice, nobody is sent to two cars; booths
go on, and pages come or are clearly refused.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.etcd import EtcdMissing
from tests.fault.cloud_evening import DEADLINE_S, cloud_evening
from tests.patroni_kit import PatroniMissing
from tests.postgres import PostgresMissing

pytestmark = pytest.mark.usefixtures("unmeasured")


def test_an_evening_in_which_every_part_of_the_cloud_breaks_once(tmp_path: Path) -> None:
    try:
        with cloud_evening(tmp_path) as evening:
            gaps = evening.break_everything()
            print({what: f"{gap_s:.1f} s without a write" for what, gap_s in gaps.items()})
            print(f"another worker dispatches after {evening.taken_over_s:.1f} s")
            evening.check()
    except (PatroniMissing, EtcdMissing, PostgresMissing) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    # Thirty seconds for writes and ten for the dispatcher are the goals, which a bench measures:
    # this machine may be a busy one.
    assert max(gaps.values()) < DEADLINE_S
    assert 0 < evening.taken_over_s < DEADLINE_S
