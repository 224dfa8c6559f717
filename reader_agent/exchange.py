"""What goes up to the cloud and what comes down, without the line between: no socket, no thread.

Protocol: `schemas.sync`. Everything here may be repeated: an event sent twice is a duplicate to
the cloud, and an answer that does not continue what the station has is not applied.
"""

from __future__ import annotations

import threading
from importlib.metadata import PackageNotFoundError, version

import structlog

from reader_agent.clock import Clock
from reader_agent.cloud import Answer, Asked
from reader_agent.cloud_time import CloudTime
from reader_agent.journal import Journal
from reader_agent.mirror import Mirror
from reader_agent.station_db import StationDB
from schemas import sync

_log = structlog.get_logger(__name__)


def agent_version() -> str:
    """The installed version, `0` when it runs from a folder that was never installed."""
    try:
        return version("casco-valet")
    except PackageNotFoundError:
        return "0"


class Exchange:
    """One station's side of every round trip. `lock` is the station's: the mirror is its."""

    def __init__(
        self,
        db: StationDB,
        journal: Journal,
        mirror: Mirror,
        cloud_time: CloudTime,
        clock: Clock,
        lock: threading.RLock,
    ) -> None:
        self._db = db
        self._journal = journal
        self._mirror = mirror
        self._cloud_time = cloud_time
        self._clock = clock
        self._lock = lock
        self._version = agent_version()

    @property
    def appended(self) -> threading.Event:
        """Set when the journal has something new to send."""
        return self._journal.appended

    @property
    def acked_seq(self) -> int:
        """The cloud has everything up to here."""
        return self._journal.acked_seq

    @property
    def problem(self) -> str | None:
        """`journal_ahead` where this journal must not be sent; a person has to look."""
        return "journal_ahead" if self._journal.is_overtaken else None

    def has_unsent(self) -> bool:
        """Whether there are events to send; never while the cloud is ahead of the journal, where
        sending would pass new events off as old ones. Raises `Refusal` when the disk fails."""
        return not self._journal.is_overtaken and self._journal.depth() > 0

    def ask(self, *, limit_events: int, limit_bytes: int, wait_s: int = 0) -> Asked:
        """The next request: the oldest unsent events within the limits (`limit_events` 0: only
        asks for news), and the guest records that belong to them."""
        journal = self._journal
        batch = journal.pending(limit_events, limit_bytes) if limit_events else []
        records = journal.records(batch[0][0], batch[-1][0]) if batch else []
        cursor = self._mirror.cursor
        header = {
            "v": 1,
            "journal_id": journal.journal_id,
            "cursor": cursor,
            "boot_id": self._clock.boot_id(),
            "first_seq": batch[0][0] if batch else None,
            "mono_ns": self._clock.mono_ns(),
            "wait_s": wait_s,
            "depth": journal.depth(),
            "version": self._version,
            "records": [record.to_wire() for record in records],
        }
        acked_seq = batch[0][0] - 1 if batch else journal.acked_seq
        return Asked(header, [line for _, line in batch], acked_seq, cursor, wait_s)

    def take(self, answer: Answer, asked: Asked) -> bool:
        """Apply an answer; True if anything changed that a screen may show.

        Raises `JournalAhead` and `Refusal`.
        """
        with self._lock:
            self._cloud_time.learn(answer["server_time"])
            before = self._journal.acked_seq
            self._settle(answer, asked)
            # Judged before it is applied, which moves the mirror's cursor.
            is_whole = self._is_next(answer, asked) and not answer["more"]
            is_changed = self._apply(answer, asked) or self._journal.acked_seq != before
            self._settle_tags(answer, is_whole=is_whole)
            self._drop_closed()
        return is_changed

    def _settle(self, answer: Answer, asked: Asked) -> None:
        if self._journal.is_overtaken:
            return
        gap, ack_seq = answer["gap"], answer["ack_seq"]
        if ack_seq < asked.acked_seq and gap is None:
            # It had acknowledged more before we asked: it was set back to an older state.
            gap = {"expected_seq": ack_seq + 1}
        if ack_seq > self._journal.acked_seq or answer["verdicts"]:
            self._journal.settle(ack_seq, answer["verdicts"], self._cloud_time.now())
        if gap is not None and gap["expected_seq"] != self._journal.acked_seq + 1:
            _log.warning("journal.go_back", expected_seq=gap["expected_seq"])
            self._journal.go_back(gap["expected_seq"])

    def _apply(self, answer: Answer, asked: Asked) -> bool:
        cursor, changes = answer["cursor"], answer["changes"]
        if not self._is_next(answer, asked) or (cursor == asked.cursor and not changes):
            return False
        with self._db.transaction() as work:
            self._mirror.apply(work, changes, cursor)
        return bool(changes)

    def _is_next(self, answer: Answer, asked: Asked) -> bool:
        is_news = answer["cursor"] is not None
        return is_news and answer["from_cursor"] == asked.cursor == self._mirror.cursor

    def _settle_tags(self, answer: Answer, *, is_whole: bool) -> None:
        """What was done to tags here holds until the documents that came of it are applied; where
        the cloud refused it, at once no more."""
        refused = [
            verdict["seq"] for verdict in answer["verdicts"] if verdict["verdict"] == sync.REFUSED
        ]
        answered = min(answer["ack_seq"], self._journal.acked_seq) if is_whole else 0
        seqs = self._mirror.own_tag_facts(answered, refused)
        if seqs:
            with self._db.transaction() as work:
                self._mirror.forget_tag_facts(work, seqs)

    def _drop_closed(self) -> None:
        gone = self._mirror.closed(self._journal.acked_seq)
        if gone:
            with self._db.transaction() as work:
                self._mirror.drop(work, gone)
