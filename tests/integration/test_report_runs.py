"""Reports that are made by themselves: each period once, whatever ends in the middle."""

from __future__ import annotations

import email
import io
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from schemas.problems import Refusal
from server import report_runs, report_schedules, worker
from server.models import ReportScheduleRow
from server.report_runs import DROPPED, QUEUED, REFUSED, SENDING, SENT, UNKNOWN
from server.report_schedules import ACTIVE, ENDED, PAUSED
from server.reports.shown import shown
from server.sms import gateway
from server.sms.gateway import Outcome
from tests.report_office import MORNING, Bureau, Killed, open_bureau
from tests.visit_story import KEY

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = Outcome(gateway.LATER, fault="Throttling")
# What the database has no part in.
ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def bureau(tmp_path: Path, database_url: str) -> Iterator[Bureau]:
    """An office on each database."""
    bureau = open_bureau(tmp_path, database_url)
    yield bureau
    bureau.office.database.close()


def test_a_day_is_sent_once_after_it_is_over(bureau: Bureau) -> None:
    bureau.add()
    assert bureau.work() == 0
    # The night belongs to Saturday: at four in the morning it is not over.
    bureau.now = MORNING + 13 * HOUR
    assert bureau.work() == 0

    bureau.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert [bureau.work("one"), bureau.work("two"), bureau.work("one")] == [1, 0, 0]

    mail = bureau.mailer.taken[0]
    assert list(mail.recipients) == ["eva@example.com"]
    assert "sábado 21 nov 2026" in mail.subject
    run = bureau.runs()[0]
    assert (run.status, run.first, run.last, run.tries) == (SENT, "2026-11-21", "2026-11-21", 1)
    attached = mail.attachments[0]
    assert attached.name == "volume_2026-11-21_2026-11-21.xlsx"
    assert run.file is not None
    assert bureau.store.read(run.file) == attached.content
    assert run.size_bytes == len(attached.content)
    pages = openpyxl.load_workbook(io.BytesIO(attached.content)).worksheets
    assert [page["A1"].value for page in pages] == [
        line[2:].rpartition(" (n")[0] for line in mail.text.splitlines() if line.startswith("- ")
    ]


@ON_ONE
def test_a_schedule_may_be_of_one_booth_and_one_lot(bureau: Bureau) -> None:
    bureau.add(booth="herrera", lot="lote-sur")
    bureau.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert bureau.work() == 1
    mail = bureau.mailer.taken[0]
    assert "Plaza Herrera · Lote Sur" in mail.subject
    assert "Solo Plaza Herrera, Lote Sur" in mail.text
    attached = mail.attachments[0]
    assert attached.name == "volume_2026-11-21_2026-11-21_herrera_lote-sur.xlsx"
    about = openpyxl.load_workbook(io.BytesIO(attached.content)).worksheets[0]
    assert any("Plaza Herrera, Lote Sur" in str(cell.value) for row in about for cell in row)


@ON_ONE
@pytest.mark.parametrize(
    ("booth", "lot", "code"),
    [("lote-sur", "", "bad_choice"), ("", "herrera", "bad_choice"), ("x", "", "unknown_place")],
)
def test_a_schedule_of_a_place_that_is_no_such_place_is_none(
    bureau: Bureau, booth: str, lot: str, code: str
) -> None:
    with pytest.raises(Refusal, match=code):
        bureau.add(booth=booth, lot=lot)
    assert bureau.office.database.read(lambda s: s.scalars(select(ReportScheduleRow)).all()) == []


def test_after_an_outage_every_period_comes_once_in_order(bureau: Bureau) -> None:
    bureau.add()
    bureau.add(span="last_week")
    bureau.now = MORNING + 4 * DAY

    while bureau.work():
        pass

    days = [(run.first, run.last) for run in bureau.runs()]
    week = ("2026-11-16", "2026-11-22")
    assert days.count(week) == 1
    assert [each for each in days if each != week] == [
        (day, day) for day in ("2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24")
    ]
    assert len({mail.reference for mail in bureau.mailer.taken}) == 5


@ON_ONE
def test_what_cannot_be_reached_is_tried_again_later_and_sent_once(bureau: Bureau) -> None:
    bureau.add()
    bureau.now = MORNING + DAY
    bureau.store.losses = 1
    bureau.mailer.outcomes = [LATER]

    assert bureau.work() == 1
    run = bureau.runs()[0]
    assert (run.status, run.fault, run.file) == (QUEUED, "report_store_lost", None)
    assert bureau.work() == 0
    bureau.now += timedelta(minutes=1)
    assert bureau.work() == 1
    assert bureau.runs()[0].fault == "Throttling"
    bureau.now += timedelta(minutes=2)
    assert bureau.work() == 1

    run = bureau.runs()[0]
    assert (run.status, run.tries, run.fault) == (SENT, 3, None)
    # A mailbox that should have got it twice after all shows it once.
    assert len(bureau.mailer.taken) == 2
    assert len({mail.reference for mail in bureau.mailer.taken}) == 1


@ON_ONE
def test_it_is_not_tried_for_ever(bureau: Bureau) -> None:
    bureau.add()
    bureau.now = MORNING + DAY
    bureau.mailer.outcomes = [LATER] * 20
    while bureau.work():
        bureau.now += HOUR

    run = bureau.runs()[0]
    assert (run.status, run.tries) == (REFUSED, bureau.office.config.report_tries_max)


