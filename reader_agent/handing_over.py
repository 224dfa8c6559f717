"""Giving keys and car back: the last check, and the event that ends a visit."""

from __future__ import annotations

import re
from datetime import datetime

from reader_agent import actions
from reader_agent.claim_check import check_proven, check_usable
from reader_agent.mirror import Mirror
from reader_agent.proofs import Proof, Proofs
from reader_agent.recorder import Recorder
from schemas import states
from schemas.district import TAG_ACTIVE, Person
from schemas.problems import Refusal
from schemas.visit import Visit


class HandingOver:
    """Hand-overs at `place_id`. Guarded by the station's lock."""

    def __init__(self, mirror: Mirror, proofs: Proofs, recorder: Recorder, place_id: str) -> None:
        self._mirror = mirror
        self._proofs = proofs
        self._recorder = recorder
        self._place_id = place_id

    def give(
        self, visit: Visit, proof: Proof, actor: Person, *, opened_by: str, now: datetime
    ) -> None:
        """Check everything, then record. `opened_by`: see `actions.hand_over`.
        Refusal `key_needed` where the key was not shown and no supervisor answers for it; for the
        others see `actions.check_hand_over`, `Proofs.check` and `claim_check`."""
        actions.check_hand_over(visit, self._place_id)
        is_excused = proof.kind == states.PROOF_SUPERVISOR
        if opened_by == "ticket" and not is_excused:
            raise Refusal("key_needed")
        is_by_claim = proof.kind == states.PROOF_CLAIM_TAG
        if is_by_claim:
            tag = self._mirror.roster.tags.get(proof.claim_tag or "")
            check_usable(tag)
            check_proven(tag, proof.claim_url)
        terms = self._mirror.terms(visit.id)
        code_key = terms.code_key if terms else None
        self._proofs.check(proof, visit, actor=actor, code_key=code_key, now=now)
        reason = (proof.reason or "").strip() if is_excused else None
        claim_url = proof.claim_url if is_by_claim else None
        claim_tag = self._mirror.roster.tags.get(visit.claim_tag or "")
        new = actions.hand_over(
            visit,
            proof.kind,
            reason,
            opened_by,
            claim_url,
            has_claim_tag=claim_tag is not None and claim_tag.status == TAG_ACTIVE,
        )
        self._recorder.record(lambda _work: new, actor.id)


def check_label(label: str, typed: str) -> None:
    """Whether the number that was typed is the one on the key tag. Refusal `wrong_key`."""
    number = re.sub(r"\D", "", label).lstrip("0")
    if not number or re.sub(r"\D", "", typed).lstrip("0") != number:
        raise Refusal("wrong_key")
