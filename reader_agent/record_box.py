"""Plates, phones and what the cloud says of visits, sealed on the station's card.

Under the same key as the PINs (`sign_in.pin_box`): a copy of the database alone tells no number,
and with a key that does not lie on the card an image of the card tells none either. What an agent
of before has written in plain is read as it is, and sealed when it is written again.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any, Final

from reader_agent.sign_in.pin_box import PinBox

_MARK: Final = "~"
_OWNER: Final = "record\n"


class RecordBox:
    """Seals texts; each is bound to whose it is. Raises `OSError` as `PinBox`."""

    def __init__(self, data_dir: Path, key_file: Path | None) -> None:
        self._box = PinBox(data_dir, key_file)

    def seal(self, owner: str, text: str) -> str:
        """The sealed text, in letters."""
        return _MARK + base64.b64encode(self._box.seal(_OWNER + owner, text.encode())).decode()

    def open(self, owner: str, stored: str) -> str | None:
        """What was sealed, or was stored in plain; None under another key."""
        if not stored.startswith(_MARK):
            return stored
        try:
            sealed = base64.b64decode(stored.removeprefix(_MARK), validate=True)
        except binascii.Error:
            return None
        plain = self._box.open(_OWNER + owner, sealed)
        return None if plain is None else plain.decode()


def seal_text(box: RecordBox | None, owner: str, text: str) -> str:
    """The text as it is stored; in plain where there is no box."""
    return text if box is None else box.seal(owner, text)


def open_text(box: RecordBox | None, owner: str, stored: str) -> str | None:
    """The text as it was; None if it cannot be opened."""
    return stored if box is None else box.open(owner, stored)


def seal_doc(box: RecordBox | None, owner: str, doc: object) -> str:
    """A document as it is stored: JSON in any case, which is what a damaged page is told by."""
    text = json.dumps(doc, ensure_ascii=False)
    return text if box is None else json.dumps(box.seal(owner, text))


def open_doc(box: RecordBox | None, owner: str, stored: str) -> Any:
    """The document. Raises `ValueError` if it cannot be opened."""
    found = json.loads(stored)
    if not isinstance(found, str):
        return found
    text = open_text(box, owner, found)
    if text is None:
        raise ValueError("sealed under another key")
    return json.loads(text)
