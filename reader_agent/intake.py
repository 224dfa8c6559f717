"""Taking a car in: the draft, field by field, and the visit that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from reader_agent import actions
from reader_agent.claim_check import check_proven, check_usable
from reader_agent.config import Config
from reader_agent.draft import Draft, DraftStore
from reader_agent.free_room import FreeRoom
from reader_agent.journal import Journal, NewEvent
from reader_agent.known_cars import KnownCars
from reader_agent.mirror import Mirror
from reader_agent.posted_tariff import PostedTariff, in_force
from reader_agent.public_address import PublicAddress
from reader_agent.recorder import Recorder
from reader_agent.station_db import Transaction
from reader_agent.ticket_codes import next_code
from schemas.catalog import LANGUAGES
from schemas.district import CLAIM_TAG, KEY_TAG, Person, Tag
from schemas.events import Event
from schemas.guest import Guest, new_salt
from schemas.ids import uuid7
from schemas.phones import language_of, normalise_phone
from schemas.plates import normalise_plate
from schemas.problems import Refusal
from schemas.reception import (
    COLOURS,
    DAMAGES,
    HANDLING,
    WISHES_MIN,
    ZONES,
    Damage,
    reception_of,
)
from schemas.tag_ids import TagIDError, is_hint, parse_tag_id
from schemas.visit import Fact


class DraftFields(TypedDict, total=False):
    """What can be changed in a draft. `claim_url`: what the claim tag said when it was read. An
    empty `damage` says nothing, `no_damage` that somebody looked; `wish_min` 0 takes the wish back.
    `same_phone`: the number that the car had when it was here last.
    """

    plate: str | None
    phone: str | None
    language: str | None
    claim_tag: str | None
    claim_url: str | None
    no_phone: bool | None
    same_phone: bool | None
    colour: str | None
    damage: Sequence[Damage] | None
    no_damage: bool | None
    handling: Sequence[str] | None
    wish_min: int | None


class Intake:
    """The one reception that a station has open. Guarded by the station's lock."""

    def __init__(
        self,
        drafts: DraftStore,
        mirror: Mirror,
        journal: Journal,
        recorder: Recorder,
        known: KnownCars,
        now: Callable[[], datetime],
        config: Config,
        room: FreeRoom,
        address: PublicAddress,
    ) -> None:
        self._known = known
        self._now = now
        self._drafts = drafts
        self._mirror = mirror
        self._journal = journal
        self._recorder = recorder
        self._room = room
        self._place_id = config.place_id
        self._letter = config.letter
        self._language = config.language
        self._address = address
        self._cents_per_min = config.tariff_cents_per_min

    @property
    def tariff(self) -> PostedTariff | None:
        """The version of the tariff that a car received now pays by; None before there was one."""
        return in_force(self._mirror.roster.tariffs.get(self._place_id, ()), self._now())

    @property
    def tariff_cents_per_min(self) -> int:
        """Its price per minute, else that of the settings."""
        return self._cents_per_min if self.tariff is None else self.tariff.minute_cents

    def open(self, key_tag: str) -> Draft:
        """Begin a reception with this key tag. In one that is open already only the tag changes:
        what was typed is for the car that still stands there."""
        label = self._check_free(key_tag, KEY_TAG).label
        draft = self._drafts.get()
        if draft is None:
            return self._drafts.put(Draft(key_tag, label, language=self._language))
        if draft.key_tag == key_tag:
            return draft
        return self._drafts.put(replace(draft, key_tag=key_tag, key_label=label))

    def fill_claim(self, claim_tag: str, claim_url: str | None) -> Draft:
        """A claim tag was tapped, and this is what it said."""
        return self.edit(claim_tag=claim_tag, claim_url=claim_url)

    def edit(self, **fields: Unpack[DraftFields]) -> Draft:
        """See `Station.edit_draft`."""
        draft = self._draft()
        plate, phone, no_phone = fields.get("plate"), fields.get("phone"), fields.get("no_phone")
        if plate is not None:
            draft = self._with_plate(draft, plate)
        if (language := fields.get("language")) is not None:
            draft = self._with_language(draft, language)
        if phone is not None:
            draft = self._with_phone(draft, phone)
        if no_phone is not None:
            draft = replace(draft, no_phone=no_phone)
        if draft.no_phone:
            draft = replace(draft, phone=None, phone_ref=None)
        if fields.get("same_phone"):
            draft = _with_same_phone(draft)
        if (claim_tag := fields.get("claim_tag")) is not None:
            draft = self._with_claim(draft, claim_tag, fields.get("claim_url"))
        return self._drafts.put(_with_car(draft, fields))

    def receive(self, actor: Person, now: datetime, consent: str | None = None) -> str:
        """Record the reception; the id of the new visit. `consent`: see `actions.receive`.

        Refusal `no_draft`, `bad_plate`, `phone_needed`, `unknown_tag`, `wrong_tag_kind`,
        `tag_lost`, `tag_retired`, `tag_in_use`, `card_unproven`, and what storage gives.
        """
        draft = self._draft()
        plate = actions.check_draft(draft)
        self._check_free(draft.key_tag, KEY_TAG)
        if draft.claim_tag is not None:
            tag = self._check_free(draft.claim_tag, CLAIM_TAG)
            check_proven(tag, draft.claim_url)
        phone = draft.phone, new_salt(), draft.phone_ref
        guest = Guest(uuid7(now), uuid7(now), plate, *phone)
        build = self._received(draft, guest, consent)
        self._recorder.record(build, actor.id, self._beside(draft, guest, consent, now))
        return guest.visit_id

    def _received(
        self, draft: Draft, guest: Guest, consent: str | None
    ) -> Callable[[Transaction], NewEvent]:
        in_use = {visit.code for visit in self._mirror.visits()}

        def build(work: Transaction) -> NewEvent:
            code = next_code(work, self._letter, in_use)
            return actions.receive(draft, guest, code, consent, self._room.hook())

        return build

    def _beside(
        self, draft: Draft, guest: Guest, consent: str | None, now: datetime
    ) -> Callable[[Transaction, Event], None]:
        def write(work: Transaction, event: Event) -> None:
            self._journal.guests.add(work, guest, event.seq)
            self._mirror.learn_guests(work)
            noted = draft.reception(None)
            ref = guest.ref if guest.has_phone and consent is not None else None
            told = (noted, draft.language, guest.phone, now, ref)
            self._known.remember(work, guest.plate, *told)
            if draft.photos:
                new = actions.photographed(guest.visit_id, event.step + 1, draft.photos)
                self._recorder.add(work, new, event.actor)
            self._drafts.remove(work)

        return write

    def link_of(self, visit_id: str) -> str | None:
        """See `ReceptionDesk.link_of`."""
        terms = self._mirror.terms(visit_id)
        return f"{self._address.url}/t/{terms.link}" if terms and terms.link else None

    def know_again(self, work: Transaction, plate: str, fact: Fact) -> None:
        """A visit is forgotten that began with `fact`: its car may come again, to any booth."""
        data = fact.event.data
        self._known.remember(work, plate, reception_of(data), data["language"], None, fact.at)

    def _draft(self) -> Draft:
        draft = self._drafts.get()
        if draft is None:
            raise Refusal("no_draft")
        return draft

    def _with_plate(self, draft: Draft, text: str) -> Draft:
        if not text.strip():
            return replace(draft, plate=None)
        plate = normalise_plate(text)
        if plate == draft.plate:
            return draft
        draft = replace(draft, plate=plate, is_known=False, known_tail=None)
        draft = replace(draft, known_ref=None, phone_ref=None)
        known = self._known.find(plate, self._now())
        if known is None:
            return draft
        return replace(
            draft,
            is_known=True,
            known_tail=known.phone_tail,
            known_ref=known.guest_ref,
            colour=draft.colour or known.colour,
            handling=draft.handling or known.handling,
            language=draft.language if draft.is_language_chosen else known.language,
        )

    def _with_language(self, draft: Draft, language: str) -> Draft:
        if language not in LANGUAGES:
            raise Refusal("bad_choice")
        return replace(draft, language=language, is_language_chosen=True)

    def _with_phone(self, draft: Draft, text: str) -> Draft:
        if not text.strip():
            return replace(draft, phone=None, phone_ref=None)
        phone = normalise_phone(text)
        language = draft.language if draft.is_language_chosen else language_of(phone)
        return replace(draft, phone=phone, phone_ref=None, no_phone=False, language=language)

    def _with_claim(self, draft: Draft, text: str, claim_url: str | None) -> Draft:
        if not text.strip():
            return replace(draft, claim_tag=None, claim_label=None, claim_url=None)
        try:
            claim_tag = parse_tag_id(text)
        except TagIDError:
            raise Refusal("unknown_tag") from None
        tag = self._check_free(claim_tag, CLAIM_TAG)
        check_proven(tag, claim_url)
        return replace(draft, claim_tag=claim_tag, claim_label=tag.label, claim_url=claim_url)

    def _check_free(self, tag_id: str, kind: str) -> Tag:
        tag = self._mirror.roster.tags.get(tag_id)
        if tag is None:
            raise Refusal("unknown_tag")
        if tag.kind != kind or is_hint(tag_id):
            raise Refusal("wrong_tag_kind")
        check_usable(tag)
        if holders := self._mirror.with_tag(tag_id):
            raise Refusal("tag_in_use", ticket=holders[0].code)
        return tag


