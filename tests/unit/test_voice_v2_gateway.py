"""The End User Messaging gateway: what AWS's answers mean, and that it is asked exactly once.

No public stand-in has this service, so its endpoint here is a loopback one that answers, breaks
off, or says nothing.
"""

from __future__ import annotations

import json

import pytest
from botocore.stub import Stubber

from server.sms.gateway import LATER, REFUSED, SENT, UNKNOWN, Outcome
from server.sms.voice_v2 import Origin, VoiceV2Gateway
from tests.loopback_aws import Answer, FakeAWS, fake_aws, half_an_answer, hang_up, http, reset
from tests.loopback_aws import silence as says_nothing

PHONE, TEXT = "+50761234567", "Casco Valet H-0001: prueba"
JSON = "application/x-amz-json-1.0"
ENDPOINT = "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    # Whoever asks the SDK for retries by its own settings does not get them here.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")


def said(status: int, **body: object) -> Answer:
    return http(status, json.dumps(body), JSON)


def error(status: int, code: str, **more: object) -> Answer:
    return said(status, __type=f"com.amazonaws.pinpointsmsvoicev2#{code}", Message="no", **more)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(200, MessageId="m-1"), Outcome(SENT, provider_id="m-1")),
        (said(200), Outcome(UNKNOWN, fault="no_message_id")),
        (error(400, "ThrottlingException"), Outcome(LATER, fault="ThrottlingException")),
        (
            error(400, "ServiceQuotaExceededException"),
            Outcome(LATER, fault="ServiceQuotaExceededException"),
        ),
        (error(400, "AccessDeniedException"), Outcome(LATER, fault="AccessDeniedException")),
        (
            error(400, "ValidationException", Reason="DESTINATION_COUNTRY_BLOCKED"),
            Outcome(REFUSED, fault="DESTINATION_COUNTRY_BLOCKED"),
        ),
        (
            error(400, "ConflictException", Reason="DESTINATION_PHONE_NUMBER_OPTED_OUT"),
            Outcome(REFUSED, fault="DESTINATION_PHONE_NUMBER_OPTED_OUT"),
        ),
        (
            error(400, "ResourceNotFoundException"),
            Outcome(REFUSED, fault="ResourceNotFoundException"),
        ),
        (error(500, "InternalServerException"), Outcome(UNKNOWN, fault="status_500")),
        (http(503, "busy", "text/plain"), Outcome(UNKNOWN, fault="status_503")),
        (says_nothing, Outcome(UNKNOWN, fault="read_timeout")),
        (reset, Outcome(UNKNOWN, fault="ConnectionClosedError")),
        (hang_up, Outcome(UNKNOWN, fault="ConnectionClosedError")),
    ],
)
def test_an_answer_means_what_it_means_and_is_asked_for_once(
    answer: Answer, expected: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_aws(answer) as fake:
        monkeypatch.setenv(ENDPOINT, fake.url)
        gateway = VoiceV2Gateway("us-east-1", Origin(), lease_s=1, keep_s=900)

        assert gateway.send("message-1", PHONE, TEXT) == expected

    assert len(fake.requests) == 1


@pytest.mark.parametrize("answer", [http(200, "{not json", JSON), half_an_answer])
def test_a_garbled_answer_is_unknown_and_asked_for_once(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_aws(answer) as fake:
        monkeypatch.setenv(ENDPOINT, fake.url)
        gateway = VoiceV2Gateway("us-east-1", Origin(), lease_s=4, keep_s=900)

        assert gateway.send("message-1", PHONE, TEXT).kind == UNKNOWN

    assert len(fake.requests) == 1


def test_what_is_sent_names_our_message_and_nothing_else_of_the_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fake_aws(said(200, MessageId="m-1")) as fake:
        monkeypatch.setenv(ENDPOINT, fake.url)
        VoiceV2Gateway("us-east-1", Origin(), lease_s=4, keep_s=900).send("our-id", PHONE, TEXT)

    assert body_of(fake) == {
        "DestinationPhoneNumber": PHONE,
        "MessageBody": TEXT,
        "MessageType": "TRANSACTIONAL",
        "TimeToLive": 900,
        "Context": {"valet_message": "our-id"},
    }


def body_of(fake: FakeAWS) -> object:
    head, _, body = fake.requests[0].partition(b"\r\n\r\n")
    assert b"PinpointSMSVoiceV2.SendTextMessage" in head
    return json.loads(body)


def test_the_parameters_are_those_of_awss_own_model() -> None:
    origin = Origin("pool-0123", "receipts")
    gateway = VoiceV2Gateway("us-east-1", origin, lease_s=60, keep_s=1)
    with Stubber(gateway.client) as stub:
        stub.add_response(
            "send_text_message",
            {"MessageId": "m-7"},
            {
                "DestinationPhoneNumber": PHONE,
                "MessageBody": TEXT,
                "MessageType": "TRANSACTIONAL",
                # AWS takes no less.
                "TimeToLive": 5,
                "Context": {"valet_message": "id"},
                "OriginationIdentity": "pool-0123",
                "ConfigurationSetName": "receipts",
            },
        )

        assert gateway.send("id", PHONE, TEXT) == Outcome(SENT, provider_id="m-7")
        stub.assert_no_pending_responses()


def test_a_number_that_aws_would_not_take_never_leaves() -> None:
    gateway = VoiceV2Gateway("us-east-1", Origin("not a sender!"), lease_s=60, keep_s=900)
    with Stubber(gateway.client) as stub:
        stub.add_client_error("send_text_message", "ValidationException", http_status_code=400)

        assert gateway.send("id", "", TEXT).kind == REFUSED


def test_an_attempt_ends_before_the_claim_does() -> None:
    gateway = VoiceV2Gateway("us-east-1", Origin(), lease_s=60, keep_s=900)
    config = gateway.client.meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout < 60
