"""Mail: what goes out, what each answer of Amazon means, and where reports are kept."""

from __future__ import annotations

import email
import email.policy
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from schemas.problems import Refusal
from server.config import ConfigError, load_config
from server.mail import open_mailer
from server.mail.folder import MailFolder
from server.mail.mailer import Attachment, Mail
from server.mail.ses import SESMailer
from server.report_bucket import ReportBucket
from server.report_schedules import parse_recipients
from server.report_store import ReportFolder, open_report_store
from server.sms.gateway import LATER, REFUSED, SENT, UNKNOWN, Outcome

SENDER, REGION = "valet@example.com", "us-east-1"
CONTENT = b"PK\x03\x04 \x00\xff"
MAIL = Mail(
    "0190-run",
    ["eva@example.com", "luis@example.com"],
    "Carros y estadías · sábado 21 nov 2026",
    "Se recibieron 7 carros.\n",
    [Attachment("volume.xlsx", "application/vnd.ms-excel", CONTENT)],
)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture(scope="module")
def mailer() -> Iterator[SESMailer]:
    """Amazon's carrier; to make its client takes longer than all that is asked of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield SESMailer(REGION, SENDER, 60)


def read(content: bytes) -> EmailMessage:
    """A mail as a mailbox reads it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def check_message(message: EmailMessage) -> None:
    """Whether it says what `MAIL` does."""
    assert message["From"] == SENDER
    assert message["To"] == "eva@example.com, luis@example.com"
    assert message["Subject"] == MAIL.subject
    assert message["Message-ID"] == "<0190-run@example.com>"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content() == MAIL.text
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "volume.xlsx"
    assert attached.get_content() == CONTENT


def test_a_folder_gets_a_whole_mail_that_only_its_owner_reads(tmp_path: Path) -> None:
    mailer = MailFolder(tmp_path / "mail", SENDER)

    outcomes = [mailer.send(MAIL), mailer.send(MAIL)]

    assert outcomes == [Outcome(SENT, provider_id="0190-run.eml")] * 2
    (file,) = (tmp_path / "mail").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    check_message(read(file.read_bytes()))


def test_a_folder_that_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file in its place")

    assert MailFolder(tmp_path / "mail", SENDER).send(MAIL).kind == LATER


def test_an_address_with_a_line_of_its_own_never_goes_out(
    tmp_path: Path, mailer: SESMailer
) -> None:
    bad = replace(MAIL, recipients=["eva@example.com\nBcc: all@example.com"])

    assert MailFolder(tmp_path, SENDER).send(bad) == Outcome(REFUSED, fault="bad_address")
    assert mailer.send(bad) == Outcome(REFUSED, fault="bad_address")


