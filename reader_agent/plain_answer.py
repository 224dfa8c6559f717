"""The short way to an answer of the cloud, as `schemas.plain_events` is one to an event.

What is plainly valid is taken as it is. What is not plain, and also what is only unusual, is left
to `schemas.sync.SyncAnswerSchema`, which alone says what an answer is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from schemas.sync import CHANGE_KINDS, VERDICTS

_KEYS: Final = {
    "ack_seq",
    "verdicts",
    "gap",
    "chain_broken_at",
    "from_cursor",
    "cursor",
    "changes",
    "more",
    "alarm",
    "public_url",
    "server_time",
}
_VERDICT_KEYS: Final = {"seq", "id", "verdict", "code", "detail"}
_CHANGE_KEYS: Final = {"kind", "id", "body"}
_VERDICTS: Final = frozenset(VERDICTS)
_CHANGE_KINDS: Final = frozenset(CHANGE_KINDS)


def plain_answer(said: Any) -> dict[str, Any] | None:
    """The answer in a decoded body, or None where only the schema can say whether it is one."""
    if type(said) is not dict or said.keys() != _KEYS or not _has_plain_fields(said):
        return None
    if not all(map(_is_change, said["changes"])) or not all(map(_is_verdict, said["verdicts"])):
        return None
    at = _time(said["server_time"])
    return None if at is None else {**said, "server_time": at}


def _has_plain_fields(said: dict[str, Any]) -> bool:
    return (
        type(said["ack_seq"]) is int
        and said["gap"] is None
        and _is_number(said["chain_broken_at"])
        and _is_number(said["from_cursor"])
        and _is_number(said["cursor"])
        and type(said["more"]) is bool
        and _is_text(said["alarm"])
        and _is_text(said["public_url"])
        and type(said["changes"]) is list
        and type(said["verdicts"]) is list
    )


def _is_change(change: Any) -> bool:
    return (
        type(change) is dict
        and change.keys() == _CHANGE_KEYS
        and type(change["kind"]) is str
        and change["kind"] in _CHANGE_KINDS
        and type(change["id"]) is str
        and type(change["body"]) is dict
    )


def _is_verdict(verdict: Any) -> bool:
    return (
        type(verdict) is dict
        and verdict.keys() == _VERDICT_KEYS
        and type(verdict["verdict"]) is str
        and verdict["verdict"] in _VERDICTS
        and _is_number(verdict["seq"])
        and _is_text(verdict["id"])
        and _is_text(verdict["code"])
        and _is_text(verdict["detail"])
    )


def _is_number(value: Any) -> bool:
    return value is None or type(value) is int


def _is_text(value: Any) -> bool:
    return value is None or type(value) is str


def _time(text: Any) -> datetime | None:
    if type(text) is not str:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
