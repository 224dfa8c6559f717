"""Looking changes nothing: every GET route of the cloud, with every table dumped before and after.

Messengers and phones open links before anybody asks them to.
"""

from __future__ import annotations

from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from server import links
from server.driver.blueprint import TAP_COOKIE
from server.models import LinkRow
from tests.driver_phone import ask, dump, link
from tests.visit_story import Story, StoryVisit

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")


pytest_plugins = ("tests.driver_stage",)

PHOTO = "0" * 64
QUERIES = ("", "?lang=xx&booth_id=bolivar&when=now&sure=1&stars=5&may_fetch=1")


def paths_of(rule: Rule, values: dict[str, tuple[str, ...]]) -> list[str]:
    """The addresses of a route with all these values in its places."""
    names = sorted(rule.arguments)
    chosen = product(*(values.get(name, ("nothing",)) for name in names))
    built = (rule.build(dict(zip(names, one, strict=True))) for one in chosen)
    return [path for found in built if found is not None for path in [found[1]]]


def test_no_get_of_any_route_changes_a_row(story: Story, app: Flask, driver: FlaskClient) -> None:
    visits = open_visit, over = story.receive("herrera"), story.receive("bolivar")
    ask(driver, open_visit)
    driver.post(link(open_visit, "/share"), data={"may_fetch": "1"})
    over.request("bolivar").ready().hand_over()
    driver.set_cookie(TAP_COOKIE, tapped(story, open_visit))
    story.wait(minutes=20)
    tokens = tuple(links.token_of(story.key, visit.id) for visit in visits)
    values = {
        "token": (*tokens, shared_token(story, open_visit), "card", "unknown"),
        "sha256": (PHOTO,),
        "visit_id": tuple(visit.id for visit in visits),
    }
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    rules.sort(key=lambda rule: rule.endpoint.startswith("driver."))
    assert {rule.endpoint for rule in rules} >= {"driver.show", "driver.data", "driver.custody"}
    before = dump(story.database)
    for rule in rules:
        for path in paths_of(rule, values):
            queries = QUERIES if rule.endpoint.startswith("driver.") else ("",)
            for query in queries:
                driver.get(path + query, headers={"If-None-Match": '"x"'})
        # A dump takes as long as many looks: one for each page of a driver's, one for the rest.
        if rule.endpoint.startswith("driver."):
            assert dump(story.database) == before, rule.rule
    assert dump(story.database) == before


def tapped(story: Story, visit: StoryVisit) -> str:
    """The cookie of somebody who has tapped the visit's claim card."""
    now = story.now
    return story.database.write(lambda session: links.open_tap(session, visit.id, now, 3600))


def shared_token(story: Story, visit: StoryVisit) -> str:
    row = story.database.read(lambda session: links.shared_link(session, visit.id))
    assert isinstance(row, LinkRow)
    assert row.share_nonce is not None
    return links.shared_token(story.key, visit.id, row.share_nonce)
