"""What proves, at hand-over, that the keys go to the right person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from reader_agent import actions
from reader_agent.clock import Clock
from reader_agent.station_db import StationDB
from schemas import states
from schemas.district import SUPERVISOR, Person
from schemas.handover_code import is_code
from schemas.problems import Refusal
from schemas.visit import Visit


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown: `kind` is one of `states.PROOFS`, and what goes with it. `claim_url` is
    what the claim tag said."""

    kind: str
    code: str | None = None
    claim_tag: str | None = None
    reason: str | None = None
    claim_url: str | None = field(default=None, repr=False)


class Proofs:
    """Checks proofs, and counts wrong codes on the disk, so that pulling the plug between
    guesses gains nothing."""

    def __init__(self, db: StationDB, clock: Clock, *, tries: int, lock_s: int) -> None:
        self._db = db
        self._clock = clock
        self._tries = tries
        self._lock_s = lock_s

    def check(
        self, proof: Proof, visit: Visit, *, actor: Person, code_key: bytes | None, now: datetime
    ) -> None:
        """Return if the proof holds. Refusal `bad_choice`, `wrong_claim_tag`, `no_code`,
        `bad_code`, `code_locked`, `not_allowed`, `reason_needed`."""
        if proof.kind == states.PROOF_CLAIM_TAG:
            if visit.claim_tag is None or proof.claim_tag != visit.claim_tag:
                raise Refusal("wrong_claim_tag")
        elif proof.kind == states.PROOF_CODE:
            self._check_code(proof.code or "", visit.id, code_key, now)
        elif proof.kind == states.PROOF_SUPERVISOR:
            if SUPERVISOR not in actor.roles:
                raise Refusal("not_allowed")
            if len((proof.reason or "").strip()) not in actions.REASON_LENGTHS:
                raise Refusal("reason_needed")
        else:
            raise Refusal("bad_choice")

    def _check_code(self, typed: str, visit_id: str, code_key: bytes | None, now: datetime) -> None:
        if code_key is None:
            raise Refusal("no_code")
        wrong = self._wrong_so_far(visit_id)
        if is_code(code_key, typed.strip(), now):
            return
        self._note_wrong(visit_id, wrong + 1)
        left = self._tries - wrong - 1
        raise Refusal("bad_code", left=left) if left > 0 else Refusal("code_locked")

    def _wrong_so_far(self, visit_id: str) -> int:
        """How many wrong codes count. Refusal `code_locked` while the lock lasts."""
        rows = self._db.rows(
            "SELECT wrong, boot_id, locked_mono_ns FROM code_try WHERE visit_id = ?", (visit_id,)
        )
        if not rows:
            return 0
        wrong, boot_id, locked_ns = rows[0]
        if locked_ns is None:
            return int(wrong)
        if boot_id != self._clock.boot_id():
            # Nobody can tell how long the power was off, so the lock begins anew.
            self._note_wrong(visit_id, wrong)
            raise Refusal("code_locked")
        if self._clock.mono_ns() - locked_ns < self._lock_s * 1_000_000_000:
            raise Refusal("code_locked")
        return 0

    def _note_wrong(self, visit_id: str, wrong: int) -> None:
        locked_ns = self._clock.mono_ns() if wrong >= self._tries else None
        with self._db.transaction() as work:
            work.execute(
                "INSERT OR REPLACE INTO code_try VALUES (?, ?, ?, ?)",
                (visit_id, wrong, self._clock.boot_id(), locked_ns),
            )
