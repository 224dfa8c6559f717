"""Every route of the cloud: what it tells browsers, whom it lets send, and how much it reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.routing import Rule

from server import clock
from server.app import create_app
from server.guarding.headers import HSTS
from server.guarding.rates import Rates
from server.sessions import open_session
from tests.browser_rules import faults_of
from tests.manager_evening import services_of
from tests.visit_story import MANAGER, Story, settings

# The same routes are walked again and again: what they reach, others have measured.
pytestmark = pytest.mark.usefixtures("unmeasured")

SECURE = "https://valet.example"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:81"},
)
# Its page tells nobody where it is, so old browsers call its origin null.
FROM_UNNAMED = {"driver.tap"}


@dataclass
class Site:
    """The cloud with a district, and a browser in which its manager is signed in."""

    app: Flask
    client: FlaskClient

    def rules(self, *methods: str) -> Iterator[tuple[Rule, str, str]]:
        """Every rule with an address of it, for each of these methods; last the one that ends the
        browser's session."""
        rules = list(self.app.url_map.iter_rules())
        rules.sort(key=lambda rule: rule.endpoint == "manager.sign_out")
        for rule, method in product(rules, methods):
            if method in (rule.methods or ()):
                parts = ("x" * 8 if dynamic else text for dynamic, text in rule._trace)
                yield rule, "".join(parts).partition("|")[2], method


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Iterator[Site]:
    """The cloud, and its manager's browser."""
    app = create_app(settings(tmp_path, sqlite_url))
    found = services_of(app)
    Story(found.database, found.config)
    token = found.database.write(
        lambda session: open_session(session, found.config, MANAGER, clock.now())
    )
    client = app.test_client()
    client.set_cookie("valet", token)
    client.set_cookie("__Host-valet", token, domain="valet.example", secure=True)
    yield Site(app, client)
    found.database.close()


def test_every_answer_hardens_the_browser_and_no_page_holds_inline_script(site: Site) -> None:
    found, pages = {}, 0
    with capture_logs():
        for rule, address, method in site.rules("GET", "POST"):
            answer = site.client.open(address, method=method, base_url=SECURE)
            faults = faults_of(answer)
            if answer.headers.get("Strict-Transport-Security") != HSTS:
                faults.append("HSTS")
            if faults:
                found[f"{method} {rule.rule}"] = faults
            pages += answer.status_code == 200 and answer.mimetype == "text/html"
    assert found == {}
    assert pages >= 24


def test_a_page_of_another_site_can_send_nothing_to_any_route(site: Site) -> None:
    asked = 0
    with capture_logs():
        for (rule, address, method), headers in product(site.rules(*UNSAFE), FOREIGN):
            answer = site.client.open(address, method=method, headers=headers)
            is_let_in = rule.endpoint in FROM_UNNAMED and headers == {"Origin": "null"}
            assert (answer.status_code == 403) != is_let_in, (rule.rule, headers)
            asked += 1
    assert asked > 200


def test_hsts_is_told_behind_tls_only(site: Site) -> None:
    assert "Strict-Transport-Security" not in site.client.get("/healthz").headers


def test_cookies_are_for_this_host_over_tls_only(site: Site) -> None:
    answer = site.client.post(
        "/manage/language", data={"language": "en"}, base_url=SECURE, headers={"Origin": SECURE}
    )
    set_cookies = answer.headers.getlist("Set-Cookie")
    assert set_cookies
    for cookie in set_cookies:
        assert cookie.startswith("__Host-")
        for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert f"; {word}" in cookie


class Endless(io.RawIOBase):
    """A body without an end; counts what is read of it."""

    def __init__(self) -> None:
        self.count = 0

    def readable(self) -> bool:
        """It always is."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Give as much as is asked for."""
        self.count += len(buffer)
        buffer[:] = b"a" * len(buffer)
        return len(buffer)


@pytest.mark.parametrize(
    "media_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"],
)
def test_no_route_reads_more_than_its_limit_of_a_body_without_an_end(
    site: Site, media_type: str
) -> None:
    config = services_of(site.app).config
    # A driver's photos are the most that anybody may send.
    most, read = (
        max(config.driver_photo_bytes_max, config.body_bytes_max, config.photo_bytes_max),
        0,
    )
    with capture_logs():
        for rule, address, method in site.rules(*UNSAFE):
            body = Endless()
            answer = site.client.open(
                address,
                method=method,
                content_type=media_type,
                environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
            )
            read += body.count
            assert body.count <= 2 * most, rule.rule
            assert answer.status_code < 500, rule.rule
            if body.count > most:
                assert answer.status_code >= 400, rule.rule
    assert read > 0


def test_a_body_that_says_it_is_too_long_is_not_read(site: Site) -> None:
    with capture_logs():
        for rule, address, method in site.rules(*UNSAFE):
            body = Endless()
            site.client.open(
                address,
                method=method,
                content_type="application/x-www-form-urlencoded",
                environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "100000000"},
            )
            assert body.count == 0, rule.rule


def test_one_network_cannot_take_all_there_is(sqlite_url: str, tmp_path: Path) -> None:
    config = replace(settings(tmp_path, sqlite_url), requests_per_address=3)
    app = create_app(config)
    client = app.test_client()

    def ask(path: str, address: str, **headers: str) -> int:
        environ = {"REMOTE_ADDR": address}
        return client.get(path, environ_overrides=environ, headers=headers).status_code

    with capture_logs() as logs:
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()):
                ask("/healthz", f"198.51.100.{len(rule.rule) % 200}")
        stranger = "203.0.113.7"
        assert [ask("/healthz", stranger) for _ in range(3)] == [200] * 3
        for rule in app.url_map.iter_rules():
            assert ask(rule.rule, stranger) == 429, rule.rule
        refused = client.get("/v1/visits", environ_overrides={"REMOTE_ADDR": stranger})
        assert (refused.mimetype, refused.get_json()["code"]) == (
            "application/problem+json",
            "too_many_tries",
        )
        plain = client.get("/healthz", environ_overrides={"REMOTE_ADDR": stranger})
        assert int(plain.headers["Retry-After"]) <= config.requests_s
        # All of somebody's IPv6 network is one; others, and this machine itself, go on.
        home = [ask("/healthz", f"2001:db8::{number}") for number in range(4)]
        assert home == [200, 200, 200, 429]
        assert ask("/healthz", "203.0.113.8") == 200
        assert [ask("/healthz", "127.0.0.1") for _ in range(5)] == [200] * 5
        forwarded = [ask("/healthz", "127.0.0.1", Forwarded="for=x") for _ in range(4)]
        assert forwarded[-1] == 429
    assert all("203.0" not in str(line) for line in logs)
    services_of(app).database.close()


def test_a_while_ends_and_memory_has_an_end() -> None:
    now_ns = 0
    rates = Rates(2, 10, lambda: now_ns)
    with capture_logs() as logs:
        assert [rates.left_s("a") for _ in range(4)] == [None, None, 10, 10]
        now_ns = 9 * 10**9 + 1
        assert rates.left_s("a") == 1
        now_ns = 10 * 10**9
        assert rates.left_s("a") is None
        for number in range(20_000):
            rates.left_s(str(number))
    assert len(rates._windows) <= 10_000
    assert [line["event"] for line in logs] == ["requests_limited"]
    assert Rates(0, 10, lambda: 0).left_s("a") is None
