"""The reception in progress: a key tag and what the valet has typed so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from reader_agent.known_cars import TAIL
from reader_agent.record_box import open_doc, seal_doc
from reader_agent.station_db import StationDB, Transaction
from schemas.photo import PhotoRef
from schemas.reception import Damage, Reception


@dataclass(frozen=True, slots=True)
class Draft:
    """`plate` and `phone` are normalised; None until they are given. `no_phone`: the driver was
    asked and has none. `is_language_chosen`: the valet chose, so the phone no longer decides.
    `claim_url` is what the claim tag said when it was read: for the cloud, never shown.
    `damage`, `wish_min`: see `schemas.reception`. `is_known`: the car was here before, and some of
    this is from then; `known_tail` are the last digits of the number that it had, `known_ref` the
    record that has it. `phone_ref`: the number of that record is used again."""

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
    colour: str | None = None
    damage: tuple[Damage, ...] | None = None
    handling: tuple[str, ...] = ()
    wish_min: int | None = None
    is_known: bool = False
    known_tail: str | None = None
    known_ref: str | None = None
    phone_ref: str | None = None

    @property
    def has_phone_word(self) -> bool:
        """Whether it was said where to write to, or that there is no phone."""
        return self.phone is not None or self.phone_ref is not None or self.no_phone

    @property
    def phone_tail(self) -> str:
        """The last digits of the number, to be read back; empty without one."""
        return self.phone[-TAIL:] if self.phone else (self.phone_ref and self.known_tail) or ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to ask but what proves whose car it is."""
        return self.plate is not None and self.has_phone_word and self.damage is not None

    def reception(self, consent: str | None) -> Reception:
        """What the event says beside plate and phone; `consent` is the text that was shown."""
        return Reception(self.colour, self.damage, self.handling, self.wish_min, consent)

    def with_photos(self, photos: Sequence[PhotoRef]) -> Draft:
        """The same reception with these photos of the car."""
        return replace(self, photos=tuple(photos))


class DraftStore:
    """Keeps the one draft in the database: a reload, a crash or a power cut loses no typing."""

    def __init__(self, db: StationDB) -> None:
        self._db = db
        rows = db.rows("SELECT body FROM draft")
        self._draft = _draft_in(db, rows[0]["body"]) if rows else None

    def get(self) -> Draft | None:
        """The open draft."""
        return self._draft

    def put(self, draft: Draft) -> Draft:
        """Keep `draft` in place of what was there. Raises `Refusal` when storage fails."""
        body = seal_doc(self._db.box, _OWNER, asdict(draft))
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


def _draft_in(db: StationDB, stored: str) -> Draft | None:
    try:
        return _draft_of(open_doc(db.box, _OWNER, stored))
    except ValueError:
        # Another key: nobody can say any more what was typed.
        return None


def _draft_of(body: dict[str, Any]) -> Draft:
    # An agent of before noted less, one of later more than this one knows.
    known = {name: body[name] for name in body.keys() & _NAMES}
    known["photos"] = tuple(PhotoRef(**ref) for ref in body.get("photos", ()))
    known["handling"] = tuple(body.get("handling", ()))
    damage = body.get("damage")
    known["damage"] = None if damage is None else tuple(Damage(**mark) for mark in damage)
    return Draft(**known)


_OWNER = "draft"
_NAMES = frozenset(each.name for each in fields(Draft))
