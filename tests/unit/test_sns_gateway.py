"""The SNS gateway: what AWS's answers mean, and that nothing is ever sent twice."""

from __future__ import annotations

import socket

import pytest
from botocore.stub import Stubber

from server.sms.gateway import LATER, REFUSED, SENT, UNKNOWN, Outcome
from server.sms.sns import SNSGateway
from tests.loopback_aws import (
    Answer,
    fake_aws,
    half_an_answer,
    hang_up,
    http,
    reset,
    silence,
)

PHONE, TEXT = "+50761234567", "Casco Valet H-0001: prueba"
PUBLISHED = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    "<MessageId>m-1</MessageId></PublishResult></PublishResponse>"
)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    # Whoever asks the SDK for retries by its own settings does not get them here.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")


def error(status: int, code: str) -> Answer:
    return http(
        status,
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message>"
        "</Error><RequestId>r</RequestId></ErrorResponse>",
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http(200, PUBLISHED), Outcome(SENT, provider_id="m-1")),
        (http(200, PUBLISHED.replace("m-1", "")), Outcome(UNKNOWN, fault="no_message_id")),
        (http(200, "<PublishResponse/>"), Outcome(UNKNOWN, fault="KeyError")),
        (error(400, "Throttling"), Outcome(LATER, fault="Throttling")),
        (error(429, "Whatever"), Outcome(LATER, fault="Whatever")),
        (error(403, "AuthorizationError"), Outcome(LATER, fault="AuthorizationError")),
        (error(403, "InvalidClientTokenId"), Outcome(LATER, fault="InvalidClientTokenId")),
        (error(400, "InvalidParameter"), Outcome(REFUSED, fault="InvalidParameter")),
        (error(400, "OptedOut"), Outcome(REFUSED, fault="OptedOut")),
        (error(500, "InternalError"), Outcome(UNKNOWN, fault="status_500")),
        (error(503, "ServiceUnavailable"), Outcome(UNKNOWN, fault="status_503")),
        (http(502, "<html>bad gateway</html>"), Outcome(UNKNOWN, fault="status_502")),
        (silence, Outcome(UNKNOWN, fault="read_timeout")),
        (reset, Outcome(UNKNOWN, fault="ConnectionClosedError")),
        (hang_up, Outcome(UNKNOWN, fault="ConnectionClosedError")),
    ],
)
def test_an_answer_means_what_it_means_and_is_asked_for_once(
    answer: Answer, expected: Outcome
) -> None:
    with fake_aws(answer) as fake:
        gateway = SNSGateway("us-east-1", "", lease_s=1, endpoint_url=fake.url)

        assert gateway.send("id", PHONE, TEXT) == expected

    assert len(fake.requests) == 1


@pytest.mark.parametrize("answer", [http(200, "not xml at all"), half_an_answer])
def test_a_garbled_answer_is_unknown_and_asked_for_once(
    answer: Answer,
) -> None:
    with fake_aws(answer) as fake:
        gateway = SNSGateway("us-east-1", "", lease_s=4, endpoint_url=fake.url)

        assert gateway.send("id", PHONE, TEXT).kind == UNKNOWN

    assert len(fake.requests) == 1


def test_a_service_that_cannot_be_reached_is_tried_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    gateway = SNSGateway("us-east-1", "", lease_s=4, endpoint_url=f"http://127.0.0.1:{port}")

    assert gateway.send("id", PHONE, TEXT) == Outcome(LATER, fault="EndpointConnectionError")


def test_without_an_account_nothing_leaves_and_it_is_tried_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with fake_aws(silence) as fake:
        gateway = SNSGateway("us-east-1", "", lease_s=4, endpoint_url=fake.url)

        assert gateway.send("id", PHONE, TEXT) == Outcome(LATER, fault="NoCredentialsError")

    assert fake.requests == []


def test_the_parameters_are_those_of_awss_own_model() -> None:
    gateway = SNSGateway("us-east-1", "CASCO", lease_s=60)
    text = {"DataType": "String"}
    with Stubber(gateway.client) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "m-7"},
            {
                "PhoneNumber": PHONE,
                "Message": TEXT,
                "MessageAttributes": {
                    "AWS.SNS.SMS.SMSType": {**text, "StringValue": "Transactional"},
                    "AWS.SNS.SMS.SenderID": {**text, "StringValue": "CASCO"},
                },
            },
        )

        assert gateway.send("id", PHONE, TEXT) == Outcome(SENT, provider_id="m-7")
        stub.assert_no_pending_responses()


def test_an_attempt_ends_before_the_claim_does() -> None:
    config = SNSGateway("us-east-1", "", lease_s=60).client.meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout < 60