def test_amazon_gets_the_mail_once_as_raw_message(mailer: SESMailer) -> None:
    given: dict[str, Any] = {}
    mailer.client.meta.events.register(
        "provide-client-params.sesv2.SendEmail", lambda params, **_: given.update(params)
    )
    wanted = {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": list(MAIL.recipients)},
        "Content": {"Raw": {"Data": ANY}},
        "EmailTags": [{"Name": "reference", "Value": "0190-run"}],
    }
    with Stubber(mailer.client) as amazon:
        amazon.add_response("send_email", {"MessageId": "ses-1"}, wanted)
        assert mailer.send(MAIL) == Outcome(SENT, provider_id="ses-1")
        amazon.assert_no_pending_responses()
    check_message(read(given["Content"]["Raw"]["Data"]))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("TooManyRequestsException", 429, LATER),
        ("LimitExceededException", 400, LATER),
        ("SendingPausedException", 400, LATER),
        ("AccountSuspendedException", 400, LATER),
        ("MailFromDomainNotVerifiedException", 400, LATER),
        ("ExpiredTokenException", 403, LATER),
        ("MessageRejected", 400, REFUSED),
        ("BadRequestException", 400, REFUSED),
        ("InternalFailure", 500, UNKNOWN),
    ],
)
def test_what_amazon_answers_decides_whether_it_is_tried_again(
    code: str, status: int, kind: str, mailer: SESMailer
) -> None:
    with Stubber(mailer.client) as amazon:
        amazon.add_client_error("send_email", code, "eva@example.com", http_status_code=status)
        outcome = mailer.send(MAIL)

    assert outcome.kind == kind
    # The message may name somebody: only the code is kept.
    assert "example" not in str(outcome)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ReadTimeoutError(endpoint_url="https://ses"), UNKNOWN),
        (EndpointConnectionError(endpoint_url="https://ses"), LATER),
    ],
)
def test_an_answer_that_did_not_come_is_unknown_only_if_amazon_may_have_it(
    error: Exception, kind: str, mailer: SESMailer, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fail(**_wanted: object) -> None:
        raise error

    monkeypatch.setattr(mailer.client, "send_email", fail)
    assert mailer.send(MAIL).kind == kind


def test_a_folder_keeps_reports_and_replaces_them_whole(tmp_path: Path) -> None:
    store = ReportFolder(tmp_path / "reports")

    assert store.read("one/volume.xlsx") is None
    for content in (b"first", CONTENT):
        store.keep("one/volume.xlsx", content, "x/y")
    assert store.read("one/volume.xlsx") == CONTENT
    assert [file.name for file in (tmp_path / "reports" / "one").iterdir()] == ["volume.xlsx"]
    (tmp_path / "reports" / "two").write_text("a file in its place")
    with pytest.raises(Refusal, match="report_store_lost"):
        store.keep("two/volume.xlsx", CONTENT, "x/y")
    with pytest.raises(Refusal, match="report_store_lost"):
        store.read("two/volume.xlsx")


def test_a_bucket_that_is_lost_says_so() -> None:
    bucket = ReportBucket("valet-reports", REGION, 60)
    with Stubber(bucket.client) as amazon:
        amazon.add_client_error("put_object", "AccessDenied", http_status_code=403)
        with pytest.raises(Refusal, match="report_store_lost"):
            bucket.keep("one", CONTENT, "x/y")
        amazon.add_client_error("get_object", "NoSuchKey", http_status_code=404)
        assert bucket.read("one") is None
        amazon.add_client_error("get_object", "SlowDown", http_status_code=503)
        with pytest.raises(Refusal, match="report_store_lost"):
            bucket.read("one")


def test_the_settings_choose_carrier_and_store(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config()
    assert isinstance(open_mailer(config), MailFolder)
    assert isinstance(open_report_store(config), ReportFolder)

    amazon: Mapping[str, str] = {
        "MAIL_CARRIER": "ses",
        "MAIL_SENDER": SENDER,
        "REPORT_STORE": "s3",
        "REPORT_BUCKET": "valet-reports",
    }
    for name, value in amazon.items():
        monkeypatch.setenv(f"VALET_SERVER_{name}", value)
    assert isinstance(open_mailer(load_config()), SESMailer)
    assert isinstance(open_report_store(load_config()), ReportBucket)
    for name in ("MAIL_SENDER", "REPORT_BUCKET"):
        with monkeypatch.context() as patch:
            patch.delenv(f"VALET_SERVER_{name}")
            with pytest.raises(ConfigError, match=name):
                load_config()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("eva@example.com", ["eva@example.com"]),
        (
            " eva@example.com;luis+valet@sub.example.com.pa ,eva@example.com\n",
            ["eva@example.com", "luis+valet@sub.example.com.pa"],
        ),
    ],
)
def test_recipients_are_read_once_each(text: str, found: list[str]) -> None:
    assert parse_recipients(text, 2) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eva",
        "eva@",
        "eva@localhost",
        "Eva <eva@example.com>",
        "é@example.com",
        "a@b.com x@y@z.com",
        "a@example.com b@example.com c@example.com",
    ],
)
def test_recipients_that_are_none_or_too_many_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="bad_address"):
        parse_recipients(text, 2)
