"""What AWS's answers mean for a text message, and a client that asks exactly once.

Error codes are those of the SNS API reference (Publish), of the End User Messaging SMS API
reference v2 (SendTextMessage), and of the AWS common errors. The SDK's own retries are off: after
a time-out it would send again, and nobody could say how many messages the driver got.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config as SDKConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from server.sms.gateway import LATER, REFUSED, SENT, UNKNOWN, Outcome

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S_MAX = 15
_FAULT_CHARS = 60

# Nothing has left this machine, or nothing has reached AWS.
_NEVER_ARRIVED = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
)
_LATER_CODES = frozenset(
    {
        # Too much at once.
        "RequestThrottled",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "LimitExceeded",
        # The account, not the message: whoever runs the service can mend it.
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "RequestExpired",
        "ServiceQuotaExceededException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def open_client(service: str, region: str, lease_s: float, endpoint_url: str | None) -> Any:
    """A client of an AWS service. An attempt ends well before a claim of `lease_s` does."""
    timeouts = {
        "connect_timeout": min(_CONNECT_TIMEOUT_S, lease_s / 4),
        "read_timeout": min(_READ_TIMEOUT_S_MAX, lease_s / 2),
    }
    return boto3.Session().client(
        service,
        region_name=region,
        endpoint_url=endpoint_url,
        config=SDKConfig(retries={"mode": "standard", "total_max_attempts": 1}, **timeouts),
    )


def ask_once(call: Callable[..., Mapping[str, Any]], **parameters: Any) -> Outcome:
    """Send one message by `call`, and say how that ended."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        return _answered(error)
    except ParamValidationError:
        return Outcome(REFUSED, fault="bad_parameter")
    except _NEVER_ARRIVED as error:
        return Outcome(LATER, fault=type(error).__name__)
    except ReadTimeoutError:
        return Outcome(UNKNOWN, fault="read_timeout")
    # botocore lets these two out when a 200 is not what it should be.
    except (BotoCoreError, ResponseParserError, KeyError, ValueError) as error:
        return Outcome(UNKNOWN, fault=type(error).__name__)
    provider_id = answer.get("MessageId")
    if not provider_id:
        return Outcome(UNKNOWN, fault="no_message_id")
    return Outcome(SENT, provider_id=str(provider_id))


def _answered(error: ClientError) -> Outcome:
    """AWS answered with an error: before it took the message, or nobody knows when."""
    response: dict[str, Any] = dict(error.response)
    code = str(response.get("Error", {}).get("Code", ""))[:_FAULT_CHARS]
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reason = str(response.get("Reason", ""))[:_FAULT_CHARS]
    if code in _LATER_CODES or status == 429:
        return Outcome(LATER, fault=code)
    if 400 <= status < 500:
        return Outcome(REFUSED, fault=reason or code)
    return Outcome(UNKNOWN, fault=f"status_{status}")
