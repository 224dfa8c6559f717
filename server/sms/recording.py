"""The carrier of the embedded default: it writes messages to a file instead of sending them."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Sequence
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
            # Not while `forget` writes the file anew.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
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


def forget(file: Path, references: Collection[str]) -> int:
    """Take these messages out of the file; how many were in it."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return 0
    with os.fdopen(descriptor, "r+", encoding="utf-8") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        lines = opened.readlines()
        kept = [line for line in lines if json.loads(line)["reference"] not in references]
        if len(kept) < len(lines):
            opened.seek(0)
            opened.writelines(kept)
            opened.truncate()
            opened.flush()
            os.fsync(opened.fileno())
    return len(lines) - len(kept)
