"""What happened, in order: the last lines for a person, and a digest over all of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

KEPT_LINES = 120
PLATE = re.compile(r"\bZQ[0-9]{4}\b")
PHONE = re.compile(r"\b6999[0-9]{4}\b|\+507[0-9]{8}")


class Trace:
    """`digest` is the same for two runs if and only if every line was."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._hash = hashlib.sha256()
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.logs: Counter[str] = Counter()
        self.bad_logs: list[str] = []
        self.broken: list[str] = []
        self.echo: Callable[[str], None] | None = None

    def note(self, who: str, what: str) -> None:
        """Add a line."""
        seconds, rest = divmod(self._now_ns(), 1_000_000_000)
        line = f"{seconds // 3600:4d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}."
        line += f"{rest // 1_000_000:03d} {who:<16} {what}"
        self._hash.update(line.encode())
        self.lines.append(line)
        if self.echo is not None:
            self.echo(line)

    @property
    def digest(self) -> str:
        """SHA-256 over all lines so far."""
        return self._hash.hexdigest()

    def log(self, _logger: object, level: str, entry: MutableMapping[str, Any]) -> str:
        """A structlog processor, the last one: takes what the real code logs."""
        values = {key: value for key, value in entry.items() if key not in ("event", "exc_info")}
        text = f"{level} {entry['event']} {_sorted(values)}"
        if PLATE.search(text) or PHONE.search(text):
            self.bad_logs.append(text)
        self.logs[str(entry["event"])] += 1
        if entry.get("exc_info"):
            told = structlog.processors.format_exc_info(None, level, entry)
            self.broken.append(f"{text}\n{told.get('exception', '')}")
        self.note("log", text)
        raise structlog.DropEvent


def _sorted(values: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={values[key]}" for key in sorted(values))
