"""Brings photos to the cloud while there is nothing better to do.

One at a time, the oldest first, and only while the line is up and no event waits; one that is
recorded meanwhile goes first. What a cut leaves half done goes on where the cloud has it. A photo
that the cloud refuses is kept, named, and tried again much later; it does not stop the others.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import structlog

from reader_agent import cloud as fault
from reader_agent.clock import Clock
from reader_agent.cloud import CloudLost
from reader_agent.config import Config, Limits
from reader_agent.photo_cloud import Asker, PhotoCloud
from reader_agent.photo_desk import PhotoDesk
from reader_agent.photo_store import KeptPhoto, WaitingPhoto
from reader_agent.station import Station
from reader_agent.sync import Backoff
from schemas.photo import ALTERED, STORED, PhotoRef
from schemas.problems import Refusal

LOOK_EVERY_S: Final = 2.0
BLOCK_BYTES: Final = 16 * 1024
"""So little is on its way when an event is recorded."""
_LET_PASS_S: Final = 0.05

# About this photo, and not about the line.
_REFUSING: Final = frozenset({fault.BAD_REQUEST, fault.TOO_LARGE})
_RANDOM = random.SystemRandom()
_log = structlog.get_logger(__name__)


class PhotoUpload:
    """`start` and `stop` once each. `may_go` says whether the line is free; `on_change` is called
    when a photo has arrived or was refused."""

    def __init__(
        self,
        desk: PhotoDesk,
        cloud: PhotoCloud,
        limits: Limits,
        clock: Clock,
        *,
        may_go: Callable[[], bool],
        now: Callable[[], datetime],
        on_change: Callable[[], None] = lambda: None,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._desk = desk
        self._cloud = cloud
        self._limits = limits
        self._clock = clock
        self._may_go = may_go
        self._now = now
        self._on_change = on_change
        self._backoff = Backoff(limits.backoff_cap_s, jitter)
        desk.waiting = self.waiting
        self._known: dict[KeptPhoto, WaitingPhoto] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="photos", daemon=True)

    def start(self) -> None:
        """Begin to look for photos."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End; what is under way is left as it is."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def waiting(self) -> list[WaitingPhoto]:
        """What the cloud does not have, the oldest first. From any thread."""
        known = self._known
        return [known.get(photo) or WaitingPhoto(photo) for photo in self._desk.store.waiting()]

    def step(self) -> float:
        """Look after the folders, and bring at most one photo; how many seconds to rest then."""
        self._desk.settle()
        self._desk.store.drop_old(self._now())
        due = self._next()
        if due is None or not self._may_go():
            return LOOK_EVERY_S
        due.tries += 1
        try:
            self._bring(due)
        except CloudLost as error:
            if error.code not in _REFUSING:
                return self._backoff.failed(error.retry_after_s)
            self._refused(due, error.problem or error.code)
        self._backoff.succeeded()
        return 0.0

    def _run(self) -> None:
        backoff = Backoff(self._limits.backoff_cap_s, _RANDOM.random)
        while not self._stopping.is_set():
            try:
                self._stopping.wait(self.step())
                backoff.succeeded()
            except (Refusal, OSError) as error:
                # The card fails: the screen says so already.
                _log.debug("photo.storage", error=type(error).__name__)
                self._stopping.wait(max(LOOK_EVERY_S, backoff.failed()))
            except Exception:  # noqa: BLE001 - the edge of a loop that must not end
                _log.exception("photo.broke")
                self._stopping.wait(max(LOOK_EVERY_S, backoff.failed()))

    def _next(self) -> WaitingPhoto | None:
        waiting = self.waiting()
        # Also forgets those that wait no longer.
        self._known = {each.photo: each for each in waiting}
        now_ns = self._clock.mono_ns()
        return next((each for each in waiting if each.not_before_ns <= now_ns), None)

    def _bring(self, due: WaitingPhoto) -> None:
        photo = due.photo
        try:
            content = self._desk.store.read(photo)
        except OSError as error:
            self._refused(due, "photo_unreadable")
            _log.error("photo.unreadable", error=type(error).__name__)
            return
        if content is None:
            return
        ref = PhotoRef(photo.sha256, self._size_of(photo) or len(content))
        found = hashlib.sha256(content).hexdigest()
        if found != photo.sha256:
            self._refused(due, "photo_altered")
            self._cloud.ask(photo, ref, found)
            return
        answer = self._cloud.ask(photo, ref)
        place = answer["put"]
        if answer["state"] != STORED and place is not None:
            body = content[place["offset"] :]
            if body:
                self._cloud.put(place, self._blocks(body), len(body))
            answer = self._cloud.stored(photo)
        if answer["state"] == STORED:
            self._desk.store.was_stored(photo, self._now())
            self._on_change()
        elif answer["state"] == ALTERED:
            # What arrived is not what is here: something between us changed it.
            raise CloudLost(fault.BAD_ANSWER, problem="photo_altered")
        else:
            raise CloudLost(fault.BAD_ANSWER, problem="photo_not_whole")

    def _size_of(self, photo: KeptPhoto) -> int | None:
        """How long the photo is by its event, which an altered file need not be."""
        refs = (ref for ref in self._desk.of(photo.owner) if ref.sha256 == photo.sha256)
        return next((ref.size_bytes for ref in refs), None)

    def _blocks(self, body: bytes) -> Iterator[bytes]:
        """The body bit by bit, letting events go first. Raises `CloudLost` when they do not get
        through either: then the line is gone, and the rest is for when it is back."""
        for start in range(0, len(body), BLOCK_BYTES):
            waited_s = 0.0
            while not self._may_go():
                if waited_s >= self._limits.request_timeout_s / 2:
                    raise CloudLost(fault.UNREACHABLE, problem="events_wait")
                self._stopping.wait(_LET_PASS_S)
                waited_s += _LET_PASS_S
            if self._stopping.is_set():
                raise CloudLost(fault.UNREACHABLE, problem="stopping")
            yield body[start : start + BLOCK_BYTES]

    def _refused(self, due: WaitingPhoto, code: str) -> None:
        is_news, due.code = due.code != code, code
        due.not_before_ns = self._clock.mono_ns() + self._limits.photo_retry_s * 1_000_000_000
        if is_news:
            _log.error("photo.refused", visit=due.photo.owner, photo=due.photo.sha256, code=code)
            self._on_change()


def photo_upload_of(station: Station, asker: Asker, config: Config, clock: Clock) -> PhotoUpload:
    """The upload of a station's photos, which lets all of its events go first."""

    def is_line_free() -> bool:
        return station.uplink.is_online and not station.exchange.has_unsent()

    return PhotoUpload(
        station.photos,
        PhotoCloud(config, asker),
        config.limits,
        clock,
        may_go=is_line_free,
        now=station.now,
    )
