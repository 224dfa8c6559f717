"""The short ways into a station say nothing that the schemas would not say."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from reader_agent.plain_answer import plain_answer
from reader_agent.terms import TermsSchema, _plain_terms
from schemas.states import MOVE_KINDS
from schemas.sync import CHANGE_KINDS, VERDICTS, SyncAnswerSchema

_ANSWER = SyncAnswerSchema()
_TERMS = TermsSchema()

texts = st.text(max_size=8)
maybe_texts = st.none() | texts
numbers = st.integers(-5, 2**60)
times = st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.isoformat()
)
odd = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.floats(allow_nan=False),
    st.sampled_from(["", "7", "x", "2026-11-21", "2026-11-21T01:02:03", "20261121T010203Z"]),
    st.sampled_from(["true", "on", "held", "event", "ab", "ab\n", "AB", "abc", "2026-W47-1"]),
    st.just([]),
    st.just([1]),
    st.just({}),
    st.just({"kind": "event"}),
)

good_answers = st.fixed_dictionaries(
    {
        "ack_seq": numbers,
        "verdicts": st.lists(
            st.fixed_dictionaries(
                {
                    "seq": st.none() | numbers,
                    "id": maybe_texts,
                    "verdict": st.sampled_from(VERDICTS),
                    "code": maybe_texts,
                    "detail": maybe_texts,
                }
            ),
            max_size=2,
        ),
        "gap": st.none(),
        "chain_broken_at": st.none() | numbers,
        "from_cursor": st.none() | numbers,
        "cursor": st.none() | numbers,
        "changes": st.lists(
            st.fixed_dictionaries(
                {
                    "kind": st.sampled_from(CHANGE_KINDS),
                    "id": texts,
                    "body": st.dictionaries(texts, odd, max_size=2),
                }
            ),
            max_size=2,
        ),
        "more": st.booleans(),
        "alarm": maybe_texts,
        "public_url": maybe_texts,
        "server_time": times,
    }
)
good_terms = st.fixed_dictionaries(
    {
        "visit_id": texts,
        "is_open": st.booleans(),
        "plate": maybe_texts,
        "has_phone": st.booleans(),
        "code_key": st.none() | st.binary(min_size=1, max_size=8).map(bytes.hex),
        "promise": st.none()
        | st.fixed_dictionaries({"ready_from": times, "ready_by": times, "booth_id": texts}),
        "move": st.none()
        | st.fixed_dictionaries(
            {
                "kind": st.sampled_from(MOVE_KINDS),
                "from_place_id": texts,
                "to_place_id": texts,
                "runner_id": maybe_texts,
                "why": maybe_texts,
                "why_place_id": maybe_texts,
                "to_stall": maybe_texts,
            }
        ),
        "tag_shared": st.booleans(),
        "link": st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,64}\Z", fullmatch=True),
    }
)


@st.composite
def spoilt(draw: st.DrawFn, good: st.SearchStrategy[dict[str, Any]]) -> Any:
    """A good one with something of it changed, taken out or put in, at any depth."""
    whole = copy.deepcopy(draw(good))
    part: Any = whole
    key: Any = None
    while isinstance(part, dict | list) and part:
        key = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        if not isinstance(part[key], dict | list) or not part[key] or draw(st.booleans()):
            break
        part = part[key]
    if not part:
        return draw(odd)
    change = draw(st.sampled_from(["change", "drop", "add"]))
    if change == "add" and isinstance(part, dict):
        part[draw(texts)] = draw(odd)
    elif change == "drop":
        del part[key]
    else:
        part[key] = draw(odd)
    return whole


def by_schema(schema: Any, said: Any) -> Any:
    """What the schema makes of it; None where it refuses."""
    try:
        return schema.load(copy.deepcopy(said))
    except ValidationError:
        return None


def is_same(one: Any, other: Any) -> bool:
    """Equal is not enough for a number that is a truth."""
    return json.dumps(one, sort_keys=True, default=repr) == json.dumps(
        other, sort_keys=True, default=repr
    )


@given(good_answers)
def test_what_a_good_cloud_answers_is_plain(said: dict[str, Any]) -> None:
    assert plain_answer(json.loads(json.dumps(said))) == by_schema(_ANSWER, said)


@given(spoilt(good_answers))
def test_a_plain_answer_is_what_the_schema_makes_of_it(said: Any) -> None:
    plain = plain_answer(said)
    assert plain is None or is_same(plain, by_schema(_ANSWER, said))


@given(good_terms)
def test_the_terms_that_a_good_cloud_sends_are_plain(said: dict[str, Any]) -> None:
    assert _plain_terms(said) is not None


@given(spoilt(good_terms))
def test_plain_terms_are_what_the_schema_makes_of_them(said: Any) -> None:
    plain = _plain_terms(said) if isinstance(said, dict) else None
    if plain is None:
        return
    loaded = by_schema(_TERMS, said)
    for name in ("ready_from", "ready_by"):
        if loaded["promise"]:
            loaded["promise"][name] = loaded["promise"][name].isoformat()
    assert is_same(plain, loaded)


@pytest.mark.parametrize("said", [None, [], 3, {}, {"ack_seq": 1}])
def test_what_is_no_answer_at_all_is_left_to_the_schema(said: Any) -> None:
    assert plain_answer(said) is None
