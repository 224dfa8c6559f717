"""Real boto3 over real HTTP against moto's server: messages, word of them, photos, reports."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError

from server.keys.root import open_root, wrap_file
from server.mail.mailer import Attachment, Mail
from server.mail.ses import SESMailer
from server.master_key import KeyFileError
from server.photo_bucket import PhotoBucket
from server.photo_store import Found, Photo
from server.report_bucket import ReportBucket
from server.sms.gateway import SENT, UNKNOWN, Outcome
from server.sms.receipts import ReceiptQueue
from server.sms.sns import SNSGateway
from tests.moto_cloud import moto_cloud
from tests.sms_office import Office
from tests.visit_story import settings

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


def test_the_master_key_lies_in_the_envelope_of_kms_and_changes_it(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", aws)
    service = client("kms", aws)
    first, second = (service.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    plain = settings(tmp_path, "sqlite://")
    config = replace(plain, kms_key=first)

    key = open_root(config)
    text = config.key_file.read_text()
    assert text.startswith("kms:")
    assert key.secret.hex() not in text
    # The file alone says that KMS is to be asked.
    assert open_root(plain) == open_root(config) == key

    wrap_file(replace(plain, kms_key=second))
    assert config.key_file.read_text() != text
    assert open_root(plain) == key
    # From the environment, and what is no work of KMS.
    elsewhere = replace(plain, data_dir=tmp_path / "none", master_key=text.strip())
    assert open_root(elsewhere) == key
    made_up = base64.b64encode(second.encode() + bytes(80)).decode()
    in_environment = replace(elsewhere, master_key=f"kms:{made_up}")
    with pytest.raises(KeyFileError, match="KMS refuses the master key"):
        open_root(in_environment)


def test_a_master_key_in_plain_goes_into_an_envelope_and_stays_the_same(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", aws)
    kms_key = client("kms", aws).create_key()["KeyMetadata"]["KeyId"]
    plain = settings(tmp_path, "sqlite://")
    key = open_root(plain)

    wrap_file(replace(plain, kms_key=kms_key))

    assert open_root(plain) == key
    assert key.secret.hex() not in plain.key_file.read_text()
    # For another purpose than ours, KMS opens nothing of it.
    blob = base64.b64decode(plain.key_file.read_text().strip().removeprefix("kms:"))
    with pytest.raises(ClientError):
        client("kms", aws).decrypt(CiphertextBlob=blob)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    with pytest.raises(KeyFileError, match="KMS is out of reach"):
        open_root(plain)


def test_photos_and_reports_are_encrypted_under_the_key_of_the_settings(aws: str) -> None:
    s3, content = client("s3", aws), b"\xff\xd8 a picture"
    s3.create_bucket(Bucket="valet-sealed")
    bucket = PhotoBucket("valet-sealed", REGION, 60, endpoint_url=aws, kms_key="alias/valet")
    photo = Photo("visit", hashlib.sha256(content).hexdigest(), len(content))
    bucket.keep(photo, content)
    reports = ReportBucket("valet-sealed", REGION, 60, endpoint_url=aws, kms_key="alias/valet")
    reports.keep("one.csv", b"a,b", "text/csv")
    for name in (f"photos/{photo.path}", "reports/one.csv"):
        head = s3.head_object(Bucket="valet-sealed", Key=name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/valet")

    put = bucket.put(photo, datetime.now(UTC))
    signed = parse_qs(urlsplit(put.url).query)["X-Amz-SignedHeaders"][0].split(";")
    assert {name.lower() for name in put.headers} <= set(signed)


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
