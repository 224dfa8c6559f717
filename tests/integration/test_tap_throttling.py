"""Whoever fails too often with tapped links is not listened to for a while."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.app import Services
from server.models import TapFailureRow
from tests.claim_cards import OTHER_UID, ClaimCard, count_of, enrolled, receive_with
from tests.phone_tap import query, refused, tap
from tests.visit_story import Story

pytest_plugins = ("tests.driver_stage",)


@pytest.fixture
def card(story: Story) -> ClaimCard:
    """A secure claim card that the district knows."""
    card = ClaimCard(story.key)
    enrolled(story, card)
    return card


def throttled(app: Flask, story: Story, **limits: int) -> None:
    """Let the application have these limits."""
    found = app.extensions["valet"]
    assert isinstance(found, Services)
    config = replace(story.config, **limits)  # type: ignore[arg-type]
    app.extensions["valet"] = replace(found, config=config)


def test_an_address_that_fails_too_often_is_not_listened_to_for_a_while(
    story: Story, app: Flask, card: ClaimCard
) -> None:
    throttled(app, story, tap_failures_per_address=3)
    receive_with(story, card)
    for _ in range(3):
        assert refused(tap(app.test_client(), "https://valet.test/t?picc_data=00&cmac=00"))

    good = card.read()
    assert refused(tap(app.test_client(), good))
    assert count_of(story, card) is None
    elsewhere = app.test_client().post(
        "/t/tap", data={"said": query(good)}, environ_base={"REMOTE_ADDR": "2001:db8::7"}
    )
    assert elsewhere.status_code == 303
    story.wait(minutes=11)
    assert tap(app.test_client(), card.read()).status_code == 303


def test_a_card_that_is_guessed_at_is_not_listened_to_wherever_it_comes_from(
    story: Story, app: Flask, card: ClaimCard
) -> None:
    throttled(app, story, tap_failures_per_card=3)
    receive_with(story, card)
    picc = card.read().partition("&")[0]
    for number in range(3):
        guess = f"{picc}&cmac={number:016X}"
        answer = app.test_client().post(
            "/t/tap",
            data={"said": query(guess)},
            environ_base={"REMOTE_ADDR": f"203.0.113.{number}"},
        )
        assert refused(answer)

    assert refused(tap(app.test_client(), card.read()))
    other = ClaimCard(story.key, OTHER_UID)
    enrolled(story, other, "C901")
    receive_with(story, other, "francia")
    assert tap(app.test_client(), other.read()).status_code == 303


def test_neighbours_of_one_ipv6_network_count_as_one(
    story: Story, app: Flask, card: ClaimCard
) -> None:
    for host in ("2001:db8:1::1", "2001:db8:1::2", "2001:db8:2::1"):
        app.test_client().post("/t/tap", data={}, environ_base={"REMOTE_ADDR": host})

    def read(session: Session) -> list[tuple[str, int]]:
        rows = session.scalars(select(TapFailureRow)).all()
        return sorted((row.key, row.failures) for row in rows)

    kept = story.database.read(read)
    assert sorted(failures for _, failures in kept) == [1, 2]
    assert "2001" not in str(kept)
