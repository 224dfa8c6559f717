"""Taking photos of a car: first the file, then the event that names it by its hash.

An event is what counts: a file that no event names was promised to nobody and is forgotten, and a
file that one names waits for the cloud, whatever happened between the two.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from reader_agent import actions
from reader_agent.config import Config
from reader_agent.draft import Draft, DraftStore
from reader_agent.hands import Hands
from reader_agent.journal_rescue import damaged_files
from reader_agent.photo_store import DRAFT, KeptPhoto, PhotoStore, WaitingPhoto
from reader_agent.station_db import StationDB
from schemas import events
from schemas.photo import PhotoRef
from schemas.problems import Refusal
from schemas.reception import Reception, reception_of

_LOOK_BACK: int = 5_000
"""Events: a file without a name was written at most so many of them ago."""
_log = structlog.get_logger(__name__)


class PhotoDesk:
    """Takes the station's lock itself.

    `waiting` lists what the cloud does not have; whoever brings it says how that goes.
    """

    def __init__(
        self,
        config: Config,
        db: StationDB,
        drafts: DraftStore,
        hands: Hands,
    ) -> None:
        self.store = PhotoStore(config.data_dir, config.limits)
        self._data_dir: Path = config.data_dir
        self._limits = config.limits
        self._db = db
        self._hands = hands
        self._mirror = hands.mirror
        self._drafts = drafts
        # Held from before a file is there until its event is: what is new meanwhile is in work.
        self._capturing = threading.Lock()
        self.waiting: Callable[[], Sequence[WaitingPhoto]] = self._waiting
        self.store.forget_unfinished()
        self.settle()

    def add(self, visit_id: str, content: bytes) -> None:
        """A photo of a car that is here or was a moment ago, in whatever state its visit is.

        Refusal `not_signed_in`, `unknown_visit`, `too_many_photos`, and what `PhotoStore.keep`
        and the journal give. The same photo again is taken once.
        """
        with self._capturing:
            with self._hands.lock:
                self._check(visit_id)
            ref = self.store.keep(visit_id, content)
            with self._hands.lock:
                actor_id = self._check(visit_id)
                visit = self._hands.visit(visit_id)
                if ref not in visit.photos:
                    new = actions.photographed(visit_id, visit.step + 1, (ref,))
                    self._hands.record(new, actor_id)
            self._settle()
        self._hands.on_change()

    def add_to_draft(self, content: bytes) -> None:
        """A photo for the reception that is open: its event comes with the reception's.

        Refusal `no_draft`, `too_many_photos`, and what `PhotoStore.keep` and storage give.
        """
        with self._capturing:
            with self._hands.lock:
                self._check_draft()
            ref = self.store.keep(DRAFT, content)
            with self._hands.lock:
                draft = self._check_draft()
                if ref not in draft.photos:
                    self._drafts.put(draft.with_photos((*draft.photos, ref)))
        self._hands.on_change()

    def drop_from_draft(self, sha256: str) -> None:
        """Take a photo of the open reception back, to take it anew. Refusal `no_draft`."""
        with self._capturing:
            with self._hands.lock:
                draft = self._drafts.get()
                if draft is None:
                    raise Refusal("no_draft")
                kept = tuple(ref for ref in draft.photos if ref.sha256 != sha256)
                self._drafts.put(draft.with_photos(kept))
            self._settle()
        self._hands.on_change()

    @property
    def most_bytes(self) -> int:
        """How large a file may be that a camera gives."""
        return self._limits.photo_bytes

    def of(self, visit_id: str) -> list[PhotoRef]:
        """The photos of a visit, those of other stations too."""
        with self._hands.lock:
            visit = self._mirror.visit(visit_id)
            return [] if visit is None else list(visit.photos)

    def reception(self, visit_id: str) -> Reception:
        """What was noted of the car beside its photos; nothing for a visit that is not known."""
        with self._hands.lock:
            for fact in self._mirror.facts(visit_id):
                if fact.event.type == events.VISIT_RECEIVED:
                    return reception_of(fact.event.data)
        return Reception()

    def content(self, owner: str, sha256: str) -> bytes | None:
        """The bytes of a photo that was taken here, while they are kept. Raises `OSError`."""
        return self.store.read(KeptPhoto(owner, sha256))

    def is_kept(self, owner: str, sha256: str) -> bool:
        """Whether the bytes of a photo are here."""
        return self.store.has(KeptPhoto(owner, sha256))

    def settle(self) -> None:
        """Bring the files up to what the events say, after a reception, a crash, or a disk that
        failed in between."""
        if self.store.new():
            with self._capturing:
                self._settle()

    def _waiting(self) -> Sequence[WaitingPhoto]:
        return [WaitingPhoto(photo) for photo in self.store.waiting()]

    def _settle(self) -> None:
        with self._hands.lock:
            draft = self._drafts.get()
            for photo in self.store.new():
                if photo.owner == DRAFT and draft is not None and _names(draft, photo.sha256):
                    continue
                visit_id = self._visit_of(photo)
                try:
                    if visit_id is not None:
                        self.store.begin_waiting(photo, visit_id)
                    elif not damaged_files(self._data_dir):
                        # Else the event may be in the journal that was set aside.
                        self.store.forget(photo)
                except OSError as error:
                    # Nothing is lost: it is done when the photos are next looked at.
                    _log.error("photo.not_moved", error=type(error).__name__)

    def _visit_of(self, photo: KeptPhoto) -> str | None:
        """The visit that an event of this station names the photo for."""
        if photo.owner != DRAFT:
            visit = self._mirror.visit(photo.owner)
            if visit is not None and any(ref.sha256 == photo.sha256 for ref in visit.photos):
                return photo.owner
        rows = self._db.rows(
            "SELECT visit_id, line FROM event"
            " WHERE seq > (SELECT coalesce(max(seq), 0) FROM event) - ? AND instr(line, ?)"
            " ORDER BY seq DESC",
            (_LOOK_BACK, photo.sha256.encode()),
        )
        named = [
            str(row["visit_id"])
            for row in rows
            if json.loads(row["line"])["type"] == events.VISIT_PHOTOGRAPHED
        ]
        wanted = [visit_id for visit_id in named if photo.owner in (DRAFT, visit_id)]
        return wanted[0] if wanted else None

    def _check(self, visit_id: str) -> str:
        """Who takes the photo. Raises `Refusal`."""
        actor = self._hands.actor()
        if len(self._hands.visit(visit_id).photos) >= self._limits.visit_photos:
            raise Refusal("too_many_photos")
        return actor.id

    def _check_draft(self) -> Draft:
        self._hands.shift.touch()
        draft = self._drafts.get()
        if draft is None:
            raise Refusal("no_draft")
        if len(draft.photos) >= self._limits.reception_photos:
            raise Refusal("too_many_photos")
        return draft


def _names(draft: Draft, sha256: str) -> bool:
    return any(ref.sha256 == sha256 for ref in draft.photos)
