"""One spelling for each tag."""

from __future__ import annotations

import pytest

from schemas.tag_ids import TagIDError, is_blank, parse_tag_id

CODE = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        "em4100:010063E9AE",
        "nfca:04A1B2C3",
        "nfca:04A1B2C3D4E5F6",
        "nfca:04A1B2C3D4E5F60718AB",
        "epc:E200001D7315016521408FC6",
        "w26:0A1B2C",
        f"code:{CODE}",
    ],
)
def test_a_canonical_id_stays_as_it_is(text: str) -> None:
    assert parse_tag_id(text) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("em4100:010063e9ae", "em4100:010063E9AE"),
        ("EM4100:010063E9AE", "em4100:010063E9AE"),
        (f"code:{CODE.upper()}", f"code:{CODE}"),
    ],
)
def test_case_does_not_make_a_second_tag(text: str, canonical: str) -> None:
    assert parse_tag_id(text) == canonical


@pytest.mark.parametrize("text", ["", "010063E9AE", "6547886", "rfid:0011", ":0011", " em4100:0"])
def test_an_unknown_kind_is_refused(text: str) -> None:
    with pytest.raises(TagIDError) as refused:
        parse_tag_id(text)
    assert refused.value.code == "tag_kind_unknown"


@pytest.mark.parametrize(
    "text",
    [
        "em4100:",
        "em4100:010063E9A",
        "em4100:010063E9AE0",
        "em4100:010063E9AG",
        "em4100:010063E9AE\n",
        "em4100:０１００６３Ｅ９ＡＥ",
        "nfca:04A1B2C3D4",
        "epc:E20",
        "epc:" + "0" * 128,
        "w26:6547886",
        "code:abc",
    ],
)
def test_wrong_digits_are_refused(text: str) -> None:
    with pytest.raises(TagIDError) as refused:
        parse_tag_id(text)
    assert refused.value.code == "tag_digits_wrong"


def test_only_zeros_are_blank() -> None:
    assert is_blank("em4100:0000000000")
    assert not is_blank("em4100:0000000001")
    assert not is_blank("em4100:1000000000")
