"""One tap, one event: each rendered form carries a token that works once."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

from schemas.problems import Refusal

REMEMBERED = 512
"""Tokens whose outcome is kept; a second tap comes within seconds, not hundreds of taps later."""


class OnceTokens:
    """Remembers what became of each token, so that a double tap gets the first tap's answer.

    Held in memory only: after a restart the state of the visit refuses a second act anyway.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: OrderedDict[str, str | Refusal] = OrderedDict()

    def new(self) -> str:
        """A token for one rendered form."""
        return secrets.token_urlsafe(12)

    def run(self, token: str, act: Callable[[], str]) -> str:
        """What `act` returned the first time that this token came; refusals repeat likewise.

        A second tap that comes while the first is being committed waits for it here. Raises
        `Refusal("bad_request")` for a form without a token.
        """
        if not token:
            raise Refusal("bad_request")
        with self._lock:
            outcome = self._outcomes.get(token)
            if outcome is None:
                outcome = _outcome_of(act)
                self._remember(token, outcome)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    def _remember(self, token: str, outcome: str | Refusal) -> None:
        self._outcomes[token] = outcome
        while len(self._outcomes) > REMEMBERED:
            self._outcomes.popitem(last=False)


def _outcome_of(act: Callable[[], str]) -> str | Refusal:
    try:
        return act()
    except Refusal as refusal:
        return refusal
