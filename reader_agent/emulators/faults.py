"""Faults that an emulated reader has for a while, on command."""

from __future__ import annotations

from collections.abc import Sequence

from reader_agent.emulators.command_lines import BadCommand

MOST_TIMES = 1_000_000


class Faults:
    """How many times each fault is still to happen. `names` are the faults there are."""

    def __init__(self, names: Sequence[str]) -> None:
        self._left = dict.fromkeys(names, 0)

    def check(self, name: str, count: object) -> int:
        """`count`, if this fault can happen that often. Raises `BadCommand`."""
        if name not in self._left:
            raise BadCommand(f"no such fault: there are {', '.join(self._left)}")
        if not isinstance(count, int) or not 0 <= count <= MOST_TIMES:
            raise BadCommand(f"count is a whole number from 0 to {MOST_TIMES}")
        return count

    def order(self, name: str, count: int) -> None:
        """Let a fault happen so many times from now on; 0 ends it."""
        self._left[name] = count

    def strikes(self, name: str) -> bool:
        """Whether it happens now, which is then one time less."""
        if self._left[name] == 0:
            return False
        self._left[name] -= 1
        return True
