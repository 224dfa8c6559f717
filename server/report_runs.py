"""Making and sending the reports that are due: each period of a schedule once.

1. A period that is over becomes a run, in the transaction that moves its schedule on; the database
   holds that there is one run for a period.
2. A worker claims a run (`making`), makes the workbook and keeps it. One that dies here loses
   nothing: the lease runs out and the run is made again, under the same name.
3. It says by compare-and-set that the mail goes now (`sending`), sends it once outside any
   transaction, and records the end. One that dies here leaves an unknown end: no machine sends
   again, a person decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from schemas.catalog import Catalog
from schemas.ids import uuid7
from schemas.problems import Refusal
from server import report_periods as periods
from server.compare_and_set import changed
from server.config import Config
from server.database import Database, insert_missing
from server.mail import open_mailer
from server.mail.mailer import Attachment, Mail, Mailer
from server.master_key import MasterKey
from server.models import ReportRunRow, ReportScheduleRow
from server.report_schedules import ACTIVE, recipients_of
from server.report_store import ReportStore, open_report_store
from server.reports.asked import Asked, Range
from server.reports.day import zone_of
from server.reports.shown import Shown, shown
from server.reports.wording import read_wording
from server.reports.workbook import MEDIA_TYPE, workbook
from server.sms import gateway as carriers
from server.sms.gateway import Outcome

log = structlog.get_logger()

QUEUED = "queued"
MAKING = "making"
SENDING = "sending"
SENT = "sent"
REFUSED = "refused"
UNKNOWN = "unknown"
DROPPED = "dropped"
STATUSES = (QUEUED, MAKING, SENDING, SENT, REFUSED, UNKNOWN, DROPPED)
MAKING_FAILED = "making_failed"
LEASE_RAN_OUT = "lease_ran_out"
AGAIN = "again"
DROP = "drop"
_BACKOFF_S = 60
_BACKOFF_S_MAX = 3600
_BATCH = 20
_TRANSLATIONS = Path(__file__).parent / "translations"


@dataclass(frozen=True, slots=True)
class Office:
    """What making reports needs. `worker` names this process in its claims."""

    config: Config
    database: Database
    key: MasterKey
    catalog: Catalog
    store: ReportStore
    mailer: Mailer
    worker: str


def open_office(config: Config, database: Database, key: MasterKey, worker: str) -> Office:
    """The office that the settings name. Connects to nothing yet."""
    catalog = Catalog(_TRANSLATIONS, "manager", "reports")
    store, mailer = open_report_store(config), open_mailer(config)
    return Office(config, database, key, catalog, store, mailer, worker)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A run that is ours until its lease runs out. `tries` counts this one."""

    run_id: str
    tries: int
    schedule: ReportScheduleRow
    first: str
    last: str

    @property
    def asked(self) -> Asked:
        """What the report is of."""
        days = Range(Date.fromisoformat(self.first), Date.fromisoformat(self.last))
        return Asked(days, self.schedule.booth_id, self.schedule.lot_id)

    @property
    def file(self) -> str:
        """The name of its workbook in the store, the same at every try."""
        about = (self.schedule.report, self.first, self.last, *self.asked.places)
        return f"{self.schedule.id}/{'_'.join(about)}.xlsx"


def run_due(office: Office, now: Callable[[], datetime], is_stopping: Callable[[], bool]) -> int:
    """Make and send what is due, one after the other; how many mails were tried."""
    plan(office, now())
    expire_leases(office, now())
    count = 0
    while count < _BATCH and not is_stopping():
        claim = _claim_next(office, now())
        if claim is None:
            break
        _work(office, claim, now)
        count += 1
    return count


def plan(office: Office, now: datetime) -> int:
    """Make a run of every period that is due; how many. No lock is taken where there is none."""
    if not office.database.read(lambda session: _due(session, office.config, now)):
        return 0

    def work(session: Session) -> int:
        made = 0
        for row in _due(session, office.config, now):
            period = periods.period_from(row.span, Date.fromisoformat(row.next_first))
            made += insert_missing(
                session,
                ReportRunRow,
                id=uuid7(now),
                schedule_id=row.id,
                first=row.next_first,
                last=period.last.isoformat(),
                status=QUEUED,
                tries=0,
                created_at=now,
                not_before=now,
            )
            row.next_first = periods.next_first(row.span, period.first).isoformat()
        return made

    return office.database.write(work)


