"""What is being typed and not yet sent: kept by the agent, so that a reload loses no key press.

The draft itself holds only what has been checked. Half a plate is kept here in memory, and goes
when the step is saved; there is one draft, and so one of each.
"""

from __future__ import annotations

import threading

FIELDS = frozenset({"plate", "phone"})
TEXT_MAX = 24


class HalfTyped:
    """Thread-safe: key presses come on their own requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def put(self, field: str, text: str) -> None:
        """Keep `text`."""
        if field not in FIELDS:
            return
        with self._lock:
            self._texts[field] = text[:TEXT_MAX]

    def get(self, field: str) -> str | None:
        """What was typed last in this field, if it is still unsaved."""
        with self._lock:
            return self._texts.get(field)

    def drop(self, field: str | None = None) -> None:
        """Forget one field, or all."""
        with self._lock:
            if field is None:
                self._texts.clear()
            else:
                self._texts.pop(field, None)
