"""Photos in a bucket of Amazon S3, brought there by the stations themselves.

A station gets a presigned PUT (AWS Signature Version 4 in the query, S3 User Guide, "Sharing
objects with presigned URLs"). Length, type and SHA-256 are among the signed headers, so that S3
takes these bytes and no others, and only until the address expires. A cut leaves nothing there,
and the next try begins with the first byte. With a key of KMS each object is encrypted under it
(SSE-KMS), and that, too, is among the signed headers; our role then needs kms:GenerateDataKey and
kms:Decrypt on it.

Our own role needs s3:PutObject, s3:GetObject, s3:DeleteObject on the objects, and s3:ListBucket
on the bucket: without that one S3 answers 403 for an object that is not there (S3 API reference,
HeadObject).
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any

import boto3
import structlog
from botocore.config import Config as SDKConfig
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from schemas.photo import JPEG
from schemas.problems import Refusal
from server.photo_store import Found, Photo, Put

log = structlog.get_logger()

_PREFIX = "photos/"
_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 15
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
_NOT_THERE = ("404", "NoSuchKey", "NotFound")


def encrypted_by(kms_key: str) -> dict[str, str]:
    """What an S3 request says so that the object is encrypted under a key of KMS; without a key,
    the bucket's own default counts."""
    if not kms_key:
        return {}
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}


class PhotoBucket:
    """A `PhotoStore` in S3. Does not connect before it is asked something."""

    def __init__(
        self,
        bucket: str,
        region: str,
        put_s: int,
        endpoint_url: str | None = None,
        kms_key: str = "",
    ) -> None:
        """`put_s`: for how many seconds an address is good. `kms_key`: encrypts what comes."""
        self._bucket = bucket
        self._encrypted = encrypted_by(kms_key)
        self._put_s = put_s
        self.client = boto3.Session().client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            config=SDKConfig(
                signature_version="s3v4",
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )

    def put(self, photo: Photo, now: datetime) -> Put:
        """See `PhotoStore`. Signed with the SDK's own clock, which has to be right for S3."""
        checksum = base64.b64encode(bytes.fromhex(photo.sha256)).decode()
        wanted = {"ContentType": JPEG, "ContentLength": photo.size_bytes}
        url = self._call(
            self.client.generate_presigned_url,
            ClientMethod="put_object",
            Params={**self._name(photo), **wanted, **self._encrypted, "ChecksumSHA256": checksum},
            ExpiresIn=self._put_s,
        )
        headers = {"Content-Type": JPEG, "x-amz-checksum-sha256": checksum}
        if self._encrypted:
            headers["x-amz-server-side-encryption"] = self._encrypted["ServerSideEncryption"]
            headers[_KEY_HEADER] = self._encrypted["SSEKMSKeyId"]
        return Put(str(url), 0, headers)

    def look(self, photo: Photo) -> Found | None:
        """See `PhotoStore`. S3 has checked the sum when the bytes came; a store that keeps no
        sums is read."""
        try:
            answer = self._call(
                self.client.head_object, **self._name(photo), ChecksumMode="ENABLED"
            )
        except FileNotFoundError:
            return None
        checksum = answer.get("ChecksumSHA256")
        if checksum is not None:
            return Found(base64.b64decode(checksum).hex(), answer["ContentLength"])
        body = self.read(photo)
        return None if body is None else Found(hashlib.sha256(body).hexdigest(), len(body))

    def read(self, photo: Photo) -> bytes | None:
        """See `PhotoStore`."""
        try:
            answer = self._call(self.client.get_object, **self._name(photo))
            with answer["Body"] as body:
                read: bytes = self._call(body.read, amt=photo.size_bytes + 1)
        except FileNotFoundError:
            return None
        return read

    def keep(self, photo: Photo, content: bytes) -> None:
        """See `PhotoStore`."""
        checksum = base64.b64encode(bytes.fromhex(photo.sha256)).decode()
        self._call(
            self.client.put_object,
            **self._name(photo),
            Body=content,
            ContentType=JPEG,
            ChecksumSHA256=checksum,
            **self._encrypted,
        )

    def drop(self, photo: Photo) -> None:
        """See `PhotoStore`."""
        self._call(self.client.delete_object, **self._name(photo))

    def drop_parts(self, before: datetime) -> int:
        """See `PhotoStore`. S3 keeps no halves."""
        return 0

    def _name(self, photo: Photo) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{_PREFIX}{photo.path}"}

    @staticmethod
    def _call(act: Any, **arguments: Any) -> Any:
        """Ask the SDK. Raises `FileNotFoundError` for what is not there."""
        try:
            return act(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOT_THERE:
                raise FileNotFoundError from error
            log.error("photo_store_refused", code=code[:60])
        except (BotoCoreError, HTTPClientError) as error:
            log.error("photo_store_lost", error=type(error).__name__)
        raise Refusal("photo_store_lost")