def expire_leases(office: Office, now: datetime) -> None:
    """Give up the claims of workers that died: what was only being made is made again, of what
    was being sent nobody knows."""
    lapsed = ReportRunRow.lease_until <= now
    look = select(ReportRunRow.id).where(ReportRunRow.status.in_((MAKING, SENDING)), lapsed)
    if office.database.read(lambda session: session.scalar(look.limit(1))) is None:
        return

    def work(session: Session) -> int:
        making, sending = ReportRunRow.status == MAKING, ReportRunRow.status == SENDING
        free: dict[str, object] = {"lease_until": None, "claimed_by": None}
        tired = ReportRunRow.tries >= office.config.report_tries_max
        failed = {**free, "status": REFUSED, "fault": MAKING_FAILED}
        lost = {"lease_until": None, "status": UNKNOWN, "fault": LEASE_RAN_OUT}
        count = changed(session, ReportRunRow, (making, lapsed, tired), failed)
        count += changed(session, ReportRunRow, (making, lapsed), {**free, "status": QUEUED})
        return count + changed(session, ReportRunRow, (sending, lapsed), lost)

    count = office.database.write(work)
    if count:
        log.warning("report_leases_ran_out", count=count)


def decide(session: Session, run_id: str, action: str, now: datetime) -> None:
    """A person says what becomes of a run that was refused or whose end is unknown: `again` or
    `drop`. Raises `Refusal`: `bad_choice`, `unknown_report`, `wrong_state`."""
    if action not in (AGAIN, DROP):
        raise Refusal("bad_choice")
    if session.get(ReportRunRow, run_id) is None:
        raise Refusal("unknown_report")
    values: dict[str, object] = {"status": DROPPED, "fault": "decided"}
    if action == AGAIN:
        values = {"status": QUEUED, "not_before": now, "tries": 0, "fault": None}
    open_ends = ReportRunRow.status.in_((UNKNOWN, REFUSED))
    if not changed(session, ReportRunRow, (ReportRunRow.id == run_id, open_ends), values):
        raise Refusal("wrong_state")
    log.info("report_run_decided", run=run_id, action=action)


def _due(session: Session, config: Config, now: datetime) -> list[ReportScheduleRow]:
    zone, found = zone_of(session), []
    for row in session.scalars(select(ReportScheduleRow).where(ReportScheduleRow.state == ACTIVE)):
        period = periods.period_from(row.span, Date.fromisoformat(row.next_first))
        if periods.due_at(period, row.at_hour, zone, config.day_starts_hour) <= now:
            found.append(row)
    return found


def _claim_next(office: Office, now: datetime) -> _Claim | None:
    due = (ReportRunRow.status == QUEUED, ReportRunRow.not_before <= now)
    look = select(ReportRunRow.id).where(*due).limit(1)
    if office.database.read(lambda session: session.scalar(look)) is None:
        return None

    def work(session: Session) -> _Claim | None:
        run = session.scalar(
            select(ReportRunRow)
            .where(*due)
            .order_by(ReportRunRow.not_before, ReportRunRow.id)
            .limit(1)
        )
        if run is None:
            return None
        schedule = session.get_one(ReportScheduleRow, run.schedule_id)
        values: dict[str, object] = {
            "status": MAKING,
            "tries": run.tries + 1,
            "claimed_by": office.worker,
            "lease_until": now + timedelta(seconds=office.config.report_lease_s),
        }
        if not changed(session, ReportRunRow, (ReportRunRow.id == run.id, *due), values):
            return None
        return _Claim(run.id, run.tries + 1, schedule, run.first, run.last)

    return office.database.write(work)


