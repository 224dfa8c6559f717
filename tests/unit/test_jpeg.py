"""What is kept of a file that a camera gave: the picture, and not a byte that is none."""

from __future__ import annotations

import pytest

from schemas.jpeg import JPEGError, only_picture
from tests.jpeg_file import SECRETS, chatty_jpeg, frame, jfif, jpeg, scan, segment


def test_a_plain_file_stays_as_it_is() -> None:
    content = jpeg(width=1920, height=1080)

    picture = only_picture(content)

    assert picture.content == content
    assert (picture.width, picture.height, picture.pixels) == (1920, 1080, 2_073_600)


def test_what_a_telephone_writes_beside_the_picture_is_gone() -> None:
    content = chatty_jpeg()
    assert all(secret in content for secret in SECRETS)

    picture = only_picture(content).content

    assert [secret for secret in SECRETS if secret in picture] == []
    adobe = segment(0xEE, b"Adobe\0d\0\0\0\0\1")
    # How to read the colours stays, without what stood behind it.
    assert adobe in picture
    assert picture.replace(adobe, b"") == jpeg()


def test_taking_out_twice_is_taking_out_once() -> None:
    once = only_picture(chatty_jpeg()).content

    assert only_picture(once).content == once


def test_several_scans_with_tables_between_them_are_one_picture() -> None:
    tables = segment(0xC4, bytes(28))
    body = jfif() + frame(8, 8, 0xC2) + scan(500, 1) + tables + scan(700, 2)
    content = b"\xff\xd8" + body + b"\xff\xd9"

    assert only_picture(content).content == content


def test_markers_may_be_filled_up() -> None:
    filled = jpeg().replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1)

    assert only_picture(filled).content == jpeg()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"GIF89a" + bytes(100),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"<svg onload=alert(1)>",
        jpeg()[:-2],
        jpeg()[:300],
        b"\xff\xd8" + jfif() + b"\xff\xd9",
        b"\xff\xd8" + jfif() + frame(8, 8) + b"\xff\xd9",
        b"\xff\xd8" + jfif() + scan(100) + b"\xff\xd9",
        jpeg(width=0),
        jpeg(height=0),
        b"\xff\xd8" + segment(0xC0, b"\x08\0") + scan(100) + b"\xff\xd9",
        b"\xff\xd8\xff\xe0\0\1" + jpeg()[2:],
        b"\xff\xd8\xff\xe0\xff\xff" + jpeg()[2:],
        b"\xff\xd8 between " + jpeg()[2:],
    ],
)
def test_what_is_no_whole_picture_is_refused(content: bytes) -> None:
    with pytest.raises(JPEGError):
        only_picture(content)


def test_every_cut_of_a_file_is_refused_or_has_nothing_but_what_was_there() -> None:
    content = chatty_jpeg()
    for end in range(0, len(content), 7):
        try:
            picture = only_picture(content[:end])
        except JPEGError:
            continue
        assert picture == only_picture(content)
