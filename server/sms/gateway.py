"""What every carrier of text messages looks like, and the four ends that a send can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SENT = "sent"
REFUSED = "refused"
LATER = "later"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended.

    `sent`: the carrier took it, under `provider_id`. `refused`: it never will. `later`: it was
    certainly not taken and may be tried again. `unknown`: it may or may not have gone out, so
    no machine may try again. `fault` is a short code, never a number or a text.
    """

    kind: str
    provider_id: str | None = None
    fault: str | None = None


class SMSGateway(Protocol):
    """Carries one text message."""

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        """Try once to send `text` to `phone` (E.164); `reference` is our id of the message."""
