"""The read API: every noun, page by page, for people who are signed in; never a phone number."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from schemas import states
from schemas.chain import unseal
from tests.manager_evening import Evening
from tests.visit_story import MANAGER

pytest_plugins = ("tests.manager_stage",)

LISTS = (
    "visits",
    "moves",
    "requests",
    "promises",
    "places",
    "people",
    "tags",
    "stations",
    "messages",
)


def get(client: FlaskClient, path: str) -> dict[str, Any]:
    """The JSON body of an answer that must be good."""
    answer = client.get(f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert isinstance(body, dict)
    return body


def everything(client: FlaskClient, noun: str, limit: int) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items: list[dict[str, Any]] = []
    after = ""
    for _ in range(200):
        page = get(client, f"{noun}?limit={limit}{after}")
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next"] is None:
            return items
        after = f"&after={page['next']}"
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("path", [*LISTS, "events", "visits/x", "visits/x/events"])
def test_nobody_reads_without_signing_in(shown: Evening, path: str) -> None:
    answer = shown.app.test_client().get(f"/v1/{path}")

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == "not_signed_in"


def test_signing_out_ends_the_api_too(client: FlaskClient) -> None:
    get(client, "visits")

    client.post("/manage/sign-out")

    assert client.get("/v1/visits").status_code == 401


@pytest.mark.parametrize("noun", LISTS)
def test_pages_of_any_size_give_the_same_list(looking: FlaskClient, noun: str) -> None:
    whole = everything(looking, noun, 200)

    assert whole
    assert everything(looking, noun, 3) == whole
    assert len({json.dumps(item, sort_keys=True) for item in whole}) == len(whole)


@pytest.mark.parametrize("noun", [*LISTS, "events"])
def test_times_have_an_offset_and_nothing_looks_like_a_phone(
    looking: FlaskClient, noun: str
) -> None:
    answer = looking.get(f"/v1/{noun}?limit=200")

    times = re.findall(r'"(?:\w+_at|ready_from|ready_by|at)": ?"([^"]*)"', answer.text)
    for time in times:
        assert datetime.fromisoformat(time).utcoffset() is not None, time
    assert "61234567" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_visits_are_filtered_by_the_state_that_people_see(
    shown: Evening, looking: FlaskClient
) -> None:
    def codes(query: str) -> set[str]:
        return {visit["code"] for visit in get(looking, f"visits?{query}")["items"]}

    held = {shown.held.code, *(visit.code for visit in shown.twins)}
    assert codes("state=held") == held
    assert codes("state=at_booth") == set()
    assert codes("state=requested") == {shown.late.code}
    assert codes("open=false") == {visit.code for visit in shown.whole}
    assert codes("open=true") == held | {shown.late.code, shown.parked.code}
    assert codes("booth=bolivar&open=true") == {shown.late.code}


def test_one_visit_has_its_plate_and_its_events(shown: Evening, looking: FlaskClient) -> None:
    visit = get(looking, f"visits/{shown.held.id}")
    facts = get(looking, f"visits/{shown.held.id}/events")["items"]

    assert visit["plate"] == "EF9012"
    assert visit["state"] == states.HELD
    assert visit["car"] == states.PARKED
    assert [conflict["reason"] for conflict in visit["conflicts"]] == [
        "visit_handed_over_when_parked"
    ]
    assert {fact["event"]["id"] for fact in facts} >= {visit["conflicts"][0]["event_id"]}
    assert len(facts) == 4


def test_a_list_of_visits_has_no_plates(looking: FlaskClient) -> None:
    assert "EF9012" not in looking.get("/v1/visits").text


def test_the_moves_of_a_visit_are_in_their_order(shown: Evening, looking: FlaskClient) -> None:
    moves = get(looking, f"moves?visit={shown.whole[0].id}")["items"]

    assert [(move["ordinal"], move["kind"], move["state"]) for move in moves] == [
        (1, "park", "done"),
        (2, "retrieve", "done"),
    ]


def test_requests_promises_and_messages_can_be_asked_for_by_visit(
    shown: Evening, looking: FlaskClient
) -> None:
    requests = get(looking, f"requests?visit={shown.late.id}&status=open")["items"]
    promises = get(looking, f"promises?visit={shown.late.id}")["items"]
    messages = get(looking, f"messages?visit={shown.late.id}")["items"]

    assert [request["booth_id"] for request in requests] == ["francia"]
    assert {promise["request_id"] for promise in promises} == {requests[0]["id"]}
    assert "delayed" in {message["template"] for message in messages}
    assert get(looking, "messages?status=unknown")["items"][0]["visit_id"] == shown.parked.id


def test_events_by_position_come_once_each_and_whole(looking: FlaskClient) -> None:
    whole = get(looking, "events?limit=200")["items"]
    pieces, after, more = [], 0, True
    while more:
        page = get(looking, f"events?limit=2&after={after}")
        pieces += page["items"]
        after, more = page["next"], page["more"]

    assert pieces == whole
    assert len({item["event"]["id"] for item in whole}) == len(whole)
    assert get(looking, f"events?after={after}") == {"items": [], "next": after, "more": False}


def test_an_event_can_be_checked_against_its_hash(looking: FlaskClient) -> None:
    for item in get(looking, "events?limit=200")["items"]:
        event = dict(item["event"])
        digest = event.pop("hash")
        line = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert unseal(f'{line[:-1]},"hash":"{digest}"}}'.encode())[1] == digest


def test_stations_say_what_they_hold_back(looking: FlaskClient) -> None:
    stations = {row["id"]: row for row in get(looking, "stations")["items"]}

    assert stations["station-francia"]["depth"] == 3
    assert "public_key" not in stations["station-francia"]


def test_people_and_tags_are_as_they_were_enrolled(looking: FlaskClient) -> None:
    people = {person["id"]: person for person in get(looking, "people")["items"]}

    assert people[MANAGER]["roles"] == ["manager"]
    tags = get(looking, "tags?kind=claim")["items"]
    assert {tag["kind"] for tag in tags} == {"claim"}
    assert {(tag["status"], tag["secure"]) for tag in tags} == {("active", False)}
    assert get(looking, "tags?status=lost")["items"] == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("visits?limit=0", 422, "bad_query"),
        ("visits?limit=abc", 422, "bad_query"),
        ("visits?state=flying", 422, "bad_query"),
        ("visits?after=%00", 400, "bad_request"),
        ("visits?after=a'b", 422, "bad_query"),
        ("moves?after=x", 422, "bad_query"),
        ("moves?after=x:99999999", 422, "bad_query"),
        ("events?after=-1", 422, "bad_query"),
        ("events?after=99999999999999999999", 422, "bad_query"),
        ("visits/nothing", 404, "unknown_visit"),
        ("visits/nothing/events", 404, "unknown_visit"),
        ("visits/%00", 400, "bad_request"),
        ("nothing", 404, "not_found"),
    ],
)
def test_a_bad_question_gets_a_problem(
    looking: FlaskClient, path: str, status: int, code: str
) -> None:
    answer = looking.get(f"/v1/{path}")

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    body = answer.get_json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["type"] == f"urn:valet:problem:{code}"
    if code == "bad_query":
        assert "query" in body["errors"]


def test_another_method_is_refused_and_the_allowed_ones_named(looking: FlaskClient) -> None:
    answer = looking.delete("/v1/visits")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.mimetype == "application/problem+json"


def test_a_page_is_never_longer_than_the_configuration_allows(
    evening: Evening, client: FlaskClient
) -> None:
    limit = evening.story.config.page_rows

    assert len(get(client, "tags?limit=1000")["items"]) <= limit
