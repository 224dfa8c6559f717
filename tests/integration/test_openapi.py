"""The OpenAPI document: valid, complete, and true of what the application answers."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis import Case
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core import NotSet
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from structlog.testing import capture_logs

from schemas import events
from schemas.chain import genesis, seal
from schemas.signing import new_private_key, public_key_of, sign
from schemas.sync import CONTENT_TYPE
from server import clock
from server.models import StationRow
from tests.manager_evening import Evening
from tests.visit_story import EVENING, steady_uuid

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")

pytest_plugins = ("tests.manager_stage",)
load_all_checks()

STATION = "station-bolivar"
NOUNS = (
    "/v1/visits",
    "/v1/visits/{visit_id}",
    "/v1/visits/{visit_id}/events",
    "/v1/moves",
    "/v1/requests",
    "/v1/promises",
    "/v1/places",
    "/v1/people",
    "/v1/tags",
    "/v1/stations",
    "/v1/messages",
    "/v1/events",
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# The same examples on every run, and few enough for both databases in well under a minute.
STEADY = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def document(client: FlaskClient) -> dict[str, Any]:
    """The document as it is served."""
    body = client.get("/v1/openapi.json").get_json()
    assert isinstance(body, dict)
    return body


def test_the_document_is_valid_openapi_3_1(looking: FlaskClient) -> None:
    body = document(looking)

    assert body["openapi"].startswith("3.1")
    validate(body, cls=OpenAPIV31SpecValidator)


def test_every_route_of_the_api_is_in_the_document(shown: Evening, looking: FlaskClient) -> None:
    served = {
        rule.rule.replace("<uuid:", "<").replace("<", "{").replace(">", "}")
        for rule in shown.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/") and rule.rule != "/v1/openapi.json"
    }

    assert served == {path for path in document(looking)["paths"] if path.startswith("/v1/")}
    enrolment = {"/v1/stations/enroll", "/v1/stations/key"}
    photos = {
        "/v1/photos",
        "/v1/photos/{sha256}/stored",
        "/v1/photos/{visit_id}/{sha256}",
    }
    rest = {"/v1/sync", "/v1/cards/keys", "/v1/pins", "/v1/ledger/roots"}
    assert served == {*NOUNS, *enrolment, *photos, *rest}


def test_every_answer_has_a_schema_and_every_problem_its_form(looking: FlaskClient) -> None:
    body = document(looking)

    for path in NOUNS:
        responses = body["paths"][path]["get"]["responses"]
        assert "$ref" in responses["200"]["content"]["application/json"]["schema"], path
        assert set(responses) >= {"200", "401", "default"}, path
        for status in set(responses) - {"200", "default"}:
            assert list(responses[status]["content"]) == ["application/problem+json"], path
        assert body["paths"][path]["get"]["security"] == [{"session": []}]


def test_sync_is_described_with_its_lines_and_problems(looking: FlaskClient) -> None:
    body = document(looking)
    sync = body["paths"]["/v1/sync"]["post"]

    assert list(sync["requestBody"]["content"]) == [CONTENT_TYPE]
    assert {"SyncHeader", "Envelope"} <= set(body["components"]["schemas"])
    for status in ("400", "401", "403", "413"):
        content = sync["responses"][status]["content"]
        assert content["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
    assert sync["security"] == [{"station": []}]


def test_the_keys_of_a_card_are_described_for_stations_only(looking: FlaskClient) -> None:
    keys = document(looking)["paths"]["/v1/cards/keys"]["post"]

    assert keys["security"] == [{"station": []}]
    assert set(keys["responses"]) >= {"200", "400", "401", "403", "422", "429"}
    answer = keys["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert answer.endswith("/CardKeys")


def test_enumerations_have_a_type(looking: FlaskClient) -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "enum" in node and isinstance(node["enum"], list):
                assert "type" in node, node
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(document(looking))


@pytest.mark.parametrize("path", NOUNS)
def test_any_question_gets_an_answer_that_the_document_describes(
    shown: Evening, looking: FlaskClient, path: str
) -> None:
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", shown.app)
    cookie = looking.get_cookie("valet")
    assert cookie is not None
    operation = schema[path]["GET"]

    @STEADY
    @given(case=operation.as_strategy())
    def ask(case: Case[Any]) -> None:
        response = case.call(cookies={"valet": cookie.value})
        case.validate_response(response, checks=CHECKS)

    ask()


TEXTS = st.text(max_size=40) | st.sampled_from(["\0", "\ud800", "herrera", "x" * 200])
NUMBERS = st.integers() | st.sampled_from([0, 1, 2**53, 2**63, 2**70, -1])
VALUES = st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(NUMBERS, max_size=2)
HEADER: dict[str, object] = {
    "v": 1,
    "journal_id": steady_uuid("openapi", "journal"),
    "cursor": 0,
    "boot_id": "boot",
    "mono_ns": 5,
    "wait_s": 0,
    "depth": 0,
    "version": "1",
    "records": [],
}


def changed(original: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The original with up to three members replaced or left out."""
    members = st.dictionaries(st.sampled_from(sorted(original)), VALUES, max_size=3)
    without = st.sets(st.sampled_from(sorted(original)), max_size=1)
    return st.builds(
        lambda more, less: {k: v for k, v in {**original, **more}.items() if k not in less},
        members,
        without,
    )


