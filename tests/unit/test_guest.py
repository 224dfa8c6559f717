"""Personal data beside the chain: what is let in, and what the digest gives away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.guest import Guest, GuestSchema, new_salt

REF = "01900000-0000-7000-8000-000000000001"
GUEST = Guest(REF, REF, "AB1234", "+50761234567", "ab" * 16)


def test_a_record_travels_and_comes_back_whole() -> None:
    assert GuestSchema().load(GUEST.to_wire()) == GUEST


def test_a_record_without_a_phone_is_whole_too() -> None:
    guest = Guest(REF, REF, "AB1234", None, "ab" * 16)
    assert GuestSchema().load(guest.to_wire()) == guest


def test_a_record_may_refer_to_the_number_of_another_one() -> None:
    guest = Guest(REF, REF, "AB1234", None, "ab" * 16, REF)
    assert GuestSchema().load(guest.to_wire()) == guest
    assert guest.has_phone
    assert "phone_ref" not in GUEST.to_wire()
    # The cloud puts the number in; the chain says the reference, before and after.
    assert replace(guest, phone="+50761234567").digest() == guest.digest()
    assert guest.digest() != replace(guest, phone_ref=None).digest()


def test_the_digest_depends_on_plate_phone_and_salt_and_on_nothing_else() -> None:
    def digest(**changes: object) -> str:
        return Guest(**{**GUEST.to_wire(), **changes}).digest()  # type: ignore[arg-type]

    assert digest() == digest(ref="x", visit_id="y")
    others = {digest(plate="AB1235"), digest(phone=None), digest(salt="cd" * 16)}
    assert digest() not in others
    assert len(others) == 3


def test_no_two_salts_are_the_same() -> None:
    salts = {new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert all(len(bytes.fromhex(salt)) == 16 for salt in salts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ref", "x"),
        ("visit_id", REF + "\n"),
        ("plate", "ab1234"),
        ("plate", "AB1234\n"),
        ("plate", ""),
        ("phone", "61234567"),
        ("phone", "+50761234567\n"),
        ("phone", ""),
        ("salt", "ab"),
        ("salt", "zz" * 16),
    ],
)
def test_what_is_not_in_its_one_form_is_refused(name: str, value: str) -> None:
    assert list(GuestSchema().validate({**GUEST.to_wire(), name: value})) == [name]
