"""Real boto3 over real HTTP against moto's server: messages, word of them, photos, reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import urllib3

from server.mail.mailer import Attachment, Mail
from server.mail.ses import SESMailer
from server.photo_bucket import PhotoBucket
from server.photo_store import Found, Photo
from server.report_bucket import ReportBucket
from server.sms.gateway import SENT, UNKNOWN, Outcome
from server.sms.receipts import ReceiptQueue
from server.sms.sns import SNSGateway
from tests.moto_cloud import moto_cloud
from tests.sms_office import Office

PHONE, REGION = "+50761234567", "us-east-1"
pytest_plugins = ("tests.sms_stage",)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an AWS on loopback."""
    with moto_cloud(tmp_path_factory.mktemp("aws")) as url:
        yield url


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def client(name: str, url: str) -> Any:
    return boto3.Session().client(name, region_name=REGION, endpoint_url=url)


def test_sns_takes_a_message_and_names_it(aws: str) -> None:
    gateway = SNSGateway(REGION, "CASCO", lease_s=60, endpoint_url=aws)

    outcome = gateway.send("id", PHONE, "Casco Valet H-0001: su carro esta listo. ¿Niño?")

    assert outcome.kind == SENT
    assert outcome.provider_id


def test_a_photo_of_a_driver_is_kept_and_read_back(aws: str) -> None:
    client("s3", aws).create_bucket(Bucket="valet-photos")
    bucket = PhotoBucket("valet-photos", REGION, put_s=60, endpoint_url=aws)
    content = b"\xff\xd8 a picture"
    photo = Photo("visit", hashlib.sha256(content).hexdigest(), len(content))

    assert bucket.look(photo) is None
    bucket.keep(photo, content)

    assert bucket.look(photo) == Found(photo.sha256, photo.size_bytes)
    assert bucket.read(photo) == content


def test_a_report_goes_into_a_bucket_and_by_mail(aws: str) -> None:
    client("s3", aws).create_bucket(Bucket="valet-reports")
    bucket = ReportBucket("valet-reports", REGION, lease_s=60, endpoint_url=aws)
    assert bucket.read("one/volume.xlsx") is None
    for content in (b"first try", b"the same again"):
        bucket.keep("one/volume.xlsx", content, "text/plain")
    assert bucket.read("one/volume.xlsx") == b"the same again"

    client("sesv2", aws).create_email_identity(EmailIdentity="valet@example.com")
    mailer = SESMailer(REGION, "valet@example.com", lease_s=60, endpoint_url=aws)
    attached = Attachment("volume.xlsx", "application/octet-stream", b"the same again")
    mail = Mail("run-1", ["eva@example.com", "luis@example.com"], "Título", "Texto", [attached])
    assert mailer.send(mail).kind == SENT
    held = urllib3.request("GET", f"{aws}/moto-api/data.json").json()
    assert len(held["ses"]["RawMessage"]) == 1


def event(message: str, **more: object) -> str:
    """A delivery event as AWS End User Messaging sends it."""
    told = {
        "eventType": "TEXT_DELIVERED",
        "messageId": "p",
        "messageStatus": "DELIVERED",
        "isFinal": True,
        "totalMessageParts": 1,
        "totalMessagePrice": 0.05814,
        "context": {"valet_message": message},
        **more,
    }
    return json.dumps(told)


@pytest.mark.parametrize("is_raw", [True, False])
def test_word_of_a_message_comes_from_a_topic_through_a_queue(
    office: Office, aws: str, is_raw: bool
) -> None:
    topics, queues = client("sns", aws), client("sqs", aws)
    topic = topics.create_topic(Name=f"receipts-{is_raw}-{id(office)}")["TopicArn"]
    queue = queues.create_queue(QueueName=f"receipts-{is_raw}-{id(office)}")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    topics.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"} if is_raw else {},
    )
    office.story.receive("herrera", phone=PHONE)
    # Nobody knows whether it went out, until the carrier says so.
    office.gateway.outcomes = [Outcome(UNKNOWN, fault="read_timeout")]
    office.send()
    assert office.statuses() == [("received", "unknown")]
    for body in (event(office.only().id), event("of somebody else"), "no event at all"):
        topics.publish(TopicArn=topic, Message=body)

    # Its clock stands still: it is asked at once, and not again before a minute has passed.
    receipts = ReceiptQueue(queue, REGION, 60, lambda: 0, endpoint_url=aws)
    office.receipts = receipts
    office.send()

    message = office.only()
    assert (message.status, message.provider_id, message.cost_micros) == ("delivered", "p", 58_140)
    assert message.sent_at == message.settled_at == office.story.now
    left = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "0"
    assert left["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_a_queue_that_cannot_be_reached_holds_nothing_up(office: Office, aws: str) -> None:
    office.receipts = ReceiptQueue(f"{aws}/nobody/nothing", REGION, 0, lambda: 0, endpoint_url=aws)
    office.story.receive("herrera", phone=PHONE)

    assert office.send() == 1
    assert office.statuses() == [("received", "sent")]
