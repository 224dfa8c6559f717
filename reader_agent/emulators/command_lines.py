"""The commands of an emulated reader: one JSON object a line in, one line out for each.

Before the first command an emulator says `{"ready":"<link>"}`. What it does not understand is
answered with `{"error":"…"}`, and nothing happens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

HOLD_MS = 300
LONGEST_HOLD_MS = 600_000


class BadCommand(ValueError):
    """The line is no command; the message says why."""


class Obedient(Protocol):
    """An emulator that takes commands."""

    def obey(self, text: bytes) -> str:
        """Carry out one command and return its name. Raises `BadCommand`."""


def serve(
    emulator: Obedient, commands: Iterable[bytes], say: Callable[[Mapping[str, str]], None]
) -> None:
    """Obey commands, one line each, until there are no more."""
    for text in commands:
        if not text.strip():
            continue
        try:
            say({"done": emulator.obey(text)})
        except BadCommand as error:
            say({"error": str(error)})


def from_json(text: bytes) -> object:
    """What the line says, of any JSON type. Raises `BadCommand`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadCommand("this is no JSON") from None


def from_hex(digits: str) -> bytes:
    """The bytes to be sent as they are. Raises `BadCommand`."""
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise BadCommand("raw takes hex digits") from None


def hold_ms_of(settings: Mapping[object, object]) -> int:
    """How long a tag lies on the reader: `hold_ms`. Raises `BadCommand`."""
    hold_ms = settings.get("hold_ms", HOLD_MS)
    if not isinstance(hold_ms, int) or not 0 <= hold_ms <= LONGEST_HOLD_MS:
        raise BadCommand(f"hold_ms is a whole number from 0 to {LONGEST_HOLD_MS}")
    return hold_ms
