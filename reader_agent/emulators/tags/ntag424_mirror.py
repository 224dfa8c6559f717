"""What an NTAG 424 DNA writes into its NDEF file as it is read: Secure Dynamic Messaging, AES.

NXP data sheet NT4H2421Gx rev. 3.0, sections 9.3.3 to 9.3.9. The derivations are written out here
from there, apart from those of `schemas/sun.py` that check what comes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from reader_agent.emulators.tags.ntag424_files import KEY_COUNT, NOT_MIRRORED, DataFile, Mirror
from schemas.sun import aes_cmac

_BLOCK = 16
_UID_BYTES = 7


def content_as_read(
    file: DataFile, uid: bytes, keys: Sequence[bytes], random: Callable[[int], bytes]
) -> bytes:
    """The whole file as it goes on the air, with the counter as it is now.

    `uid` is the chip's own 7 bytes, `random` makes the padding of PICCData.
    """
    mirror = file.settings.mirror
    assert mirror is not None
    said = (uid if mirror.has_uid else b"") + (
        file.counter.to_bytes(3, "little") if mirror.has_counter else b""
    )
    content = bytearray(file.content)
    if mirror.uid_at is not None:
        _place(content, mirror.uid_at, uid)
    if mirror.counter_at is not None and mirror.counter_at != NOT_MIRRORED:
        _place(content, mirror.counter_at, file.counter.to_bytes(3, "big"))
    if mirror.picc_at is not None and mirror.meta_read < KEY_COUNT:
        plain = bytes([_picc_tag(mirror)]) + said
        plain += random(_BLOCK - len(plain))
        _place(content, mirror.picc_at, _cbc(keys[mirror.meta_read], bytes(_BLOCK), plain))
    if mirror.mac_at is not None and mirror.mac_from is not None:
        key = keys[mirror.file_read]
        if mirror.enc_at is not None:
            secret = bytes(file.content[mirror.enc_at :][: mirror.enc_digits // 2])
            _place(content, mirror.enc_at, _enciphered(key, said, file.counter, secret))
        mac_key = aes_cmac(key, _vector("3CC300010080", said))
        mac = aes_cmac(mac_key, bytes(content[mirror.mac_from : mirror.mac_at]))
        _place(content, mirror.mac_at, mac[1::2])
    return bytes(content)


def _picc_tag(mirror: Mirror) -> int:
    uid = 0x80 | _UID_BYTES if mirror.has_uid else 0
    return uid | (0x40 if mirror.has_counter else 0)


def _enciphered(key: bytes, said: bytes, counter: int, secret: bytes) -> bytes:
    enc_key = aes_cmac(key, _vector("C33C00010080", said))
    start = counter.to_bytes(3, "little").ljust(_BLOCK, b"\x00")
    return _cbc(enc_key, _cbc(enc_key, bytes(_BLOCK), start), secret)


def _vector(label: str, said: bytes) -> bytes:
    return (bytes.fromhex(label) + said).ljust(_BLOCK, b"\x00")


def _cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def _place(content: bytearray, at: int, data: bytes) -> None:
    digits = data.hex().upper().encode()
    content[at : at + len(digits)] = digits
