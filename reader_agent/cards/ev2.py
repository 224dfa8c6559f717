"""Secure messaging with an NTAG 424 DNA: who proves what to whom, and how commands are sealed.

AES mode of NXP data sheet NT4H2421Gx (sections 9.1 and 10) and AN12196 (sections 5 and 6). The
functions here are pure, and both ends use them: the station that personalises a card, and the
card made of software. One authenticates with a key slot (`AuthenticateEV2First`):

    reader  71 slot 00                     card  E(K, RndB)                              91AF
    reader  AF E(K, RndA ‖ RndB')          card  E(K, TI ‖ RndA' ‖ PDcap2 ‖ PCDcap2)     9100

where X' is X with its first byte last. What follows is sealed in "CommMode.Full": data padded
(80 00…) and enciphered under an IV made of TI and the command counter, then a MAC of 8 bytes,
every second byte of a CMAC. The counter is two bytes, least significant first, and goes up by
one with each command; the answer is sealed with the counter after it went up.

A native command goes as the APDU `90 INS 00 00 Lc header data 00`, and its answer ends in 91xx.
"""

from __future__ import annotations

import hmac
import zlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from schemas.sun import aes_cmac

AUTHENTICATE_FIRST = 0x71
MORE = 0xAF
GET_VERSION = 0x60
CHANGE_KEY = 0xC4
CHANGE_FILE_SETTINGS = 0x5F
READ_SIGNATURE = 0x3C

OPERATION_OK = 0x00

FACTORY_KEY = bytes(16)

BLOCK = 16
MAC_BYTES = 8
TI_BYTES = 4
_CAPABILITIES = 12  # PDcap2 and PCDcap2, six bytes each


class SealError(ValueError):
    """What came does not come from the other end of this session, or was changed on the way.

    `code` is `bad_seal`. The card answers it with status 1E (integrity error); a station takes
    its card for broken.
    """

    code = "bad_seal"


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """KSesAuthENC and KSesAuthMAC. Printing them shows nothing."""

    enc: bytes
    mac: bytes


@dataclass(slots=True, repr=False)
class Session:
    """An authenticated session, as either end holds it. `counter` counts the commands so far."""

    keys: SessionKeys
    ti: bytes
    slot: int = 0
    counter: int = 0

    def seal_command(self, ins: int, header: bytes = b"", data: bytes = b"") -> bytes:
        """The APDU of a command in CommMode.Full: `header` in clear, `data` enciphered."""
        sealed = encrypt(self.keys, self.ti, self.counter, pad(data)) if data else b""
        mac = self.command_mac(ins, header + sealed)
        return native_apdu(ins, header + sealed + mac)

    def open_command(self, ins: int, body: bytes, header_bytes: int = 0) -> bytes:
        """The data in the body of a sealed command. Raises `SealError`. The card's side."""
        sealed, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
        if not hmac.compare_digest(self.command_mac(ins, sealed), mac):
            raise SealError("the MAC of the command is wrong")
        data = sealed[header_bytes:]
        return unpad(decrypt(self.keys, self.ti, self.counter, data)) if data else b""

    def seal_answer(self, status: int = OPERATION_OK, data: bytes = b"") -> bytes:
        """The answer to a sealed command with its status word; counts it. The card's side."""
        self.counter += 1
        sealed = b""
        if data:
            sealed = encrypt(self.keys, self.ti, self.counter, pad(data), answer=True)
        return sealed + self.answer_mac(status, sealed) + bytes([0x91, status])

    def open_answer(self, body: bytes, status: int = OPERATION_OK) -> bytes:
        """The data in an answer without its status word; counts the command. Raises `SealError`,
        and then counts nothing."""
        sealed, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
        self.counter += 1
        if not hmac.compare_digest(self.answer_mac(status, sealed), mac):
            self.counter -= 1
            raise SealError("the MAC of the answer is wrong")
        if not sealed:
            return b""
        return unpad(decrypt(self.keys, self.ti, self.counter, sealed, answer=True))

    def command_mac(self, ins: int, body: bytes) -> bytes:
        """The MAC of a command whose body (header, then enciphered data) is given."""
        return self._mac(ins, body)

    def answer_mac(self, status: int, body: bytes) -> bytes:
        """The MAC of an answer, after the counter went up."""
        return self._mac(status, body)

    def _mac(self, first: int, body: bytes) -> bytes:
        counter = self.counter.to_bytes(2, "little")
        return aes_cmac(self.keys.mac, bytes([first]) + counter + self.ti + body)[1::2]


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> SessionKeys:
    """The keys of the session that two challenges (16 bytes each) begin."""
    middle = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    context = rnd_a[:2] + middle + rnd_b[6:] + rnd_a[8:]
    enc = aes_cmac(key, bytes.fromhex("A55A00010080") + context)
    mac = aes_cmac(key, bytes.fromhex("5AA500010080") + context)
    return SessionKeys(enc, mac)


