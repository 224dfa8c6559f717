"""`GET /metrics`: who may look, and that every process shows the figures of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Update, update
from sqlalchemy.orm import Session

from server import links, planner_searches, workers
from server.app import create_app
from server.config import Config
from server.dispatch.planner_state import LATE
from server.models import MessageRow, PlannerStateRow, StationRow
from server.outbox import SENT, UNKNOWN
from server.worker import note_search, replan_district
from tests.visit_story import Story, settings

pytest_plugins = ("tests.driver_stage",)

TOKEN = "a-token-that-nobody-guesses"
PHONE = "+50761234567"
Labels = dict[str, str]


class Scraped:
    """What one scrape has shown."""

    def __init__(self, client: FlaskClient) -> None:
        answer = client.get("/metrics")
        assert answer.status_code == 200, answer.text
        self.text = answer.get_data(as_text=True)
        self.samples = [
            sample
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        ]

    def __call__(self, name: str, **labels: str) -> float:
        """The one sample of this name with at least these labels."""
        (found,) = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return found

    def of_district(self) -> list[tuple[str, Labels, float]]:
        """All samples that are not of one process alone."""
        return [
            (sample.name, sample.labels, sample.value)
            for sample in self.samples
            if sample.name.startswith("valet_")
            and not sample.name.startswith(("valet_http_", "valet_verdicts_"))
        ]

    def has(self, name: str) -> bool:
        """Whether there is any sample of this name."""
        return any(sample.name == name for sample in self.samples)


def execute(statement: Update, session: Session) -> None:
    """Change rows behind the cloud's back."""
    session.execute(statement)


@contextmanager
def serving(config: Config) -> Iterator[FlaskClient]:
    """Another process of the cloud, as far as metrics go."""
    app = create_app(config)
    yield app.test_client()
    app.extensions["valet"].database.close()


