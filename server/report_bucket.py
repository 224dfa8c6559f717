"""Reports in a bucket of Amazon S3. Our role needs s3:PutObject and s3:GetObject on `reports/*`,
and s3:ListBucket on the bucket, without which a file that is not there is a forbidden one."""

from __future__ import annotations

from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from schemas.problems import Refusal
from server.photo_bucket import encrypted_by
from server.sms.aws import open_client

log = structlog.get_logger()

_PREFIX = "reports/"
_NOT_THERE = ("404", "NoSuchKey", "NotFound")


class ReportBucket:
    """A `ReportStore` in S3. Does not connect before it is asked something."""

    def __init__(
        self,
        bucket: str,
        region: str,
        lease_s: float,
        endpoint_url: str | None = None,
        kms_key: str = "",
    ) -> None:
        self._bucket = bucket
        self._encrypted = encrypted_by(kms_key)
        self.client: Any = open_client("s3", region, lease_s, endpoint_url)

    def keep(self, name: str, content: bytes, media_type: str) -> None:
        """See `ReportStore`."""
        self._call(
            self.client.put_object,
            Key=_PREFIX + name,
            Body=content,
            ContentType=media_type,
            ChecksumAlgorithm="SHA256",
            **self._encrypted,
        )

    def read(self, name: str) -> bytes | None:
        """See `ReportStore`."""
        try:
            answer = self._call(self.client.get_object, Key=_PREFIX + name)
            with answer["Body"] as body:
                read: bytes = body.read()
        except FileNotFoundError:
            return None
        except (BotoCoreError, HTTPClientError) as error:
            log.error("report_store_lost", error=type(error).__name__)
            raise Refusal("report_store_lost") from error
        return read

    def _call(self, act: Any, **arguments: Any) -> Any:
        """Ask the SDK. Raises `FileNotFoundError` for what is not there."""
        try:
            return act(Bucket=self._bucket, **arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOT_THERE:
                raise FileNotFoundError from error
            log.error("report_store_refused", code=code[:60])
        except (BotoCoreError, HTTPClientError) as error:
            log.error("report_store_lost", error=type(error).__name__)
        raise Refusal("report_store_lost")
