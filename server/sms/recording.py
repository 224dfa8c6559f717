"""The carrier of the embedded default: it writes messages to a file instead of sending them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from server.sms.gateway import SENT, Outcome

FILE_NAME = "messages.jsonl"
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message that the simulated carrier took."""

    reference: str
    phone: str
    text: str


@dataclass(frozen=True, slots=True)
class RecordingGateway:
    """Appends each message as one JSON line to `file`, which only its owner can read."""

    file: Path

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        """Take the message; it counts as sent."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(Recorded(reference, phone, text)), ensure_ascii=False) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.file, flags, _OWNER_ONLY)
        try:
            os.fchmod(descriptor, _OWNER_ONLY)
            # One write to an appending descriptor: lines of several workers never mix.
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
        return Outcome(SENT, provider_id=f"recorded-{reference}")


def read_recorded(file: Path) -> Sequence[Recorded]:
    """What was sent so far, oldest first; nothing if there is no file yet."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Recorded(**json.loads(line)) for line in lines]