def as_from(client: FlaskClient, address: str, **headers: str) -> int:
    """The status of a scrape from there."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = {"REMOTE_ADDR": address}
    return client.get("/metrics", headers=named, environ_overrides=environ).status_code


def test_the_district_s_figures_come_from_the_database_and_every_process_says_the_same(
    story: Story, driver: FlaskClient
) -> None:
    story.receive("herrera", phone=PHONE)
    other = story.receive("bolivar", phone=None)
    other.take("lote-norte").park().request("bolivar")
    story.wait(minutes=4)

    seen = Scraped(driver)
    assert seen("valet_database_up") == 1
    sent = {place: journal.seq for place, journal in story.journals.items() if journal.seq}
    for place, count in sent.items():
        assert seen("valet_events_total", station=f"station-{place}") == count
    assert seen("valet_visits", state="at_booth") == 1
    assert seen("valet_visits", state="requested") == 1
    assert seen("valet_station_sync_lag_seconds", station="station-herrera") >= 240
    assert seen("valet_station_waiting_events", station="station-herrera") == 0
    assert seen("valet_station_cloned", station="station-herrera") == 0
    assert seen("valet_queue_length", queue="outbox") == 1
    assert seen("valet_queue_oldest_seconds", queue="outbox") == pytest.approx(240, abs=60)
    assert seen("valet_queue_length", queue="moves") == 2
    assert seen("valet_queue_length", queue="photos") == 0
    assert seen("valet_queue_oldest_seconds", queue="photos") == 0
    assert seen("valet_messages", status="queued") == 1
    assert seen("valet_lines_refused_total") == 0

    with serving(story.config) as second:
        again = Scraped(second)
    assert again.of_district() == seen.of_district()
    assert len(seen.of_district()) > 40


def test_what_became_of_texts_is_counted_and_what_nobody_knows_waits_for_a_person(
    story: Story, driver: FlaskClient
) -> None:
    for place, status in (("herrera", SENT), ("bolivar", UNKNOWN)):
        visit = story.receive(place, phone=PHONE)
        ended = update(MessageRow).where(MessageRow.visit_id == visit.id).values(status=status)
        story.database.write(partial(execute, ended))
    story.wait(minutes=20)

    seen = Scraped(driver)
    assert [seen("valet_messages", status=each) for each in (SENT, UNKNOWN, "failed")] == [1, 1, 0]
    assert seen("valet_queue_length", queue="undecided") == 1
    assert seen("valet_queue_oldest_seconds", queue="undecided") >= 1200
    assert seen("valet_queue_length", queue="outbox") == 0


def test_a_car_that_is_booked_for_later_is_not_late(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park()
    before = Scraped(driver)("valet_queue_length", queue="moves")
    visit.request("bolivar", wanted_at=story.now + timedelta(hours=2))
    booked = Scraped(driver)("valet_queue_length", queue="moves")
    story.wait(minutes=125)
    assert (before, booked) == (0, 0)
    assert Scraped(driver)("valet_queue_length", queue="moves") == 1


def test_promises_that_were_kept_and_broken_are_counted(story: Story, driver: FlaskClient) -> None:
    for minutes in (3, 90):
        visit = story.receive("herrera")
        visit.take("lote-norte").park()
        story.wait(minutes=5)
        visit.request("bolivar").take("bolivar", move="retrieve")
        story.wait(minutes=minutes)
        visit.ready("bolivar")
        if minutes == 3:
            assert Scraped(driver)("valet_promise_coverage_ratio", kind="soon") == 1

    seen = Scraped(driver)
    assert seen("valet_promises_judged", kind="soon") == 2
    assert seen("valet_promise_coverage_ratio", kind="soon") == 0.5
    assert seen("valet_promise_coverage_aim_ratio") == story.config.promise_kept_percent / 100
    story.wait(minutes=25 * 60)
    later = Scraped(driver)
    assert later("valet_promises_judged", kind="soon") == 0
    assert not later.has("valet_promise_coverage_ratio")


def test_searches_of_all_workers_are_one_histogram(story: Story, driver: FlaskClient) -> None:
    story.receive("herrera")
    note = note_search(story.database)
    replan_district(story.database, story.config, story.now, timed=note)
    assert Scraped(driver)("valet_planner_search_seconds_count") == 1
    before = Scraped(driver)("valet_planner_cost_minutes_total", plan="baseline")
    note(None, 0.030, cost=12.5, baseline_cost=20.25)
    note(LATE, 2.5)
    note(None, 60.0)

    seen = Scraped(driver)
    name = "valet_planner_search_seconds_bucket"
    bounds = [*(str(ms / 1000) for ms in planner_searches.BOUNDS_MS), "+Inf"]
    steps = [seen(name, le=bound) for bound in bounds]
    assert steps == sorted(steps)
    assert steps[-3:] == [2, 3, 4]
    assert seen("valet_planner_search_seconds_sum") == pytest.approx(62.53, abs=2)
    assert seen("valet_planner_cost_minutes_total", plan="baseline") == before + 20.25
    assert seen("valet_planner_cost_minutes_total", plan="search") >= 12.5
    assert seen("valet_planner_fallbacks_total", fault="late") == 1
    assert seen("valet_planner_fallbacks_total", fault="failed") == 0


def test_the_loss_of_the_planner_shows_as_long_as_it_lasts(
    story: Story, driver: FlaskClient
) -> None:
    assert Scraped(driver)("valet_planner_lost", part="search") == 0
    lost = PlannerStateRow(part="search", fault=LATE, since_at=story.now)
    story.database.write(lambda session: session.add(lost))
    assert Scraped(driver)("valet_planner_lost", part="search") == 1
    assert Scraped(driver)("valet_planner_lost", part="at_once") == 0


def test_workers_and_stations_that_went_silent_show(story: Story, driver: FlaskClient) -> None:
    assert not Scraped(driver).has("valet_worker_seen_age_seconds")
    assert Scraped(driver)("valet_workers") == 0
    for name in ("1-a", "2-b"):
        story.database.note(partial(workers.beat, name=name, now=story.now))
    story.wait(seconds=10)
    story.database.note(lambda session: workers.beat(session, "2-b", story.now))
    assert Scraped(driver)("valet_workers") == 2
    story.wait(seconds=120)
    seen = Scraped(driver)
    assert (seen("valet_workers"), seen("valet_worker_seen_age_seconds")) == (1, 120)

    shut_out = update(StationRow).where(StationRow.id == "station-herrera").values(is_revoked=True)
    story.database.write(partial(execute, shut_out))
    silent = {s.labels["station"] for s in Scraped(driver).samples if "sync_lag" in s.name}
    assert "station-herrera" not in silent
    assert "station-bolivar" in silent


def test_routes_are_counted_by_their_template_and_never_by_address(
    story: Story, driver: FlaskClient
) -> None:
    token = links.token_of(story.key, story.receive("herrera", phone=PHONE).id)
    driver.get(f"/t/{token}")
    driver.get("/t/unknown")
    driver.get("/nothing/of/ours")
    driver.open("/healthz", method="BREW")

    seen = Scraped(driver)
    asked = "valet_http_requests_total"
    rule = next(
        s.labels["route"] for s in seen.samples if s.labels.get("route", "").startswith("/t/<")
    )
    assert seen(asked, route=rule, status="200") == 1
    assert seen(asked, route=rule, status="404") == 1
    assert seen(asked, route="none", method="GET", status="404") == 1
    assert seen(asked, method="none") == 1
    assert seen("valet_http_request_seconds_count", route=rule) == 2
    for secret in (token, PHONE, PHONE[4:], "nothing/of/ours", "BREW"):
        assert secret not in seen.text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", seen.text)


def test_without_a_database_a_process_still_speaks_of_itself(tmp_path: Path, story: Story) -> None:
    nowhere = replace(story.config, database_url=f"sqlite:///{tmp_path}/no/such/folder/valet.db")
    with serving(nowhere) as client:
        client.get("/healthz")
        seen = Scraped(client)
    assert seen("valet_database_up") == 0
    assert seen("valet_http_requests_total", route="/healthz", status="200") == 1
    assert not seen.has("valet_workers")


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Config:
    """A cloud with a token and a network of its own."""
    networks = "127.0.0.0/8,::1/128,10.20.0.0/16"
    return replace(settings(tmp_path, sqlite_url), metrics_token=TOKEN, metrics_networks=networks)


def test_only_who_is_near_or_has_the_token_may_look(config: Config) -> None:
    with serving(config) as client:
        for near in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.20.3.4"):
            assert as_from(client, near) == 200, near
        for far in ("203.0.113.9", "10.21.0.1", "", "unix:", "2001:db8::1"):
            assert as_from(client, far) == 403, far
        far = "203.0.113.9"
        assert as_from(client, far, Authorization=f"Bearer {TOKEN}") == 200
        for wrong in (TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer ", "Bearer é"):
            assert as_from(client, far, Authorization=wrong) == 403, wrong
        assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": far}).mimetype == (
            "application/problem+json"
        )


def test_a_proxy_that_nobody_counts_does_not_bring_the_world_near(config: Config) -> None:
    with serving(config) as client:
        for header in ("X_Forwarded_For", "Forwarded", "X_Real_IP"):
            assert as_from(client, "127.0.0.1", **{header: "203.0.113.9"}) == 403
    with serving(replace(config, behind_proxies=1)) as client:
        assert as_from(client, "127.0.0.1", X_Forwarded_For="203.0.113.9") == 403
        assert as_from(client, "127.0.0.1", X_Forwarded_For="10.20.0.1") == 200


def test_without_a_token_none_opens_and_one_in_a_file_may_be_exchanged(
    config: Config, tmp_path: Path
) -> None:
    far = "203.0.113.9"
    with serving(replace(config, metrics_token="")) as client:
        assert as_from(client, far, Authorization="Bearer ") == 403
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}-one\n")
    with serving(replace(config, metrics_token="", metrics_token_file=file)) as client:
        assert as_from(client, far, Authorization=f"Bearer {TOKEN}-one") == 200
        file.write_text(f"{TOKEN}-two\n")
        assert as_from(client, far, Authorization=f"Bearer {TOKEN}-one") == 403
        assert as_from(client, far, Authorization=f"Bearer {TOKEN}-two") == 200
        file.unlink()
        assert as_from(client, far, Authorization=f"Bearer {TOKEN}-two") == 403
