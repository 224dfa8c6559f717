"""Whoever has no account: every address and every form of theirs answers, and never with a fault.

The driver's pages by their own OpenAPI document, the other routes by their rules alone.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import schemathesis
from flask import Flask, url_for
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis import Case
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance
from structlog.testing import capture_logs

from server import links, workers
from server.driver.blueprint import TAP_COOKIE
from server.driver.description import FORMS
from server.models import LinkRow
from tests.visit_story import Story, StoryVisit

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")


pytest_plugins = ("tests.driver_stage",)
load_all_checks()

DOCUMENT = "/t/openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
STEADY = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
ODD = ("x", "card", "\0", "\ud7ff", "..", "0" * 64, "é" * 300)


def tapped(story: Story, visit: StoryVisit) -> str:
    """The cookie of somebody who has tapped the visit's claim card."""
    now = story.now
    return story.database.write(lambda session: links.open_tap(session, visit.id, now, 3600))


def tokens_of(story: Story, driver: FlaskClient) -> list[str]:
    """A link while the car is there, one after it, one that was shared, a card's, and none."""
    begun, over = story.receive("herrera"), story.receive("bolivar")
    over.request("bolivar").ready().hand_over()
    own = [links.token_of(story.key, visit.id) for visit in (begun, over)]
    driver.post(f"/t/{own[0]}/share", data={"may_fetch": "1"})
    row = story.database.read(lambda session: links.shared_link(session, begun.id))
    assert isinstance(row, LinkRow)
    assert row.share_nonce is not None
    return [*own, links.shared_token(story.key, begun.id, row.share_nonce), "card", "unknown"]


def test_the_document_is_valid_and_names_every_form(driver: FlaskClient, app: Flask) -> None:
    document = driver.get(DOCUMENT).get_json()
    validate(document, cls=OpenAPIV31SpecValidator)

    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("driver.")]
    paths = {rule.rule.replace("<", "{").replace(">", "}") for rule in rules}
    assert set(document["paths"]) == paths
    assert set(FORMS) == {rule.endpoint for rule in rules if "POST" in (rule.methods or ())}


def test_no_address_and_no_form_of_a_driver_is_a_fault_of_ours(
    story: Story, app: Flask, driver: FlaskClient
) -> None:
    tokens = tokens_of(story, driver)
    cookies = {TAP_COOKIE: tapped(story, story.visits[0])}
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, app)
    words = st.sampled_from(ODD) | st.sampled_from(["now", "later", "23:30", "bolivar", "1", "es"])

    tried = set()
    for operation in schema.get_all_operations():
        assert isinstance(operation, Ok)
        call = operation.ok()
        tried.add((call.path, call.method))

        @STEADY
        @given(case=call.as_strategy(), token=st.sampled_from(tokens), data=st.data())
        def ask(case: Case[Any], token: str, data: st.DataObject) -> None:
            if "token" in case.path_parameters:
                case.path_parameters["token"] = token
            if (
                isinstance(case.body, dict)
                and "photo" not in case.body
                and data.draw(st.booleans())
            ):
                case.body |= {name: data.draw(words) for name in case.body}
            response = case.call(cookies=cookies)
            case.validate_response(response, checks=CHECKS)

        with capture_logs():
            ask()
    paths = driver.get(DOCUMENT).get_json()["paths"]
    described = {(path, method) for path, operations in paths.items() for method in operations}
    assert tried == described - {(DOCUMENT, "get")}


def test_a_form_with_odd_words_in_every_field_is_no_fault_of_ours(
    story: Story, driver: FlaskClient
) -> None:
    token = links.token_of(story.key, story.receive("herrera").id)
    for (endpoint, fields), odd in product(FORMS.items(), ODD):
        path = url_of(driver.application, endpoint, token)
        answer = driver.post(path, data=dict.fromkeys(fields, odd))
        assert answer.status_code < 500, (endpoint, odd)


def url_of(app: Flask, endpoint: str, token: str) -> str:
    """The address of a form; of one without a token it is always the same."""
    with app.test_request_context():
        return url_for(endpoint, token=token)


def test_nobody_without_an_account_finds_a_fault_anywhere(story: Story, app: Flask) -> None:
    client, faults = app.test_client(), []
    # Without one, `/readyz` says so.
    story.database.note(lambda session: workers.beat(session, "1-a", story.now))
    with capture_logs():
        for rule, method in product(app.url_map.iter_rules(), ("GET", "POST")):
            if method not in (rule.methods or ()):
                continue
            for odd in ("x", "\0"):
                built = rule.build(dict.fromkeys(rule.arguments, odd))
                form = dict.fromkeys(("name", "password", "said", "back"), odd)
                path = rule.rule if built is None else built[1]
                answer = client.open(path, method=method, data=form)
                if answer.status_code >= 500:
                    faults.append((rule.rule, odd, answer.status_code))
    assert faults == []
