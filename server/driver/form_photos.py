"""The photos that came with a form: those that can be kept, and why the others cannot.

Only the picture is kept of each: cameras write more into a file than one wants to tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from werkzeug.datastructures import FileStorage

from schemas.driver_words import PHOTOS_MAX
from schemas.jpeg import JPEGError, only_picture
from schemas.photo import PhotoRef

BAD_PHOTO = "bad_photo"
PHOTO_HEIC = "photo_heic"
PHOTO_TOO_LARGE = "photo_too_large"
TOO_MANY_PHOTOS = "too_many_photos"

# ISO/IEC 14496-12, 4.3 (`ftyp`, then its brand), and the brands of 23008-12 that telephones write.
_BOX = slice(4, 8)
_BRAND = slice(8, 12)
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class Taken:
    """A photo that can be kept."""

    ref: PhotoRef
    content: bytes


@dataclass(frozen=True, slots=True)
class Brought:
    """The photos of a form. `faults`: why others are not among them, as keys of words."""

    taken: Sequence[Taken]
    faults: Sequence[str]

    @property
    def refs(self) -> Sequence[PhotoRef]:
        """What the event names of them."""
        return [one.ref for one in self.taken]


def read_photos(files: Iterable[FileStorage], bytes_max: int) -> Brought:
    """The photos of a form's files, each no longer than `bytes_max`."""
    sent = [file for file in files if file.filename]
    faults = [TOO_MANY_PHOTOS] if len(sent) > PHOTOS_MAX else []
    taken: dict[str, Taken] = {}
    for file in sent[:PHOTOS_MAX]:
        content = file.stream.read(bytes_max + 1)
        if len(content) > bytes_max:
            faults.append(PHOTO_TOO_LARGE)
            continue
        try:
            content = only_picture(content).content
        except JPEGError:
            faults.append(PHOTO_HEIC if _is_heic(content) else BAD_PHOTO)
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        taken[sha256] = Taken(PhotoRef(sha256, len(content)), content)
    return Brought(list(taken.values()), list(dict.fromkeys(faults)))


def _is_heic(content: bytes) -> bool:
    return content[_BOX] == b"ftyp" and content[_BRAND] in _HEIC_BRANDS