def _with_same_phone(draft: Draft) -> Draft:
    """Refusal `bad_choice` where no number is known of the car."""
    if draft.known_ref is None or draft.known_tail is None:
        raise Refusal("bad_choice")
    return replace(draft, phone=None, phone_ref=draft.known_ref, no_phone=False)


def _with_car(draft: Draft, fields: DraftFields) -> Draft:
    """What is noted of the car itself. Refusal `bad_choice` for a word that no screen offers."""
    colour, damage = fields.get("colour"), fields.get("damage")
    handling, wish_min = fields.get("handling"), fields.get("wish_min")
    is_offered = (
        (not colour or colour in COLOURS)
        and all(mark.zone in ZONES and mark.kind in DAMAGES for mark in damage or ())
        and set(handling or ()) <= set(HANDLING)
        and wish_min in (None, 0, *WISHES_MIN)
    )
    if not is_offered:
        raise Refusal("bad_choice")
    if colour is not None:
        draft = replace(draft, colour=colour or None)
    if damage is not None:
        draft = replace(draft, damage=tuple(damage) or None)
    if fields.get("no_damage"):
        draft = replace(draft, damage=())
    if handling is not None:
        draft = replace(draft, handling=tuple(handling))
    if wish_min is not None:
        draft = replace(draft, wish_min=wish_min or None)
    return draft
