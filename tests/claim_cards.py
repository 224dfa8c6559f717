"""Claim cards that prove themselves, and cars that are left with one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events, states
from schemas.district import CLAIM_TAG, TAG_ACTIVE
from schemas.guest import Guest
from schemas.sun import sun_url
from server.card_keys import card_secret
from server.cards import last_counter
from server.district import next_version
from server.master_key import MasterKey
from server.models import CardReadRow, TagRow
from tests.visit_story import VALET, Story, StoryVisit, key_tag, steady_uuid

BASE = "https://valet.test/t"
UID = "04A1B2C3D4E5F6"
OTHER_UID = "04112233445566"


@dataclass
class ClaimCard:
    """A card with this cloud's keys. `counter`: how often it has been read."""

    key: MasterKey
    uid: str = UID
    counter: int = 0

    @property
    def tag(self) -> str:
        """Its canonical id."""
        return f"nfca:{self.uid}"

    def read(self, times: int = 1) -> str:
        """The link it says after being read so often once more."""
        self.counter += times
        return self.link(self.counter)

    def link(self, counter: int) -> str:
        """The link that it says at a count."""
        secret = card_secret(self.key)
        return sun_url(BASE, self.uid, counter, secret.meta, secret.file(self.uid), b"\x07" * 5)


def enrolled(story: Story, card: ClaimCard, label: str = "C900", *, secure: bool = True) -> None:
    """Let the district know the card."""

    def work(session: Session) -> None:
        session.add(
            TagRow(
                id=card.tag,
                kind=CLAIM_TAG,
                label=label,
                status=TAG_ACTIVE,
                is_secure=secure,
                version=next_version(session),
            )
        )

    story.database.write(work)


def set_status(story: Story, card: ClaimCard, status: str) -> None:
    """The card was lost, found or retired."""

    def work(session: Session) -> None:
        row = session.get(TagRow, card.tag)
        assert row is not None
        row.status = status

    story.database.write(work)


def receive_with(
    story: Story,
    card: ClaimCard,
    booth_id: str = "herrera",
    url: str | None = None,
    language: str = "es",
) -> StoryVisit:
    """A car is left at a booth, with the card as its claim tag. `url`: what the card said there."""
    number = len(story.visits) + 1
    visit_id, ref = (steady_uuid(story.seed, f"{name}-{number}") for name in ("visit", "guest"))
    guest = Guest(ref, visit_id, f"ZX{number:04d}", "+50761234567", "0" * 32)
    code = f"{booth_id[0].upper()}-{number:04d}"
    visit = StoryVisit(story, visit_id, code, booth_id, key_tag(number), card.tag)
    story.visits.append(visit)
    story.journals[booth_id].guests.append(guest)
    data: dict[str, object] = {
        "code": code,
        "key_tag": visit.key_tag,
        "claim_tag": card.tag,
        "guest": {"ref": guest.ref, "digest": guest.digest()},
        "language": language,
        "claim_url": url,
    }
    story.tell(booth_id, events.VISIT_RECEIVED, VALET, visit, data)
    return visit


def hand_over_with(visit: StoryVisit, url: str | None, booth_id: str = "bolivar") -> None:
    """The car goes back against the claim card. `url`: what the card said there."""
    data: dict[str, object] = {
        "proof": states.PROOF_CLAIM_TAG,
        "reason": None,
        "claim_url": url,
    }
    visit.story.tell(booth_id, events.VISIT_HANDED_OVER, VALET, visit, data)


def verdicts(story: Story, source: str | None = None) -> list[str]:
    """The verdicts of all readings that were kept, or of those at one source, sorted."""

    def read(session: Session) -> list[str]:
        rows = session.scalars(select(CardReadRow))
        return sorted(row.verdict for row in rows if source in (None, row.source))

    return story.database.read(read)


def count_of(story: Story, card: ClaimCard) -> int | None:
    """How far the cloud knows the card to have counted."""
    return story.database.read(lambda session: last_counter(session, card.tag))
