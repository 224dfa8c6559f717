"""What this station knows of everybody's PIN, and what it has yet to tell the cloud of them.

No event says a PIN: six digits in a journal that is kept for ever could be guessed at leisure. They
come with the cloud's documents of people, go to it by `reader_agent.sign_in.pin_upload`, and lie on
the card sealed (`reader_agent.sign_in.pin_box`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from marshmallow import ValidationError

from reader_agent.sign_in.pin_box import PinBox
from reader_agent.station_db import StationDB, Transaction
from schemas.staff_pin import read_pin_doc

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StaffPin:
    """Somebody's PIN as it counts here, see `schemas.staff_pin.PinDocSchema`."""

    verifier: str | None
    since: str | None
    is_temporary: bool = False
    is_locked: bool = False
    unlocked_at: str | None = None

    @property
    def mark(self) -> str:
        """Of what wrong tries are wrong; another one forgives them."""
        return f"{self.since} {self.unlocked_at}"


@dataclass(frozen=True, slots=True)
class PinChange:
    """A PIN of this station that the cloud has to hear of, see
    `schemas.staff_pin.PinChangeSchema`."""

    id: str
    person_id: str
    verifier: str
    is_temporary: bool
    by: str
    reason: str | None
    at: str


class PinRows:
    """The tables `staff_pin` and `pin_change`, in memory too. Guarded by the station's lock;
    memory follows the commit. `is_damaged`: something could not be opened, and is to be told
    again."""

    def __init__(self, db: StationDB, box: PinBox) -> None:
        self._box = box
        self.is_damaged = False
        self._pins: dict[str, StaffPin] = {}
        self._changes: dict[str, PinChange] = {}
        for row in db.rows("SELECT person_id, sealed FROM staff_pin"):
            doc = self._opened(row["person_id"], row["sealed"])
            if doc is not None:
                self._pins[row["person_id"]] = StaffPin(**doc)
        for row in db.rows("SELECT id, sealed FROM pin_change ORDER BY id"):
            doc = self._opened(row["id"], row["sealed"])
            if doc is not None:
                self._changes[row["id"]] = PinChange(**doc)

    def get(self, person_id: str) -> StaffPin | None:
        """What is known of somebody's PIN."""
        return self._pins.get(person_id)

    def having(self) -> list[str]:
        """The ids of those who have one."""
        return [person_id for person_id, pin in self._pins.items() if pin.verifier is not None]

    def changes(self) -> list[PinChange]:
        """What the cloud has not heard of, the oldest first."""
        return sorted(self._changes.values(), key=lambda change: change.id)

    def change(self, work: Transaction, change: PinChange) -> None:
        """A PIN was chosen or given here: it counts here at once."""
        known = self._pins.get(change.person_id)
        pin = StaffPin(
            change.verifier,
            change.at,
            is_temporary=change.is_temporary,
            is_locked=known.is_locked if known else False,
            unlocked_at=known.unlocked_at if known else None,
        )
        self._put(work, change.person_id, pin)
        sealed = self._sealed(change.id, asdict(change))
        work.execute("INSERT OR REPLACE INTO pin_change VALUES (?, ?)", (change.id, sealed))
        work.after_commit(partial(self._changes.__setitem__, change.id, change))

    def was_told(self, work: Transaction, change: PinChange, since: str | None) -> None:
        """The cloud has it, and counts it from `since`; None: it does not want it."""
        work.execute("DELETE FROM pin_change WHERE id = ?", (change.id,))
        work.after_commit(partial(self._forget, change.id))
        pin = self._pins.get(change.person_id)
        if since is not None and pin is not None and pin.since == change.at:
            self._put(work, change.person_id, replace(pin, since=since))

    def tell(self, work: Transaction, person_id: str, body: object) -> bool:
        """Store the cloud's word of somebody; whether what opened before opens no more."""
        try:
            told = StaffPin(**read_pin_doc(body))
        except ValidationError:
            _log.error("pin.not_understood", person=person_id)
            return False
        known = self._pins.get(person_id)
        if known is not None and self._is_newer_here(person_id, known, told):
            told = replace(
                told,
                verifier=known.verifier,
                since=known.since,
                is_temporary=known.is_temporary,
            )
        if told == known:
            return False
        self._put(work, person_id, told)
        return told.is_locked or (known is not None and known.verifier != told.verifier)

    def _is_newer_here(self, person_id: str, known: StaffPin, told: StaffPin) -> bool:
        if any(change.person_id == person_id for change in self._changes.values()):
            return True
        if known.since is None or told.since is None:
            return False
        return datetime.fromisoformat(known.since) > datetime.fromisoformat(told.since)

    def _forget(self, change_id: str) -> None:
        self._changes.pop(change_id, None)

    def _put(self, work: Transaction, person_id: str, pin: StaffPin) -> None:
        row = (person_id, self._sealed(person_id, asdict(pin)))
        work.execute("INSERT OR REPLACE INTO staff_pin VALUES (?, ?)", row)
        work.after_commit(partial(self._pins.__setitem__, person_id, pin))

    def _sealed(self, owner: str, doc: Mapping[str, Any]) -> bytes:
        return self._box.seal(owner, json.dumps(doc).encode())

    def _opened(self, owner: str, sealed: bytes) -> dict[str, Any] | None:
        plain = self._box.open(owner, sealed)
        if plain is None:
            self.is_damaged = True
            return None
        doc: dict[str, Any] = json.loads(plain)
        return doc
