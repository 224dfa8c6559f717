"""What stops a backup or its restoring."""

from __future__ import annotations


class BackupError(Exception):
    """A backup cannot be made, or is not one to restore from; the message says why, and what to
    do. `code` names the reason for programs."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
