"""An office that makes and sends reports: a small district, a clock, and a mailer that answers as
it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from schemas.problems import Refusal
from server import report_runs, report_schedules
from server.database import Database
from server.district import load_district
from server.mail.mailer import Mail
from server.models import ReportRunRow
from server.report_runs import Office, open_office
from server.report_schedules import Wanted
from server.report_store import ReportFolder
from server.sms.gateway import SENT, Outcome
from tests.visit_story import KEY, MANAGER, settings, small_district

# Saturday, ten in the morning in Panama; the district's day began at six.
MORNING = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


class Killed(BaseException):
    """Stands for a process that ended in the middle of something."""


@dataclass
class ScriptedMailer:
    """Answers as told, in order, then `sent`; keeps what it was given."""

    outcomes: list[Outcome | type[BaseException]] = field(default_factory=list)
    taken: list[Mail] = field(default_factory=list)

    def send(self, mail: Mail) -> Outcome:
        """See `Mailer`."""
        self.taken.append(mail)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome(SENT, provider_id="p")
        if isinstance(outcome, Outcome):
            return outcome
        raise outcome


@dataclass
class LostStore:
    """A store that loses touch for as often as it is told, then is a folder."""

    folder: ReportFolder
    losses: int = 0

    def keep(self, name: str, content: bytes, media_type: str) -> None:
        """See `ReportStore`."""
        if self.losses:
            self.losses -= 1
            raise Refusal("report_store_lost")
        self.folder.keep(name, content, media_type)

    def read(self, name: str) -> bytes | None:
        """See `ReportStore`."""
        return self.folder.read(name)


@dataclass
class Bureau:
    """The office with its clock, which a test moves."""

    office: Office
    mailer: ScriptedMailer
    store: LostStore
    now: datetime = MORNING

    def add(
        self,
        span: str = "yesterday",
        hour: int = 7,
        to: str = "eva@example.com",
        booth: str = "",
        lot: str = "",
    ) -> str:
        """Begin a schedule of the report on volume."""
        wanted = Wanted("volume", span, hour, "es", to, "para la gerencia", booth, lot)
        return self.office.database.write(
            lambda session: report_schedules.add(
                session, self.office.config, KEY, wanted, MANAGER, self.now
            )
        )

    def change(self, schedule_id: str, state: str) -> None:
        """Pause, resume or end it."""
        self.office.database.write(
            lambda session: report_schedules.change(
                session, self.office.config, schedule_id, state, "hay vacaciones", MANAGER, self.now
            )
        )

    def work(self, worker: str = "one") -> int:
        """One round of a worker."""
        return report_runs.run_due(replace(self.office, worker=worker), self.clock, lambda: False)

    @property
    def clock(self) -> Callable[[], datetime]:
        """Gives the time."""
        return lambda: self.now

    def runs(self) -> Sequence[ReportRunRow]:
        """All runs, the oldest first."""
        look = select(ReportRunRow).order_by(ReportRunRow.schedule_id, ReportRunRow.first)
        return self.office.database.read(lambda session: session.scalars(look).all())


def open_bureau(data_dir: Path, database_url: str) -> Bureau:
    """An office on a migrated database, with the small district in it."""
    config = settings(data_dir, database_url)
    database = Database(database_url)
    database.write(lambda session: load_district(session, small_district()))
    mailer, store = ScriptedMailer(), LostStore(ReportFolder(data_dir / "reports"))
    office = replace(open_office(config, database, KEY, "one"), mailer=mailer, store=store)
    return Bureau(office, mailer, store)