def _work(office: Office, claim: _Claim, now: Callable[[], datetime]) -> None:
    try:
        mail, size_bytes = _make(office, claim, now())
    except Refusal as refusal:
        _record(office, claim, MAKING, Outcome(carriers.LATER, fault=refusal.code), now())
        return
    at = now()
    values: dict[str, object] = {
        "status": SENDING,
        "made_at": at,
        "file": claim.file,
        "size_bytes": size_bytes,
        "lease_until": at + timedelta(seconds=office.config.report_lease_s),
    }
    if office.database.write(
        lambda session: changed(session, ReportRunRow, _ours(office, claim, MAKING), values)
    ):
        _record(office, claim, SENDING, office.mailer.send(mail), now())


def _make(office: Office, claim: _Claim, now: datetime) -> tuple[Mail, int]:
    """The workbook, kept, and the mail that it goes with. Raises `Refusal`."""
    row, asked = claim.schedule, claim.asked

    def read(session: Session) -> Shown:
        words = read_wording(session, office.catalog, row.language)
        return shown(session, office.config, words, row.report, asked, now)

    report = office.database.read(read)
    content = workbook(report)
    office.store.keep(claim.file, content, MEDIA_TYPE)
    name = claim.file.rpartition("/")[2]
    days = report.words.span_of_days(asked.range.first, asked.range.last)
    places = [report.words.places.get(each, each) for each in asked.places]
    mail = Mail(
        reference=claim.run_id,
        recipients=recipients_of(office.key, row),
        subject=" · ".join((report.cover.title, *places, days)).replace("\u00a0", " "),
        text=_text(report),
        attachments=[Attachment(name, MEDIA_TYPE, content)],
    )
    return mail, len(content)


def _text(report: Shown) -> str:
    """What was found, a line each; the workbook has the rest."""
    cover, words = report.cover, report.words
    findings = [
        f"- {words.finding(sheet.finding)} ({words.counted(sheet)})" for sheet in report.sheets
    ]
    warning = [cover.provisional, ""] if cover.provisional else []
    lines = [
        cover.title,
        *cover.about,
        "",
        *warning,
        *findings,
        "",
        words.t("manage.mail.attached"),
    ]
    return "\n".join(lines).replace("\u00a0", " ") + "\n"


def _record(office: Office, claim: _Claim, status: str, outcome: Outcome, now: datetime) -> None:
    """Write down how it ended. Also of a claim given up as unknown meanwhile, unless a person has
    decided: the truth that comes late is still the truth."""
    values = {**_ending(office.config, claim, outcome, now), "lease_until": None}
    known = (status, UNKNOWN) if status == SENDING else (status,)
    done = office.database.write(
        lambda session: changed(session, ReportRunRow, _ours(office, claim, *known), values)
    )
    log.info(
        "report_sent" if outcome.kind == carriers.SENT else "report_not_sent",
        run=claim.run_id,
        outcome=outcome.kind,
        fault=outcome.fault,
        tries=claim.tries,
        recorded=done == 1,
    )


def _ending(config: Config, claim: _Claim, outcome: Outcome, now: datetime) -> dict[str, object]:
    """The columns that an outcome sets."""
    if outcome.kind == carriers.SENT:
        sent = {"sent_at": now, "provider_id": outcome.provider_id, "fault": None}
        return {"status": SENT, **sent}
    if outcome.kind == carriers.LATER and claim.tries < config.report_tries_max:
        wait_s = min(_BACKOFF_S * 2 ** (claim.tries - 1), _BACKOFF_S_MAX)
        not_before = now + timedelta(seconds=wait_s)
        again = {"not_before": not_before, "claimed_by": None, "fault": outcome.fault}
        return {"status": QUEUED, **again}
    ending = UNKNOWN if outcome.kind == carriers.UNKNOWN else REFUSED
    return {"status": ending, "fault": outcome.fault}


def _ours(office: Office, claim: _Claim, *statuses: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ReportRunRow.id == claim.run_id,
        ReportRunRow.tries == claim.tries,
        ReportRunRow.claimed_by == office.worker,
        ReportRunRow.status.in_(statuses),
    )
