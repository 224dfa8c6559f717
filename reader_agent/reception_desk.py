"""The reception at a screen: what is typed is kept, thrown away, and taken up again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Unpack

from reader_agent.draft import Draft, DraftStore
from reader_agent.intake import DraftFields, Intake
from reader_agent.shift import Shift
from schemas.problems import Refusal


class ReceptionDesk:
    """Takes the station's lock itself; `on_change` is called without it."""

    def __init__(
        self,
        drafts: DraftStore,
        intake: Intake,
        shift: Shift,
        lock: threading.RLock,
        on_change: Callable[[], None],
    ) -> None:
        self._drafts = drafts
        self._intake = intake
        self._shift = shift
        self._lock = lock
        self._on_change = on_change

    def draft(self) -> Draft | None:
        """The reception that is open; it survives a reload and a restart."""
        with self._lock:
            return self._drafts.get()

    def edit(self, **fields: Unpack[DraftFields]) -> Draft:
        """Change fields of the draft: None leaves a field as it is, "" clears it.

        Refusal `no_draft`, `bad_plate`, `bad_phone`, `landline_phone`, `bad_choice`,
        `unknown_tag`, `wrong_tag_kind`, `tag_lost`, `tag_retired`, `tag_in_use`,
        `card_unproven`; then nothing has changed.
        """
        with self._lock:
            self._shift.touch()
            return self._intake.edit(**fields)

    def discard(self) -> None:
        """Throw the draft away."""
        with self._lock:
            self._drafts.discard()
        self._on_change()

    def restore(self, draft: Draft) -> None:
        """Take up again what was just thrown away; its photos are gone. Refusal `bad_choice` when
        another car is being received, and what the key tag may be refused for."""
        with self._lock:
            if self._drafts.get() is not None:
                raise Refusal("bad_choice")
            self._intake.open(draft.key_tag)
            self._drafts.put(draft.with_photos(()))
        self._on_change()

    def link_of(self, visit_id: str) -> str | None:
        """The driver's page of a visit without a phone; None until the cloud has made it."""
        with self._lock:
            return self._intake.link_of(visit_id)

    @property
    def tariff_cents_per_min(self) -> int:
        """The posted price, 0 where only the sign says it."""
        return self._intake.tariff_cents_per_min

    def posted_tariff(self, language: str) -> str:
        """The wording that has to be posted, in force now; empty where only the sign says it."""
        with self._lock:
            tariff = self._intake.tariff
        return "" if tariff is None else tariff.text(language)
