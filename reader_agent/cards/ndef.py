"""The link on a tag: NDEF messages with a URI, and how a Type 2 and a Type 4 tag hold them.

NFC Forum "NFC Data Exchange Format" and "URI Record Type Definition"; the TLV blocks are those
of the "Type 2 Tag" specification, the file that begins with its length that of "Type 4 Tag".
"""

from __future__ import annotations

# By number; 0x00 is no prefix at all. From the URI record type definition, table 3.
URI_PREFIXES = (
    "",
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
)

NULL_TLV = 0x00
NDEF_TLV = 0x03
TERMINATOR_TLV = 0xFE
LONG_LENGTH = 0xFF

_BEGIN, _END, _CHUNKED, _SHORT, _HAS_ID = 0x80, 0x40, 0x20, 0x10, 0x08
_WELL_KNOWN = 0x01


def encode_uri(uri: str) -> bytes:
    """An NDEF message of one URI record, with the longest prefix that fits."""
    code = max(
        (code for code, prefix in enumerate(URI_PREFIXES) if uri.startswith(prefix)),
        key=lambda code: len(URI_PREFIXES[code]),
    )
    payload = bytes([code]) + uri[len(URI_PREFIXES[code]) :].encode()
    header = _BEGIN | _END | _WELL_KNOWN
    if len(payload) < 0x100:
        return bytes([header | _SHORT, 1, len(payload)]) + b"U" + payload
    return bytes([header, 1]) + len(payload).to_bytes(4) + b"U" + payload


def uri_of(message: bytes) -> str | None:
    """The URI of the first URI record, which is the one that phones follow. None if there is no
    such record, or the message breaks off before it, or the URI is no printable text."""
    at = 0
    while at < len(message):
        record = _record_at(message, at)
        if record is None:
            return None
        kind, payload, at = record
        if kind == b"U":
            return _uri(payload)
    return None


def type2_tlv(message: bytes) -> bytes:
    """A message as it lies in the memory of a Type 2 tag, up to the terminator."""
    if len(message) < LONG_LENGTH:
        length = bytes([len(message)])
    else:
        length = bytes([LONG_LENGTH]) + len(message).to_bytes(2)
    return bytes([NDEF_TLV]) + length + message + bytes([TERMINATOR_TLV])


def type4_file(message: bytes) -> bytes:
    """A message as it lies in the NDEF file of a Type 4 tag: behind its length."""
    return len(message).to_bytes(2) + message


def _record_at(message: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Type (empty unless well-known), payload, and where the next record begins."""
    header = message[at]
    fixed = 1 + 1 + (1 if header & _SHORT else 4) + (1 if header & _HAS_ID else 0)
    if header & _CHUNKED or at + fixed > len(message):
        return None
    type_bytes = message[at + 1]
    length_end = at + 2 + (1 if header & _SHORT else 4)
    payload_bytes = int.from_bytes(message[at + 2 : length_end])
    id_bytes = message[length_end] if header & _HAS_ID else 0
    type_at = at + fixed
    payload_at = type_at + type_bytes + id_bytes
    end = payload_at + payload_bytes
    if end > len(message):
        return None
    kind = message[type_at : type_at + type_bytes] if header & 0x07 == _WELL_KNOWN else b""
    return kind, message[payload_at:end], end


def _uri(payload: bytes) -> str | None:
    if not payload or payload[0] >= len(URI_PREFIXES):
        return None
    try:
        rest = payload[1:].decode()
    except UnicodeDecodeError:
        return None
    uri = URI_PREFIXES[payload[0]] + rest
    return uri if uri and uri.isprintable() else None
