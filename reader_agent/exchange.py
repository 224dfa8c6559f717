"""What goes up to the cloud and what comes down, without the line between: no socket, no thread.

Protocol: `schemas.sync`. Everything here may be repeated: an event sent twice is a duplicate to
the cloud, and an answer that does not continue what the station has is not applied.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import structlog

from reader_agent import ticket_codes
from reader_agent.clock import Clock
from reader_agent.cloud import Answer, Asked, pack
from reader_agent.cloud_time import CloudTime
from reader_agent.journal import Journal
from reader_agent.mirror import Mirror
from reader_agent.public_address import PublicAddress
from reader_agent.station_db import StationDB
from schemas import sync

JOURNAL_FORKED: Final = "journal_forked"
"""The cloud has other events of this journal: it is sent to its end and then begun anew."""
CHAIN_BROKEN: Final = "chain_broken"
"""Nothing heals a broken chain: it is shown for as long as the agent runs."""

NEWS_EVERY_NS: Final = 10**9
"""How often a station that sends what has waited asks for news beside that."""

_log = structlog.get_logger(__name__)


@cache
def agent_version() -> str:
    """The installed version, `0` when it runs from a folder that was never installed."""
    try:
        return version("casco-valet")
    except PackageNotFoundError:
        return "0"


@dataclass(frozen=True, slots=True)
class Load:
    """The events behind `after_seq` that go into one request, and the guest records that belong to
    them: what does not change while it waits. `packed`: see `Asked`."""

    journal_id: str
    after_seq: int
    lines: Sequence[bytes]
    records: Sequence[Mapping[str, str | None]]
    packed: bytes | None = None


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
        address: PublicAddress,
    ) -> None:
        self._db = db
        self._journal = journal
        self._mirror = mirror
        self._cloud_time = cloud_time
        self._clock = clock
        self._lock = lock
        self._address = address
        self._version = agent_version()
        self._broken_id: str | None = None
        self._news_asked_ns = 0

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
        """What is wrong with the journal that is in use; None if nothing is."""
        if self._journal.is_overtaken:
            return JOURNAL_FORKED
        return CHAIN_BROKEN if self._broken_id == self._journal.journal_id else None

    def has_unsent(self) -> bool:
        """Whether there are events to send, or a journal to ask about until it can be renewed."""
        return self._journal.depth() > 0 or self._journal.is_overtaken

    def ask(self, *, limit_events: int, limit_bytes: int, wait_s: int = 0) -> Asked:
        """The next request: the oldest unsent events within the limits (`limit_events` 0: only
        asks for news), and the guest records that belong to them. While much waits, news is asked
        for only now and then."""
        journal = self._journal
        load = self._load(journal.acked_seq, limit_events, limit_bytes)
        left = journal.head_seq() - load.after_seq - len(load.lines)
        is_much = bool(load.lines) and left >= limit_events
        wants_news = not is_much or self._is_news_due()
        return self._asked(load, self._mirror.cursor, wait_s, wants_news=wants_news)

    def has_behind(self, asked: Asked, limit_events: int) -> bool:
        """Whether as much waits behind a request that is under way as goes into one."""
        journal = self._journal
        if asked.journal_id != journal.journal_id or journal.is_overtaken:
            return False
        return bool(asked.lines) and journal.head_seq() - asked.last_seq >= limit_events

    def load_behind(
        self, asked: Asked, *, limit_events: int, limit_bytes: int, gzip_level: int
    ) -> Load | None:
        """What will follow a request that is under way, made ready: only where as much waits
        behind it as goes into one request."""
        if not self.has_behind(asked, limit_events):
            return None
        load = self._load(asked.last_seq, limit_events, limit_bytes)
        return replace(load, packed=pack(load.lines, gzip_level)) if gzip_level else load

    def ask_behind(self, load: Load) -> Asked:
        """What to ask before the answer to the request in front of the load has come. Should that
        not be whole, the answer to this one is not to be taken. It brings no news: nobody knows
        yet which the answer in front of it brings."""
        return self._asked(load, self._mirror.cursor, wants_news=False)

    def is_whole(self, answer: Answer, asked: Asked) -> bool:
        """Whether an answer, which is still to be taken, is for every line that was sent."""
        return answer["ack_seq"] == asked.last_seq and answer["gap"] is None

    def ask_ahead(self, answer: Answer, asked: Asked, load: Load | None) -> Asked | None:
        """What to ask after an answer that is whole and still to be taken, to go with the load.

        The answer to that may be taken only after this one has been. It brings news only if the
        last are too old: while much is sent, most would be of what was sent.
        """
        journal = self._journal
        if load is None:
            return None
        if load.journal_id != journal.journal_id or journal.is_overtaken:
            return None
        cursor = answer["cursor"] if self._is_next(answer, asked) else self._mirror.cursor
        return self._asked(load, cursor, wants_news=self._is_news_due())

    def _is_news_due(self) -> bool:
        return self._clock.mono_ns() - self._news_asked_ns >= NEWS_EVERY_NS

    def _load(self, after_seq: int, limit_events: int, limit_bytes: int) -> Load:
        journal = self._journal
        batch = journal.pending(limit_events, limit_bytes, after_seq) if limit_events else []
        records = journal.records(batch[0][0], batch[-1][0]) if batch else []
        return Load(journal.journal_id, after_seq, [line for _, line in batch], records)

    def _asked(self, load: Load, cursor: int, wait_s: int = 0, *, wants_news: bool = True) -> Asked:
        if wants_news:
            self._news_asked_ns = self._clock.mono_ns()
        header = {
            "v": 1,
            "journal_id": load.journal_id,
            "cursor": cursor if wants_news else None,
            "boot_id": self._clock.boot_id(),
            "first_seq": load.after_seq + 1 if load.lines else None,
            "mono_ns": self._clock.mono_ns(),
            "wait_s": wait_s,
            "depth": self._journal.head_seq() - load.after_seq,
            "version": self._version,
            "records": load.records,
        }
        return Asked(header, load.lines, load.after_seq, cursor, wait_s, load.packed)

    def take(self, answer: Answer, asked: Asked) -> bool:
        """Apply an answer; True if anything changed that a screen may show. Raises `Refusal`."""
        with self._lock:
            self._cloud_time.learn(answer["server_time"])
            self._address.learn(answer.get("public_url"))
            before = self._journal.acked_seq
            self._settle(answer, asked)
            # Judged before it is applied, which moves the mirror's cursor.
            is_whole = self._is_next(answer, asked) and not answer["more"]
            is_changed = self._apply(answer, asked) or self._journal.acked_seq != before
            self._settle_tags(answer, is_whole=is_whole)
            is_changed |= self._renew(is_whole=is_whole)
            self._drop_closed()
        return is_changed

    def _settle(self, answer: Answer, asked: Asked) -> None:
        journal = self._journal
        if asked.journal_id != journal.journal_id:
            # It is about the journal before this one.
            return
        gap, ack_seq = answer["gap"], answer["ack_seq"]
        journal.compare_head(ack_seq)
        if answer["chain_broken_at"] is not None:
            self._broken_id = journal.journal_id
        if ack_seq < asked.acked_seq and gap is None:
            # It had acknowledged more before we asked: it was set back to an older state.
            gap = {"expected_seq": ack_seq + 1}
        # What the cloud has beyond these lines need not be what is in this journal.
        upto_seq = min(ack_seq, asked.last_seq)
        if upto_seq > journal.acked_seq or answer["verdicts"]:
            journal.settle(upto_seq, answer["verdicts"], self._cloud_time.now())
        if gap is not None and gap["expected_seq"] != journal.acked_seq + 1:
            _log.warning("journal.go_back", expected_seq=gap["expected_seq"])
            journal.go_back(gap["expected_seq"])

    def _renew(self, *, is_whole: bool) -> bool:
        """Begin a journal anew once the cloud has answered for every line of the one that it has
        otherwise, and has told all that it knows; True if that was now."""
        journal, mirror = self._journal, self._mirror
        if not (journal.is_overtaken and is_whole) or journal.depth():
            return False
        with self._db.transaction() as work:
            journal_id, again = journal.renew(work)
            # Numbers may have been given that the card no longer knows of.
            ticket_codes.start_anywhere(work)
            mirror.begin_anew(work, journal_id, again, self._cloud_time.now())
        return True

    def _apply(self, answer: Answer, asked: Asked) -> bool:
        cursor, changes = answer["cursor"], answer["changes"]
        if not self._is_next(answer, asked) or (cursor == asked.cursor and not changes):
            return False
        with self._db.transaction() as work:
            self._mirror.apply(work, changes, cursor, self._dispensable_seq())
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
        gone = self._mirror.closed(self._dispensable_seq())
        if gone:
            with self._db.transaction() as work:
                self._mirror.drop(work, gone)

    def _dispensable_seq(self) -> int:
        """A visit of which this station recorded nothing later can go once it has closed; none
        can while the journal may have to tell of it again."""
        return -1 if self._journal.is_overtaken else self._journal.acked_seq
