"""The short way to a sync header never accepts what the schema does not, nor reads it otherwise."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from schemas.guest import Guest, GuestSchema
from schemas.plain_sync import plain_guest, plain_header
from schemas.sync import SyncHeaderSchema

UUID = "01900000-0000-7000-8000-00000000000a"
RECORD: dict[str, Any] = {
    "ref": UUID,
    "visit_id": UUID,
    "plate": "AB1234",
    "phone": "+50761234567",
    "salt": "ab" * 16,
}
HEADER: dict[str, Any] = {
    "v": 1,
    "journal_id": UUID,
    "cursor": 5,
    "boot_id": "boot",
    "first_seq": 1,
    "mono_ns": 10,
    "wait_s": 25,
    "depth": 3,
    "version": "0.5",
    "records": [RECORD],
}
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([0, 1, 2, 55, 56, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -1, 10**400]),
    st.text(max_size=70),
    st.sampled_from(["", "\x00", "\ud800", "x" * 64, "x" * 65, UUID, UUID.upper(), UUID[:-1]]),
    st.sampled_from(["AB12", "ab12", "A" * 11, "+5076", "+507612345", "０" * 7, "f" * 32]),
    st.lists(st.none() | st.integers() | st.just({}), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


def loaded(schema: Any, content: Any) -> Any:
    """What the schema makes of it; None for what it refuses."""
    try:
        return schema.load(content)
    except ValidationError:
        return None


@given(
    st.dictionaries(st.sampled_from([*HEADER, "more"]), ODD, max_size=3),
    st.sets(st.sampled_from(sorted(HEADER)), max_size=1),
    st.dictionaries(st.sampled_from(sorted(RECORD)), ODD, max_size=1),
)
def test_a_header_is_read_as_the_schema_reads_it(
    odd: dict[str, Any], gone: set[str], record: dict[str, Any]
) -> None:
    header = {**HEADER, "records": [RECORD, {**RECORD, **record}], **odd}
    header = {name: value for name, value in header.items() if name not in gone}
    short = plain_header(header)
    assert short is None or short == loaded(SyncHeaderSchema(), header)


@given(st.dictionaries(st.sampled_from([*RECORD, "more"]), ODD, max_size=2))
def test_a_record_is_read_as_the_schema_reads_it(odd: dict[str, Any]) -> None:
    record = {**RECORD, **odd}
    short = plain_guest(record)
    assert short is None or short == loaded(GuestSchema(), record)


def test_what_stations_send_goes_the_short_way() -> None:
    poll = {name: HEADER[name] for name in ("v", "journal_id", "cursor", "boot_id", "mono_ns")}
    for header in (HEADER, poll, {**HEADER, "cursor": None, "first_seq": None}):
        assert plain_header(header) == SyncHeaderSchema().load(header)
    assert isinstance(plain_guest({**RECORD, "phone": None}), Guest)
