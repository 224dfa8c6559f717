"""The journal under any sequence of appends, lost answers, old answers and gaps."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reader_agent.clock import FakeClock
from reader_agent.journal import Journal, NewEvent
from reader_agent.station_db import StationDB
from schemas import events


class JournalAndCloud(RuleBasedStateMachine):
    """A journal and a cloud that takes in what follows what it has, and may lose its memory."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(mono_ns=10**12)
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "station.sqlite3"
        self.appended: list[str] = []
        self.cloud: list[str] = []
        self.old_acks: list[int] = []

    @initialize()
    def open(self) -> None:
        self.db = StationDB(self.path)
        self.journal = Journal(self.db, self.clock)

    @rule(count=st.integers(1, 4))
    def append(self, count: int) -> None:
        for _ in range(count):
            with self.db.transaction() as work:
                new = NewEvent(events.SHIFT_SIGNED_ON)
                event = self.journal.append(work, new, actor="ana", place_id="herrera")
            self.appended.append(event.id)

    @rule()
    def fail_in_the_middle(self) -> None:
        class Failed(Exception):
            pass

        try:
            with self.db.transaction() as work:
                new = NewEvent(events.SHIFT_SIGNED_ON)
                self.journal.append(work, new, actor="ana", place_id="herrera")
                raise Failed
        except Failed:
            pass

    @rule(limit=st.integers(1, 5), is_answer_lost=st.booleans())
    def send(self, limit: int, *, is_answer_lost: bool) -> None:
        batch = self.journal.pending(limit, 10**6)
        if not batch:
            return
        if batch[0][0] > len(self.cloud) + 1:
            if not is_answer_lost:
                self.journal.go_back(len(self.cloud) + 1)
            return
        for seq, _ in batch:
            if seq == len(self.cloud) + 1:
                self.cloud.append(self.appended[seq - 1])
        if not is_answer_lost:
            self.old_acks.append(len(self.cloud))
            self.journal.settle(len(self.cloud), [], self.clock.wall())

    @precondition(lambda self: self.old_acks)
    @rule(data=st.data())
    def an_old_answer_arrives_again(self, data: st.DataObject) -> None:
        ack_seq = data.draw(st.sampled_from(self.old_acks))
        if ack_seq <= len(self.cloud):
            self.journal.settle(ack_seq, [], self.clock.wall())

    @precondition(lambda self: self.cloud)
    @rule(data=st.data())
    def the_cloud_is_set_back(self, data: st.DataObject) -> None:
        del self.cloud[data.draw(st.integers(0, len(self.cloud) - 1)) :]
        self.old_acks.clear()

    @rule()
    def restart(self) -> None:
        self.db.close()
        self.open()

    @invariant()
    def the_chain_is_whole(self) -> None:
        if hasattr(self, "journal"):
            assert self.journal.check_chain() == len(self.appended)

    @invariant()
    def the_cloud_has_a_prefix(self) -> None:
        assert self.cloud == self.appended[: len(self.cloud)]

    def teardown(self) -> None:
        """Faults stop: then everything drains without a new tap."""
        if not hasattr(self, "journal"):
            return
        for _ in range(3 * len(self.appended) + 3):
            self.send(3, is_answer_lost=False)
            if self.journal.depth() == 0 and len(self.cloud) < len(self.appended):
                self.journal.go_back(len(self.cloud) + 1)
        assert self.cloud == self.appended
        self.db.close()
        self.folder.cleanup()


TestJournalAndCloud = JournalAndCloud.TestCase
