"""The master key inside AWS KMS's envelope: on the disk there is only what KMS alone can open.

A key's text is then `kms:` and the ciphertext in base64 (AWS KMS API reference, GenerateDataKey,
Encrypt and Decrypt). The encryption context names what it is for, so that no other ciphertext of
the account passes for it, and CloudTrail says who opened it. Our role needs kms:GenerateDataKey and
kms:Decrypt, and kms:Encrypt for `valet-server keys wrap`.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from server.master_key import KeyFileError

PREFIX: Final = "kms:"
_CONTEXT: Final = {"valet": "master-key"}
_KEY_BYTES: Final = 32
_LEASE_S: Final = 20


def is_wrapped(text: str) -> bool:
    """Whether a key's text has to be opened by KMS."""
    return text.startswith(PREFIX)


def generate(kms_key: str, region: str, endpoint_url: str | None = None) -> str:
    """A new master key, already wrapped. Raises `KeyFileError`."""
    answer = _ask(
        "generate_data_key", region, endpoint_url, KeyId=kms_key, NumberOfBytes=_KEY_BYTES
    )
    return _text(answer)


def wrap(secret: bytes, kms_key: str, region: str, endpoint_url: str | None = None) -> str:
    """The text of a master key that there is already. Raises `KeyFileError`."""
    return _text(_ask("encrypt", region, endpoint_url, KeyId=kms_key, Plaintext=secret))


def unwrap(text: str, region: str, endpoint_url: str | None = None) -> bytes:
    """The 32 bytes in a wrapped text. Raises `KeyFileError`."""
    try:
        blob = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise KeyFileError("the wrapped master key is no base64: restore it") from None
    secret = bytes(_ask("decrypt", region, endpoint_url, CiphertextBlob=blob)["Plaintext"])
    if len(secret) != _KEY_BYTES:
        raise KeyFileError("KMS opened something that is no master key")
    return secret


def _text(answer: dict[str, Any]) -> str:
    return PREFIX + base64.b64encode(answer["CiphertextBlob"]).decode()


def _ask(act: str, region: str, endpoint_url: str | None, **arguments: Any) -> dict[str, Any]:
    # Only where KMS is used: the SDK is slow to import.
    from botocore.exceptions import BotoCoreError, ClientError

    from server.sms.aws import open_client

    client = open_client("kms", region, _LEASE_S, endpoint_url)
    try:
        answer: dict[str, Any] = getattr(client, act)(EncryptionContext=_CONTEXT, **arguments)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise KeyFileError(f"KMS refuses the master key ({act}): {code}") from None
    except BotoCoreError as error:
        raise KeyFileError(f"KMS is out of reach ({act}): {type(error).__name__}") from None
    finally:
        client.close()
    return answer
