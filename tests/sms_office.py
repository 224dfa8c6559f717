"""The worker's office: a story whose messages are sent by a gateway that answers as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

import server
from schemas.catalog import Catalog
from server.database import Database
from server.models import MessageRow
from server.outbox import TEMPLATES
from server.sending import Sender, send_due
from server.sms.gateway import SENT, Outcome, Receipts
from tests.visit_story import Story

CATALOG = Catalog(Path(server.__file__).parent / "translations", "driver")


@dataclass
class ScriptedGateway:
    """Answers as told, in order, then `sent`; remembers what it was given."""

    outcomes: list[Outcome] = field(default_factory=list)
    taken: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        self.taken.append((reference, phone, text))
        return self.outcomes.pop(0) if self.outcomes else Outcome(SENT, provider_id="p")


class Killed(BaseException):
    """Stands for a process that ended in the middle of a send."""


class DyingGateway:
    """Ends the process at its first message."""

    def send(self, _reference: str, _phone: str, _text: str) -> Outcome:
        raise Killed


@dataclass
class Office:
    """A story with a worker at its outbox."""

    story: Story
    gateway: ScriptedGateway = field(default_factory=ScriptedGateway)
    receipts: Receipts | None = None

    @property
    def database(self) -> Database:
        return self.story.database

    def sender(self, **changes: object) -> Sender:
        sender = Sender(
            self.story.config,
            self.database,
            self.story.key,
            CATALOG,
            self.gateway,
            worker="worker-1",
            receipts=self.receipts,
        )
        return replace(sender, **changes)  # type: ignore[arg-type]

    def send(self) -> int:
        return send_due(self.sender(), lambda: self.story.now, lambda: False)

    def messages(self) -> list[MessageRow]:
        def work(session: Session) -> list[MessageRow]:
            rows = session.scalars(select(MessageRow).order_by(MessageRow.id))
            # Ids of one instant have no order of their own.
            return sorted(rows, key=lambda row: TEMPLATES.index(row.template))

        return self.database.read(work)

    def only(self) -> MessageRow:
        (message,) = self.messages()
        return message

    def statuses(self) -> list[tuple[str, str]]:
        return [(message.template, message.status) for message in self.messages()]
