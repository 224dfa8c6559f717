"""What an NTAG 424 DNA says of itself when it is read, and whether it is true.

SUN ("secure unique NFC", also SDM) as NXP AN12196 and data sheet NT4H2421Gx section 9.3 have it:
the card writes its UID and a counter that rises at every reading into its own link, enciphered
(`picc_data`), with a MAC (`cmac`) that only the card's key can make:

    https://host/t?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086

The counter is least significant byte first in all cryptography, and most significant first where
the card writes it in clear. AES is what we set cards to; LRP (AN12304) is verified too.

A message that holds proves that this card was read this many times. It does not prove when:
whoever keeps a link unused can use it later, which is why a counter is taken only if it is higher
than any seen.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from schemas.lrp import LRP

AES_MODE = "aes"
LRP_MODE = "lrp"

LONGEST_URL = 512
COUNTER_MAX = 0xFFFFFF

# What the parts are called in the links of the data sheet, of AN12196 and of its demo pages.
_NAMES = {
    "picc_data": "picc_data",
    "e": "picc_data",
    "p": "picc_data",
    "enc": "enc",
    "cmac": "cmac",
    "c": "cmac",
    "m": "cmac",
    "uid": "uid",
    "ctr": "ctr",
}

_BLOCK = 16
_LRP_PICC_BYTES = 24
_MAC_BYTES = 8
_BOTH_MIRRORED = 0xC7
_NOBODY = "00" * 7
_HEX = frozenset("0123456789abcdefABCDEF")


class SunError(ValueError):
    """The link has not the parts of a SUN message; the words say what is missing or wrong."""

    code = "sun_url"


@dataclass(frozen=True, slots=True)
class SunMessage:
    """A SUN message as it stands in a link, nothing checked yet.

    `picc_data` has 16 bytes (AES), 24 (LRP) or none, where `uid` and `counter` are in clear.
    `enc` is enciphered file data. `mac_input` is the text that the MAC is over.
    """

    picc_data: bytes
    uid: str | None
    counter: int | None
    enc: bytes | None
    cmac: bytes
    mac_input: bytes

    @property
    def mode(self) -> str:
        """`aes` or `lrp`. A message in clear does not show it and is taken for `aes`."""
        return LRP_MODE if len(self.picc_data) == _LRP_PICC_BYTES else AES_MODE


@dataclass(frozen=True, slots=True)
class SunRead:
    """What a genuine message says: the UID (14 hex, upper case), the count of readings, and what
    file data it carried."""

    uid: str
    counter: int
    file_data: bytes | None = None

    @property
    def tag(self) -> str:
        """The canonical tag id."""
        return f"nfca:{self.uid}"


def read_sun_url(url: str) -> SunMessage:
    """The SUN message in a link. Raises `SunError`.

    The text is taken as it is and never put together anew, because the MAC is over its very
    characters. Where there is `enc`, the MAC is over everything from its first digit up to the
    first digit of the MAC (AN12196 section 3.4.2); else it is over nothing.
    """
    if len(url) > LONGEST_URL:
        raise SunError(f"the link is longer than {LONGEST_URL} characters")
    parts = _parts_of(url)
    if "cmac" not in parts:
        raise SunError("the link has no cmac (also c or m): nothing proves it")
    cmac = _hex_of(parts, "cmac", _MAC_BYTES)
    picc_data, uid, counter = b"", None, None
    if "picc_data" in parts:
        picc_data = _hex_of(parts, "picc_data", _BLOCK, _LRP_PICC_BYTES)
    elif "uid" in parts and "ctr" in parts:
        uid = _hex_of(parts, "uid", 7).hex().upper()
        counter = int.from_bytes(_hex_of(parts, "ctr", 3))
    else:
        raise SunError("the link has no picc_data (also e or p), and no uid with ctr")
    enc, mac_input = None, b""
    if "enc" in parts:
        enc = _hex_of(parts, "enc", *range(_BLOCK, LONGEST_URL, _BLOCK))
        begin, end = parts["enc"][0], parts["cmac"][0]
        if begin > end:
            raise SunError("enc stands behind cmac, which cannot cover it")
        mac_input = url[begin:end].encode()
    return SunMessage(picc_data, uid, counter, enc, cmac, mac_input)


def verify_sun(
    message: SunMessage, meta_key: bytes, file_key_of: Callable[[str], bytes | None]
) -> SunRead | None:
    """What the message says if it is genuine, else None: one answer for every failure.

    `file_key_of` gives the SDMFileRead key of a UID (14 hex, upper case), None for an unknown
    one. The MAC is computed and compared, in constant time, also where the UID is unknown or the
    message does not decipher, so that the time taken says nothing either. Whether the counter is
    higher than before is the caller's to check.
    """
    said = decrypt_picc(message, meta_key)
    uid, counter = said or (_NOBODY, 0)
    file_key = file_key_of(uid)
    key = file_key if file_key is not None else bytes(_BLOCK)
    mac = sdm_mac(key, uid, counter, message.mac_input, message.mode)
    is_genuine = hmac.compare_digest(mac, message.cmac)
    if not is_genuine or said is None or file_key is None:
        return None
    file_data = None
    if message.enc is not None:
        file_data = decrypt_file_data(file_key, uid, counter, message.enc, message.mode)
    return SunRead(uid, counter, file_data)


def decrypt_picc(message: SunMessage, meta_key: bytes) -> tuple[str, int] | None:
    """UID and counter as the message names them, proven by nothing yet; None if it does not
    decipher to them with this key."""
    if message.uid is not None and message.counter is not None:
        return message.uid, message.counter
    if message.mode == LRP_MODE:
        plain = LRP(meta_key).decrypt(message.picc_data[:8], message.picc_data[8:])
    else:
        plain = _cbc(meta_key, bytes(_BLOCK)).decryptor().update(message.picc_data)
    if not plain or plain[0] != _BOTH_MIRRORED:
        return None
    return plain[1:8].hex().upper(), int.from_bytes(plain[8:11], "little")


def encrypt_picc(meta_key: bytes, uid: str, counter: int, padding: bytes) -> bytes:
    """`picc_data` as a card in AES mode makes it: 16 bytes. `padding` is 5 random bytes."""
    plain = bytes([_BOTH_MIRRORED]) + _who_and_when(uid, counter) + padding
    return _cbc(meta_key, bytes(_BLOCK)).encryptor().update(plain)


def sdm_mac(
    file_key: bytes, uid: str, counter: int, mac_input: bytes, mode: str = AES_MODE
) -> bytes:
    """The 8 bytes of SDMMAC: every second byte of the CMAC, beginning with the second."""
    if mode == LRP_MODE:
        mac = LRP(_lrp_session_key(file_key, uid, counter)).cmac(mac_input)
    else:
        _, mac_key = session_keys(file_key, uid, counter)
        mac = aes_cmac(mac_key, mac_input)
    return mac[1::2]


def decrypt_file_data(
    file_key: bytes, uid: str, counter: int, enc: bytes, mode: str = AES_MODE
) -> bytes:
    """The file data behind `enc`, whole blocks. Genuine only if the MAC holds."""
    if mode == LRP_MODE:
        start = counter.to_bytes(3, "little") + bytes(3)
        return LRP(_lrp_session_key(file_key, uid, counter), 1).decrypt(start, enc)
    return _file_cipher(file_key, uid, counter).decryptor().update(enc)


def encrypt_file_data(file_key: bytes, uid: str, counter: int, data: bytes) -> bytes:
    """`enc` as a card in AES mode makes it out of whole blocks of file data."""
    return _file_cipher(file_key, uid, counter).encryptor().update(data)


def session_keys(file_key: bytes, uid: str, counter: int) -> tuple[bytes, bytes]:
    """KSesSDMFileReadENC and KSesSDMFileReadMAC of one reading (AN12196 table 1)."""
    said = _who_and_when(uid, counter)
    enc_vector = bytes.fromhex("C33C00010080") + said
    mac_vector = bytes.fromhex("3CC300010080") + said
    return aes_cmac(file_key, enc_vector), aes_cmac(file_key, mac_vector)


def sun_url(
    template_base: str, uid: str, counter: int, meta_key: bytes, file_key: bytes, padding: bytes
) -> str:
    """The link that a card of ours says: `template_base`, then picc_data and cmac."""
    picc_data = encrypt_picc(meta_key, uid, counter, padding).hex().upper()
    cmac = sdm_mac(file_key, uid, counter, b"").hex().upper()
    return f"{template_base}?picc_data={picc_data}&cmac={cmac}"


def aes_cmac(key: bytes, data: bytes) -> bytes:
    """AES-128 CMAC (NIST SP 800-38B): 16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def _who_and_when(uid: str, counter: int) -> bytes:
    return bytes.fromhex(uid) + counter.to_bytes(3, "little")


