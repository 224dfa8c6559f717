"""Enrolling tags in the office, and saying which are lost, found again or out of use.

Each of them is an event in the cloud's journal, like those of a station.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schemas import events
from schemas.district import BADGE, KEY_TAG, TAG_ACTIVE, TAG_KINDS, TAG_STATUSES
from schemas.problems import Refusal
from schemas.tag_ids import TagIDError, check_lasting, is_hint
from server import cloud_journal, tags
from server.cloud_journal import Deed
from server.district import next_version
from server.models import PersonRow, TagRow, VisitRow
from server.tags import LABEL_CHARS_MAX

_REASON_CHARS_MAX = 300
_SEPARATORS = re.compile(r"[\s:.-]")
_HEX = re.compile(r"[0-9A-F]+")
# The digits that a keyboard reader types without saying of which kind they are.
_KIND_BY_DIGITS = {8: "nfca", 14: "nfca", 20: "nfca", 10: "em4100"}
_SHORT_NUMBER_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag to enrol. `line`: where it stands in what was typed, from 1."""

    line: int
    kind: str
    label: str
    tag: str
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line cannot be enrolled: a code, with words in the manager's catalog."""

    line: int
    text: str
    code: str


class NotEnrolled(Exception):
    """Nothing was enrolled; `faults` has every line that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


def read_entry(line: int, kind: str, label: str, typed: str, person_id: str | None) -> Entry:
    """One tag as it was typed. Raises `NotEnrolled`."""
    label = " ".join(label.split())
    if kind not in TAG_KINDS:
        raise NotEnrolled([Fault(line, label, "bad_kind")])
    if not 1 <= len(label) <= LABEL_CHARS_MAX or not label.isprintable():
        raise NotEnrolled([Fault(line, label[:LABEL_CHARS_MAX], "bad_label")])
    try:
        tag = read_id(typed)
    except TagIDError as error:
        raise NotEnrolled([Fault(line, label, error.code)]) from None
    return Entry(line, kind, label, tag, person_id if kind == BADGE else None)


def read_entries(kind: str, text: str, limit: int) -> list[Entry]:
    """The tags of many lines `label;id`, empty ones left out. Raises `NotEnrolled` with all
    that is wrong in any of them."""
    entries, faults = [], []
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line]
    if len(lines) > limit:
        raise NotEnrolled([Fault(lines[limit][0], "", "too_many")])
    for number, line in lines:
        label, semicolon, typed = line.partition(";")
        if not semicolon:
            faults.append(Fault(number, line[:LABEL_CHARS_MAX], "bad_line"))
            continue
        try:
            entries.append(read_entry(number, kind, label, typed, None))
        except NotEnrolled as refused:
            faults += refused.faults
    if faults or not entries:
        raise NotEnrolled(faults or [Fault(1, "", "nothing")])
    return entries


def read_id(typed: str) -> str:
    """The canonical id in what was typed or what a reader typed: `nfca:04…`, or bare hex digits
    with or without separators, whose number says the kind.

    Raises `TagIDError`, with code `tag_short_number` for ten decimal digits: many readers print
    a 125 kHz tag's number so, without its first byte, and two tags can share it.
    """
    text = typed.strip()
    if re.match(r"[a-z]+[0-9a-z]*:", text.lower()) and not _is_spaced_hex(text):
        return check_lasting("".join(text.split()))
    digits = _SEPARATORS.sub("", text).upper()
    if len(digits) == _SHORT_NUMBER_DIGITS and digits.isdecimal():
        raise TagIDError("tag_short_number", "ten decimal digits are not the whole id")
    if not _HEX.fullmatch(digits) or len(digits) not in _KIND_BY_DIGITS:
        raise TagIDError("tag_digits_wrong", "these are not the digits of a tag")
    return check_lasting(f"{_KIND_BY_DIGITS[len(digits)]}:{digits}")


def enrol(session: Session, entries: Sequence[Entry], actor: str, now: datetime) -> None:
    """Enrol all of them, or none. Raises `NotEnrolled`."""
    version = next_version(session)
    faults = _faults(session, entries)
    if faults:
        raise NotEnrolled(sorted(faults, key=lambda fault: fault.line))
    for entry in entries:
        data: dict[str, object] = {"tag": entry.tag, "kind": entry.kind, "label": entry.label}
        if entry.person_id is not None:
            data["person_id"] = entry.person_id
        cloud_journal.record(session, Deed(events.TAG_ENROLLED, None, 0, actor, data), version, now)
    tags.refold(session, [entry.tag for entry in entries], version)


def mark(
    session: Session, tag_id: str, status: str, reason: str, actor: str, now: datetime
) -> None:
    """Say that a tag is lost, active again or retired. What it is in now, it stays in.

    Raises `Refusal`: `unknown_tag`, `bad_choice`, `reason_needed`, `label_in_use` for one found
    again whose label another tag has got meanwhile.
    """
    version = next_version(session)
    row = session.get(TagRow, tag_id)
    if row is None:
        raise Refusal("unknown_tag")
    if status not in TAG_STATUSES:
        raise Refusal("bad_choice")
    if row.status == status:
        return
    if len(reason.strip()) < 3:
        raise Refusal("reason_needed")
    taken = _labels_taken(session, except_for={row.id})
    if status == TAG_ACTIVE and _label_key(row.kind, row.id, row.label) in taken:
        raise Refusal("label_in_use")
    data: dict[str, object] = {
        "tag": row.id,
        "status": status,
        "reason": reason.strip()[:_REASON_CHARS_MAX],
    }
    cloud_journal.record(session, Deed(events.TAG_MARKED, None, 0, actor, data), version, now)
    tags.refold(session, [row.id], version)


def _is_spaced_hex(text: str) -> bool:
    """`AB:CD:…` is hex with separators and no kind."""
    return re.match(r"[0-9A-Fa-f]{2}:", text) is not None


def _faults(session: Session, entries: Sequence[Entry]) -> list[Fault]:
    faults = [*_twice(entries)]
    in_use = _in_open_visits(session, [entry.tag for entry in entries])
    rows = {row.id: row for row in _rows(session, [entry.tag for entry in entries])}
    # A tag that gets another label here and now gives its old one away.
    taken = _labels_taken(session, except_for=set(rows))
    for entry in entries:
        row = rows.get(entry.tag)
        if row is not None and row.kind != entry.kind and entry.tag in in_use:
            faults.append(Fault(entry.line, entry.label, "tag_in_use"))
        if _label_key(entry.kind, entry.tag, entry.label) in taken:
            faults.append(Fault(entry.line, entry.label, "label_in_use"))
        if entry.person_id is not None and session.get(PersonRow, entry.person_id) is None:
            faults.append(Fault(entry.line, entry.label, "unknown_person"))
    return faults


def _twice(entries: Iterable[Entry]) -> list[Fault]:
    faults, seen_tags, seen_labels = [], set(), set()
    for entry in entries:
        label = _label_key(entry.kind, entry.tag, entry.label)
        if entry.tag in seen_tags:
            faults.append(Fault(entry.line, entry.label, "tag_twice"))
        elif label in seen_labels:
            faults.append(Fault(entry.line, entry.label, "label_twice"))
        seen_tags.add(entry.tag)
        seen_labels.add(label)
    return faults


def _label_key(kind: str, tag: str, label: str) -> tuple[str, bool, str]:
    """Equal for two tags that may not both have their labels. An `epc:` tag rides with a key tag
    under the same label."""
    return kind, kind == KEY_TAG and is_hint(tag), label.casefold()


def _labels_taken(session: Session, except_for: set[str]) -> set[tuple[str, bool, str]]:
    """What the labels of all other active tags forbid."""
    rows = session.execute(
        select(TagRow.kind, TagRow.id, TagRow.label).where(TagRow.status == TAG_ACTIVE)
    )
    return {_label_key(kind, id_, label) for kind, id_, label in rows if id_ not in except_for}


def _rows(session: Session, tag_ids: Sequence[str]) -> Sequence[TagRow]:
    return session.scalars(select(TagRow).where(TagRow.id.in_(tag_ids))).all()


def _in_open_visits(session: Session, tag_ids: Sequence[str]) -> set[str | None]:
    claims = or_(VisitRow.key_tag.in_(tag_ids), VisitRow.claim_tag.in_(tag_ids))
    found = session.execute(
        select(VisitRow.key_tag, VisitRow.claim_tag).where(VisitRow.is_open, claims)
    )
    return {tag for pair in found for tag in pair}
