"""The short way to a sync header and its guest records, see `schemas.plain_events`: what is not
plainly valid is left to `schemas.sync` and `schemas.guest`, which alone say what is wrong.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from schemas.guest import Guest

_is_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z").match
_is_plate = re.compile(r"[A-Z0-9]{2,10}\Z").match
_is_phone = re.compile(r"\+[1-9][0-9]{6,14}\Z").match
_is_salt = re.compile(r"[0-9a-f]{32}\Z").match
_is_version = re.compile(r"[ -~]{0,40}\Z").match
_COUNT_MAX = 2**53
_MONO_NS_MAX = 2**63 - 1
_WAIT_S_MAX = 55


def plain_header(header: Any) -> dict[str, Any] | None:
    """What `SyncHeaderSchema` makes of a header, or None where only it can say that."""
    if type(header) is not dict:
        return None
    get = header.get
    journal_id, boot_id, version = get("journal_id"), get("boot_id"), get("version", "")
    cursor, first_seq, records = get("cursor", ""), get("first_seq"), get("records", ())
    mono_ns, wait_s, depth = get("mono_ns"), get("wait_s", 0), get("depth", 0)
    if not (
        type(get("v")) is int
        and get("v") == 1
        and type(journal_id) is type(boot_id) is type(version) is str
        and _is_uuid(journal_id) is not None
        and 1 <= len(boot_id) <= 64
        and _is_version(version) is not None
        and (cursor is None or (type(cursor) is int and 0 <= cursor <= _COUNT_MAX))
        and (first_seq is None or (type(first_seq) is int and 1 <= first_seq <= _COUNT_MAX))
        and type(mono_ns) is type(wait_s) is type(depth) is int
        and 0 <= mono_ns <= _MONO_NS_MAX
        and 0 <= wait_s <= _WAIT_S_MAX
        and 0 <= depth <= _COUNT_MAX
        and type(records) in (list, tuple)
    ):
        return None
    guests = [plain_guest(record) for record in records]
    if None in guests:
        return None
    return {
        "v": 1,
        "journal_id": UUID(journal_id),
        "cursor": cursor,
        "boot_id": boot_id,
        "first_seq": first_seq,
        "mono_ns": mono_ns,
        "wait_s": wait_s,
        "depth": depth,
        "version": version,
        "records": guests,
    }


def plain_guest(record: Any) -> Guest | None:
    """What `GuestSchema` makes of a record, or None where only it can say that."""
    if type(record) is not dict:
        return None
    get = record.get
    ref, visit_id, plate, salt = get("ref"), get("visit_id"), get("plate"), get("salt")
    phone, phone_ref = get("phone", ""), get("phone_ref")
    if not (
        type(ref) is type(visit_id) is type(plate) is type(salt) is str
        and _is_uuid(ref) is not None
        and _is_uuid(visit_id) is not None
        and _is_plate(plate) is not None
        and _is_salt(salt) is not None
        and (phone is None or (type(phone) is str and _is_phone(phone) is not None))
        and (phone_ref is None or (type(phone_ref) is str and _is_uuid(phone_ref) is not None))
    ):
        return None
    return Guest(ref, visit_id, plate, phone, salt, phone_ref)
