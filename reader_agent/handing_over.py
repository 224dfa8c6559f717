"""Giving keys and car back: the last check, and the event that ends a visit."""

from __future__ import annotations

from datetime import datetime

from reader_agent import actions
from reader_agent.claim_check import check_proven, check_usable
from reader_agent.mirror import Mirror
from reader_agent.proofs import Proof, Proofs
from reader_agent.recorder import Recorder
from schemas import states
from schemas.district import Person
from schemas.visit import Visit


class HandingOver:
    """Hand-overs at `place_id`. Guarded by the station's lock."""

    def __init__(self, mirror: Mirror, proofs: Proofs, recorder: Recorder, place_id: str) -> None:
        self._mirror = mirror
        self._proofs = proofs
        self._recorder = recorder
        self._place_id = place_id

    def give(
        self, visit: Visit, proof: Proof, actor: Person, *, is_by_tag: bool, now: datetime
    ) -> None:
        """Check everything, then record. `is_by_tag`: the key tag was on the reader for it.
        Refusals: see `actions.check_hand_over`, `Proofs.check` and `claim_check`."""
        actions.check_hand_over(visit, self._place_id)
        is_by_claim = proof.kind == states.PROOF_CLAIM_TAG
        if is_by_claim:
            tag = self._mirror.roster.tags.get(proof.claim_tag or "")
            check_usable(tag)
            check_proven(tag, proof.claim_url)
        terms = self._mirror.terms(visit.id)
        code_key = terms.code_key if terms else None
        self._proofs.check(proof, visit, actor=actor, code_key=code_key, now=now)
        is_excused = proof.kind == states.PROOF_SUPERVISOR
        reason = (proof.reason or "").strip() if is_excused else None
        opened_by = "key_tag" if is_by_tag else "ticket"
        claim_url = proof.claim_url if is_by_claim else None
        new = actions.hand_over(visit, proof.kind, reason, opened_by, claim_url)
        self._recorder.record(lambda _work: new, actor.id)