def _lrp_session_key(file_key: bytes, uid: str, counter: int) -> bytes:
    vector = bytes.fromhex("00010080") + _who_and_when(uid, counter) + bytes.fromhex("1EE1")
    return LRP(file_key).cmac(vector)


def _file_cipher(file_key: bytes, uid: str, counter: int) -> Cipher[modes.CBC]:
    enc_key, _ = session_keys(file_key, uid, counter)
    start = counter.to_bytes(3, "little").ljust(_BLOCK, b"\x00")
    # One block, as AN12196 makes the IV: there is no second one whose likeness ECB could show.
    ecb = Cipher(algorithms.AES(enc_key), modes.ECB())  # noqa: S305 - one block
    return _cbc(enc_key, ecb.encryptor().update(start))


def _cbc(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def _parts_of(url: str) -> dict[str, tuple[int, str]]:
    """Where in the link the value of each part begins, and the value."""
    end = url.find("#") if "#" in url else len(url)
    at = url.find("?", 0, end)
    if at < 0:
        raise SunError("the link has no query: nothing behind a question mark")
    parts: dict[str, tuple[int, str]] = {}
    at += 1
    for pair in url[at:end].split("&"):
        name, equals, value = pair.partition("=")
        part = _NAMES.get(name)
        if part is not None and equals:
            if part in parts:
                raise SunError(f"the link has two values for {part}")
            parts[part] = (at + len(name) + 1, value)
        at += len(pair) + 1
    return parts


def _hex_of(parts: dict[str, tuple[int, str]], name: str, *sizes: int) -> bytes:
    value = parts[name][1]
    if not _HEX.issuperset(value):
        raise SunError(f"{name} is not hex digits")
    if len(value) not in {2 * size for size in sizes}:
        wanted = " or ".join(str(2 * size) for size in sizes[:2])
        raise SunError(f"{name} has {len(value)} hex digits and should have {wanted}")
    return bytes.fromhex(value)