def seal_challenge(key: bytes, rnd_b: bytes) -> bytes:
    """The card's first answer: its challenge, enciphered."""
    return _cbc(key).encryptor().update(rnd_b)


def answer_challenge(key: bytes, rnd_a: bytes, challenge: bytes) -> tuple[bytes, bytes]:
    """The card's challenge, and the 32 bytes that answer it with the reader's own."""
    rnd_b = _cbc(key).decryptor().update(challenge)
    return rnd_b, _cbc(key).encryptor().update(rnd_a + _turned(rnd_b))


def check_answer(key: bytes, rnd_b: bytes, answer: bytes) -> bytes | None:
    """The reader's challenge, if its answer proves the key; else None. The card's side."""
    plain = _cbc(key).decryptor().update(answer)
    is_right = hmac.compare_digest(plain[BLOCK:], _turned(rnd_b))
    return plain[:BLOCK] if is_right else None


def seal_welcome(key: bytes, ti: bytes, rnd_a: bytes) -> bytes:
    """The card's last answer: the transaction identifier and the reader's challenge back."""
    return _cbc(key).encryptor().update(ti + _turned(rnd_a) + bytes(_CAPABILITIES))


def open_welcome(key: bytes, rnd_a: bytes, welcome: bytes) -> bytes | None:
    """The transaction identifier, if the card proved that it knows the key; else None."""
    if len(welcome) != 2 * BLOCK:
        return None
    plain = _cbc(key).decryptor().update(welcome)
    is_right = hmac.compare_digest(plain[TI_BYTES : TI_BYTES + BLOCK], _turned(rnd_a))
    return plain[:TI_BYTES] if is_right else None


def encrypt(
    keys: SessionKeys, ti: bytes, counter: int, data: bytes, *, answer: bool = False
) -> bytes:
    """Whole blocks, enciphered for a command or for an answer."""
    return _cbc(keys.enc, _iv(keys, ti, counter, answer=answer)).encryptor().update(data)


def decrypt(
    keys: SessionKeys, ti: bytes, counter: int, data: bytes, *, answer: bool = False
) -> bytes:
    """Whole blocks, deciphered. Raises `SealError` for anything that is not whole blocks."""
    if len(data) % BLOCK:
        raise SealError("enciphered data comes in whole blocks")
    return _cbc(keys.enc, _iv(keys, ti, counter, answer=answer)).decryptor().update(data)


def pad(data: bytes) -> bytes:
    """Padding method 2 of ISO/IEC 9797-1: always at least one byte."""
    data += b"\x80"
    return data + bytes(-len(data) % BLOCK)


def unpad(data: bytes) -> bytes:
    """`data` without its padding. Raises `SealError`."""
    bare = data.rstrip(b"\x00")
    if not bare.endswith(b"\x80") or len(data) - len(bare) >= BLOCK:
        raise SealError("the padding is wrong")
    return bare[:-1]


def key_change(new: bytes, old: bytes, version: int, *, own: bool) -> bytes:
    """The data of ChangeKey. For the slot that the session was opened with (`own`), the new key
    and its version; for another, the new key XOR the old one, its version, and a checksum of the
    new key, so that a wrong old key is noticed."""
    if own:
        return new + bytes([version])
    mixed = bytes(a ^ b for a, b in zip(new, old, strict=True))
    return mixed + bytes([version]) + key_checksum(new)


def key_checksum(key: bytes) -> bytes:
    """CRC32NK: CRC-32 without its last complement, least significant byte first (AN12196 table
    25: F3847D62…B966 gives 789DFADC)."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


def native_apdu(ins: int, body: bytes = b"") -> bytes:
    """A native command wrapped as ISO/IEC 7816-4 wants it."""
    length = bytes([len(body)]) if body else b""
    return bytes([0x90, ins, 0x00, 0x00]) + length + body + b"\x00"


def _iv(keys: SessionKeys, ti: bytes, counter: int, *, answer: bool) -> bytes:
    label = bytes.fromhex("5AA5" if answer else "A55A")
    plain = label + ti + counter.to_bytes(2, "little") + bytes(8)
    # One block, as the data sheet makes the IV: there is no second one that ECB could show.
    return Cipher(algorithms.AES(keys.enc), modes.ECB()).encryptor().update(plain)  # noqa: S305 - one block


def _turned(challenge: bytes) -> bytes:
    return challenge[1:] + challenge[:1]


def _cbc(key: bytes, iv: bytes = bytes(BLOCK)) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))
