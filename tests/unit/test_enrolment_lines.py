"""What is typed when tags are enrolled in the office: read in full, or refused with its reason."""

from __future__ import annotations

import pytest

from schemas.tag_ids import TagIDError
from server.enrolment import Entry, NotEnrolled, read_entries, read_entry, read_id


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("nfca:04a1b2c3d4e5f6", "nfca:04A1B2C3D4E5F6"),
        (" NFCA:04A1B2C3D4E5F6\n", "nfca:04A1B2C3D4E5F6"),
        ("04A1B2C3D4E5F6", "nfca:04A1B2C3D4E5F6"),
        ("04:a1:b2:c3:d4:e5:f6", "nfca:04A1B2C3D4E5F6"),
        ("AB:CD:EF:01", "nfca:ABCDEF01"),
        ("04 A1 B2 C3 D4 E5 F6", "nfca:04A1B2C3D4E5F6"),
        ("0a-00-00-00-01", "em4100:0A00000001"),
        ("12345678", "nfca:12345678"),
        ("em4100:0100630001", "em4100:0100630001"),
        ("w26:0A1B2C", "w26:0A1B2C"),
        ("epc:E2000017", "epc:E2000017"),
    ],
)
def test_an_id_is_understood_however_it_is_written(typed: str, tag: str) -> None:
    assert read_id(typed) == tag


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "tag_digits_wrong"),
        ("tarjeta", "tag_digits_wrong"),
        ("04A1B2C3D4E5", "tag_digits_wrong"),
        ("bluetooth:0011", "tag_kind_unknown"),
        ("nfca:04A1", "tag_digits_wrong"),
        ("0012345678", "tag_short_number"),
        ("08A1B2C3", "tag_random"),
        ("nfca:08A1B2C3", "tag_random"),
        ("88:04:A1:B2", "tag_cut"),
        ("em4100:0000000000", "tag_blank"),
        ("00000000000000", "tag_blank"),
    ],
)
def test_an_id_that_is_none_for_good_is_refused(typed: str, code: str) -> None:
    with pytest.raises(TagIDError) as refused:
        read_id(typed)
    assert refused.value.code == code


def test_many_lines_are_read_and_empty_ones_left_out() -> None:
    text = "C101; 04A1B2C3D4E5F6\n\n  C102;em4100:0100630001  \r\n"

    assert read_entries("claim", text, 10) == [
        Entry(1, "claim", "C101", "nfca:04A1B2C3D4E5F6"),
        Entry(3, "claim", "C102", "em4100:0100630001"),
    ]


def test_every_faulty_line_is_named_with_its_reason() -> None:
    text = "C101\nC102;08A1B2C3\n;04A1B2C3D4E5F6\nC103;04A1B2C3D4E5F6"

    with pytest.raises(NotEnrolled) as refused:
        read_entries("claim", text, 10)

    assert [(fault.line, fault.code) for fault in refused.value.faults] == [
        (1, "bad_line"),
        (2, "tag_random"),
        (3, "bad_label"),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("claim", " \n ", "nothing"),
        ("claim", "A;1\nB;2\nC;3", "too_many"),
        ("ticket", "A;04A1B2C3D4E5F6", "bad_kind"),
        ("claim", "A\x07B;04A1B2C3D4E5F6", "bad_label"),
        ("claim", f"{'x' * 21};04A1B2C3D4E5F6", "bad_label"),
    ],
)
def test_a_list_that_cannot_be_taken_says_why(kind: str, text: str, code: str) -> None:
    with pytest.raises(NotEnrolled) as refused:
        read_entries(kind, text, 2)
    assert refused.value.faults[0].code == code


def test_only_a_badge_belongs_to_a_person() -> None:
    assert read_entry(1, "badge", "B1", "04A1B2C3D4E5F6", "ana").person_id == "ana"
    assert read_entry(1, "key", "K1", "04A1B2C3D4E5F6", "ana").person_id is None
