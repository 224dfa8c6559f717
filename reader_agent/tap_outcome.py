"""What came of one tap: what the reader beeps and what the screens say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reader_agent.screen_feed import GO, SAY, ScreenMessage, Tone
from schemas.problems import Refusal


@dataclass(frozen=True, slots=True)
class TapOutcome:
    """`tone` is None where nothing is to be heard (a read that is not confirmed yet).

    `key`, `values`: words of the catalog. `screen`: the screen to open, with `visit_id` if it
    shows one. `event_type`: what was recorded, durable by now; None if nothing was.
    """

    tone: Tone | None
    key: str | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)
    screen: str | None = None
    visit_id: str | None = None
    event_type: str | None = None

    def message(self) -> ScreenMessage:
        """The same for the screens."""
        kind: Literal["go", "say"] = GO if self.screen else SAY
        return ScreenMessage(kind, self.screen, self.visit_id, self.key, self.values, self.tone)


def refused(refusal: Refusal, screen: str | None = None) -> TapOutcome:
    """A refusal is an outcome too: the person hears and reads why."""
    is_counted = refusal.code == "bad_code" and "left" in refusal.context
    code = "bad_code_left" if is_counted else refusal.code
    return TapOutcome("error", f"problem.{code}", dict(refusal.context), screen)
