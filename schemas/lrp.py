"""The leakage resilient primitive, as far as checking a message needs it.

NXP AN12304 "Leakage Resilient Primitive (LRP) specification": an AES-128 construction that a
card can be set to use in place of plain AES. We never set a card to it (there is no way back);
cards that came so can still be verified. m = 4 everywhere: a counter is worked through nibble
by nibble.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16

_FIFTY_FIVES = b"\x55" * BLOCK
_DOUBLE_AS = b"\xaa" * BLOCK
_UPDATED_KEYS = 4


def nibbles_of(data: bytes) -> list[int]:
    """The half bytes of `data`, high one first."""
    return [half for byte in data for half in (byte >> 4, byte & 0x0F)]


class LRP:
    """One key in use: `updated` says which of its updated keys (0 to 3) does the work."""

    __slots__ = ("_key", "_plaintexts")

    def __init__(self, key: bytes, updated: int = 0) -> None:
        self._plaintexts = plaintexts(key)
        self._key = updated_keys(key)[updated]

    def evaluate(self, nibbles: list[int], *, final: bool = True) -> bytes:
        """Algorithm 3: 16 bytes out of a row of nibbles."""
        value = self._key
        for nibble in nibbles:
            value = _encrypt(value, self._plaintexts[nibble])
        return _encrypt(value, bytes(BLOCK)) if final else value

    def cmac(self, message: bytes) -> bytes:
        """CMAC_LRP: all 16 bytes. The padding and the subkeys are those of NIST SP 800-38B."""
        subkey = _doubled(self.evaluate([0] * (2 * BLOCK)))
        last_at = max(0, len(message) - 1) // BLOCK * BLOCK
        last = message[last_at:]
        if len(last) < BLOCK:
            last = (last + b"\x80").ljust(BLOCK, b"\x00")
            subkey = _doubled(subkey)
        value = bytes(BLOCK)
        for at in range(0, last_at, BLOCK):
            value = self.evaluate(nibbles_of(_xor(value, message[at : at + BLOCK])))
        return self.evaluate(nibbles_of(_xor(_xor(value, last), subkey)))

    def decrypt(self, counter: bytes, data: bytes) -> bytes:
        """LRICB, decrypting whole blocks without taking padding off. `counter` is big-endian and
        goes up by one a block, round its own length."""
        number = int.from_bytes(counter)
        plain = b""
        for at in range(0, len(data), BLOCK):
            value = number.to_bytes(len(counter))
            key = self.evaluate(nibbles_of(value))
            plain += _decrypt(key, data[at : at + BLOCK])
            number = (number + 1) % (1 << (8 * len(counter)))
        return plain


def plaintexts(key: bytes) -> list[bytes]:
    """Algorithm 1: the sixteen plaintexts of a key."""
    chain = _encrypt(key, _FIFTY_FIVES)
    found = []
    for _ in range(16):
        found.append(_encrypt(chain, _DOUBLE_AS))
        chain = _encrypt(chain, _FIFTY_FIVES)
    return found


def updated_keys(key: bytes) -> list[bytes]:
    """Algorithm 2: the updated keys of a key."""
    chain = _encrypt(key, _DOUBLE_AS)
    found = []
    for _ in range(_UPDATED_KEYS):
        found.append(_encrypt(chain, _DOUBLE_AS))
        chain = _encrypt(chain, _FIFTY_FIVES)
    return found


def _doubled(block: bytes) -> bytes:
    number = int.from_bytes(block) << 1
    if number >> (8 * BLOCK):
        number = (number ^ 0x87) & ((1 << (8 * BLOCK)) - 1)
    return number.to_bytes(BLOCK)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _encrypt(key: bytes, block: bytes) -> bytes:
    # LRP is defined on single AES blocks: there is no chain that ECB could leak.
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)  # noqa: S305 - one block


def _decrypt(key: bytes, block: bytes) -> bytes:
    # One block under a key that is used for this block only.
    return Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(block)  # noqa: S305 - one block