def event_body(journal_id: str) -> dict[str, Any]:
    """A shift that begins, as the first event of a journal."""
    return {
        "v": 1,
        "id": steady_uuid("openapi", "event"),
        "type": events.SHIFT_SIGNED_ON,
        "seq": 1,
        "prev": genesis(journal_id),
        "boot_id": "boot",
        "mono_ns": 1,
        "wall": EVENING.isoformat(),
        "wall_synced": True,
        "actor": "ana",
        "place_id": "bolivar",
        "visit_id": None,
        "step": 0,
        "data": {},
    }


def as_line(body: dict[str, Any]) -> bytes:
    """A body sealed, or as plain JSON where it cannot be."""
    try:
        return seal(body)[0]
    except ValueError:
        return json.dumps(body).encode()


LINES = changed(event_body(str(HEADER["journal_id"]))).map(as_line) | st.binary(max_size=60)
BODIES = st.builds(
    lambda header, lines: b"\n".join([json.dumps(header).encode(), *lines]),
    changed(HEADER),
    st.lists(LINES, max_size=3),
)


@pytest.fixture
def station_key(shown: Evening) -> bytes:
    """The private key of a station that the cloud knows."""
    key = new_private_key()

    def enrol(station: StationRow | None) -> None:
        assert station is not None
        station.public_key = public_key_of(key).hex()

    shown.database.write(lambda session: enrol(session.get(StationRow, STATION)))
    return key


def send(client: FlaskClient, key: bytes, body: bytes, **headers: str) -> Any:
    """One signed sync request."""
    signed = sign(key, STATION, "POST", "/v1/sync", body, int(clock.now().timestamp()))
    return client.post(
        "/v1/sync", data=body, headers={**signed, **headers}, content_type=CONTENT_TYPE
    )


def test_a_bad_sync_body_never_breaks_the_cloud(shown: Evening, station_key: bytes) -> None:
    client = shown.app.test_client()

    @settings(STEADY, max_examples=150)
    @given(body=BODIES | st.binary(max_size=200))
    def ask(body: bytes) -> None:
        answer = send(client, station_key, body)
        assert answer.status_code in (200, 400, 413, 422), answer.text
        if answer.status_code != 200:
            assert answer.mimetype == "application/problem+json"
            assert answer.get_json()["status"] == answer.status_code

    ask()


def test_whatever_a_station_or_a_stranger_sends_is_answered_as_the_document_says(
    shown: Evening, station_key: bytes
) -> None:
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", shown.app)
    client, tried = shown.app.test_client(), set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        call = found.ok()
        if call.path in NOUNS or call.path == "/v1/sync" or not call.path.startswith("/v1/"):
            continue
        tried.add(call.path)

        @settings(STEADY, max_examples=2)
        @given(case=call.as_strategy(), is_signed=st.booleans())
        def ask(case: Case[Any], is_signed: bool) -> None:
            body = b"" if isinstance(case.body, NotSet) else _as_bytes(case.body)
            path, now_s = case.formatted_path, int(clock.now().timestamp())
            signed = sign(station_key, STATION, case.method, path, body, now_s)
            answer = client.open(
                path,
                method=case.method,
                data=body,
                headers=signed if is_signed else {},
                content_type=case.media_type or "application/json",
            )
            assert answer.status_code < 500, answer.text
            documented = case.operation.definition.raw["responses"]
            assert str(answer.status_code) in documented or "default" in documented
            if answer.status_code >= 400:
                assert answer.mimetype == "application/problem+json"

        with capture_logs():
            ask()
    assert len(tried) >= 6


def _as_bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, default=repr).encode()


@pytest.mark.parametrize("body", [b"", b"\x1f\x8b", gzip.compress(b"{}", mtime=0)[:-4], b"plain"])
def test_a_body_that_only_claims_to_be_gzip_is_a_problem(
    shown: Evening, station_key: bytes, body: bytes
) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = send(shown.app.test_client(), station_key, body, **headers)

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"


def test_a_body_without_a_signature_is_a_problem(shown: Evening) -> None:
    answer = shown.app.test_client().post("/v1/sync", data=b"{}")

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == "unknown_station"