def test_a_worker_that_dies_while_making_loses_nothing(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.add()
    bureau.now = MORNING + DAY

    def die(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(bureau.store, "keep", die)
        with pytest.raises(Killed):
            bureau.work("one")
    assert bureau.work("two") == 0
    bureau.now += timedelta(seconds=bureau.office.config.report_lease_s)

    assert bureau.work("two") == 1
    assert (bureau.runs()[0].status, len(bureau.mailer.taken)) == (SENT, 1)


def test_a_worker_that_dies_while_sending_leaves_it_to_a_person(bureau: Bureau) -> None:
    bureau.add()
    bureau.now = MORNING + DAY
    bureau.mailer.outcomes = [Killed]
    with pytest.raises(Killed):
        bureau.work("one")
    assert bureau.runs()[0].status == SENDING
    bureau.now += timedelta(seconds=bureau.office.config.report_lease_s)

    for _ in range(3):
        assert bureau.work("two") == 0
        bureau.now += DAY / 8
    run = bureau.runs()[0]
    assert (run.status, run.fault, len(bureau.mailer.taken)) == (UNKNOWN, "lease_ran_out", 1)

    bureau.office.database.write(
        lambda session: report_runs.decide(session, run.id, "again", bureau.now)
    )
    assert bureau.work("two") == 1
    assert bureau.runs()[0].status == SENT
    with pytest.raises(Refusal, match="wrong_state"):
        bureau.office.database.write(
            lambda session: report_runs.decide(session, run.id, "drop", bureau.now)
        )


@ON_ONE
def test_an_unknown_end_is_not_tried_again_by_machine(bureau: Bureau) -> None:
    bureau.add()
    bureau.now = MORNING + DAY
    bureau.mailer.outcomes = [Outcome(gateway.UNKNOWN, fault="read_timeout")]

    assert [bureau.work(), bureau.work()] == [1, 0]
    run = bureau.runs()[0]
    assert (run.status, run.fault) == (UNKNOWN, "read_timeout")
    bureau.office.database.write(
        lambda session: report_runs.decide(session, run.id, "drop", bureau.now)
    )
    assert bureau.runs()[0].status == DROPPED


@ON_ONE
def test_a_report_that_cannot_be_made_ends_and_the_others_go_out(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = bureau.add(), bureau.add()
    bureau.now = MORNING + DAY
    runs_first = iter([ValueError("made to fail")] * bureau.office.config.report_tries_max)

    def fail_first(*args: object) -> object:
        claimed = next(run for run in bureau.runs() if run.status == report_runs.MAKING)
        if claimed.schedule_id == broken:
            raise next(runs_first)
        return shown(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(report_runs, "shown", fail_first)
    for _ in range(2 * bureau.office.config.report_tries_max):
        try:
            bureau.work()
        except ValueError:
            bureau.now += timedelta(seconds=bureau.office.config.report_lease_s)
    bureau.work()

    ends = {run.schedule_id: (run.status, run.fault) for run in bureau.runs()}
    assert ends[broken] == (REFUSED, "making_failed")
    assert ends[whole] == (SENT, None)


def test_a_paused_schedule_is_still_and_goes_on_with_the_present(bureau: Bureau) -> None:
    schedule_id = bureau.add()
    bureau.change(schedule_id, PAUSED)
    bureau.now = MORNING + 3 * DAY
    assert bureau.work() == 0
    bureau.change(schedule_id, ACTIVE)
    assert bureau.work() == 0
    bureau.now = MORNING + 4 * DAY

    assert bureau.work() == 1
    assert [run.first for run in bureau.runs()] == ["2026-11-24"]
    bureau.change(schedule_id, ENDED)
    with pytest.raises(Refusal, match="wrong_state"):
        bureau.change(schedule_id, ACTIVE)
    bureau.now += 3 * DAY
    assert bureau.work() == 0


@ON_ONE
def test_who_gets_it_is_in_no_table_and_no_log(
    bureau: Bureau, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    schedule_id = bureau.add(to="eva@example.com, luis@example.com;eva@example.com")
    bureau.now = MORNING + DAY
    bureau.work()

    row = bureau.office.database.read(
        lambda session: session.scalars(select(ReportScheduleRow)).one()
    )
    assert b"example.com" not in row.recipients
    assert report_schedules.recipients_of(KEY, row) == [
        "eva@example.com",
        "luis@example.com",
    ]
    written = capsys.readouterr()
    assert "example.com" not in caplog.text + written.out + written.err
    assert "example.com" not in repr(bureau.mailer.taken[0])
    shown = bureau.office.database.read(
        lambda session: report_schedules.shown(session, bureau.office.config, KEY, is_masked=True)
    )
    assert [one.recipients for one in shown] == [["e•••@example.com", "l•••@example.com"]]
    assert shown[0].row.id == schedule_id


@ON_ONE
def test_the_worker_does_it_by_itself(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    bureau.add()
    config = bureau.office.config
    config.key_file.write_text(KEY.secret.hex())
    monkeypatch.setattr("server.clock.now", lambda: MORNING + DAY)
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(config, stop))
    thread.start()
    deadline_s = time.monotonic() + 60
    while not [run for run in bureau.runs() if run.status == SENT]:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    stop.set()
    thread.join(60)

    (run,) = bureau.runs()
    mail = email.message_from_bytes((config.mail_folder / f"{run.id}.eml").read_bytes())
    assert mail["To"] == "eva@example.com"
    assert run.file is not None
    kept = (config.report_folder / run.file).read_bytes()
    attached = [part.get_payload(decode=True) for part in mail.walk() if part.get_filename()]
    assert attached == [kept]
