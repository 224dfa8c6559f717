"""`valet-agent sun`: what a link from an NTAG 424 DNA says, and whether it is true."""

from __future__ import annotations

import json
import re

import click

from schemas.sun import SunError, decrypt_picc, read_sun_url, verify_sun

_KEY = re.compile(r"[0-9A-Fa-f]{32}")


class _Key(click.ParamType[bytes]):
    """An AES-128 key as 32 hex digits. What was typed is never repeated: it may be most of one."""

    name = "HEX"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        digits = str(value)
        if not _KEY.fullmatch(digits):
            self.fail("a key is 32 hex digits", param, ctx)
        return bytes.fromhex(digits)


@click.command("sun")
@click.option("--meta-key", type=_Key(), required=True, help="SDMMetaReadKey: 32 hex digits.")
@click.option("--file-key", type=_Key(), required=True, help="SDMFileReadKey of this tag.")
@click.argument("url")
def sun(meta_key: bytes, file_key: bytes, url: str) -> None:
    """Print what a SUN link decrypts to, and whether its MAC holds, as one JSON object.

    The exit status is 0 if it holds and 1 if it does not; then UID and counter are what the link
    claims, or null if it does not decrypt to any. Nothing is said about replay: whether the
    counter is higher than the last one, only the cloud knows.
    """
    try:
        message = read_sun_url(url)
    except SunError as error:
        raise click.UsageError(str(error)) from None
    said = decrypt_picc(message, meta_key)
    read = verify_sun(message, meta_key, lambda _uid: file_key)
    uid, counter = said or (None, None)
    fact: dict[str, object] = {
        "uid": uid,
        "tag": f"nfca:{uid}" if uid is not None else None,
        "counter": counter,
        "mac": "ok" if read is not None else "wrong",
        "mode": message.mode,
    }
    if read is not None and read.file_data is not None:
        fact["file_data"] = read.file_data.hex().upper()
    click.echo(json.dumps(fact))
    if read is None:
        raise SystemExit(1)
