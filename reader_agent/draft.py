"""The reception in progress: a key tag and what the valet has typed so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from reader_agent.station_db import StationDB, Transaction
from schemas.photo import PhotoRef


@dataclass(frozen=True, slots=True)
class Draft:
    """`plate` and `phone` are normalised; None until they are given. `no_phone`: the driver was
    asked and has none. `is_language_chosen`: the valet chose, so the phone no longer decides.
    `claim_url` is what the claim tag said when it was read: for the cloud, never shown."""

    key_tag: str
    key_label: str
    plate: str | None = None
    phone: str | None = None
    language: str = "es"
    claim_tag: str | None = None
    claim_label: str | None = None
    claim_url: str | None = field(default=None, repr=False)
    no_phone: bool = False
    is_language_chosen: bool = False
    photos: tuple[PhotoRef, ...] = ()

    def with_photos(self, photos: Sequence[PhotoRef]) -> Draft:
        """The same reception with these photos of the car."""
        return replace(self, photos=tuple(photos))


class DraftStore:
    """Keeps the one draft in the database: a reload, a crash or a power cut loses no typing."""

    def __init__(self, db: StationDB) -> None:
        self._db = db
        rows = db.rows("SELECT body FROM draft")
        self._draft = _draft_of(rows[0]["body"]) if rows else None

    def get(self) -> Draft | None:
        """The open draft."""
        return self._draft

    def put(self, draft: Draft) -> Draft:
        """Keep `draft` in place of what was there. Raises `Refusal` when storage fails."""
        body = json.dumps(asdict(draft), ensure_ascii=False)
        with self._db.transaction() as work:
            work.execute("INSERT OR REPLACE INTO draft VALUES (1, ?)", (body,))
        self._draft = draft
        return draft

    def discard(self) -> None:
        """Forget the draft, from the disk as well."""
        with self._db.transaction() as work:
            self.remove(work)
        self._db.forget_log()

    def remove(self, work: Transaction) -> None:
        """The draft becomes a visit as part of `work`."""
        work.execute("DELETE FROM draft")
        work.after_commit(self._forget)

    def _forget(self) -> None:
        self._draft = None


def _draft_of(text: str) -> Draft:
    body = json.loads(text)
    photos = tuple(PhotoRef(**ref) for ref in body.pop("photos", ()))
    return Draft(**body, photos=photos)
