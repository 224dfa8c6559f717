"""Tapping the claim card on a phone: once it opens its visit, and never what releases the car."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from schemas import events
from schemas.district import TAG_LOST, TAG_RETIRED
from server.driver.blueprint import CARD
from server.master_key import MasterKey
from server.models import LinkRow
from tests.claim_cards import (
    OTHER_UID,
    ClaimCard,
    count_of,
    enrolled,
    receive_with,
    set_status,
    verdicts,
)
from tests.driver_phone import dump, headline, link
from tests.phone_tap import AGAIN, query, refused, tap
from tests.visit_story import VALET, Story

PAGE = f"/t/{CARD}"
pytest_plugins = ("tests.driver_stage",)


@pytest.fixture
def card(story: Story) -> ClaimCard:
    """A secure claim card that the district knows."""
    card = ClaimCard(story.key)
    enrolled(story, card)
    return card


def cookie_of(answer: TestResponse) -> str:
    """The whole cookie that a tap gives."""
    (cookie,) = (line for line in answer.headers.getlist("Set-Cookie") if "valet_tap=" in line)
    return cookie


def body(answer: TestResponse) -> str:
    """The page without what differs every time."""
    return re.sub(r'nonce="[^"]+"', "", answer.text)


def test_a_tap_opens_the_page_of_the_cards_visit(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    visit = receive_with(story, card)
    url = card.read()

    page = driver.get(f"/t?{query(url)}")
    assert page.status_code == 200
    said = re.search(r'name="said" value="([^"]+)"', page.text)
    assert said is not None
    answer = driver.post("/t/tap", data={"said": said[1].replace("&amp;", "&")})

    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    opened = driver.get(PAGE)
    assert headline(opened) == "Recibimos su carro"
    assert f"<dd>{visit.code}</dd>" in opened.text
    assert verdicts(story, "tap") == ["proved"]


def test_getting_a_tapped_link_changes_nothing_and_uses_nothing_up(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    url = card.read()
    for method in ("GET", "HEAD", "OPTIONS"):
        for path in (f"/t?{query(url)}", f"/t?{query(url)}&lang=en", "/t", "/t/tap", PAGE):
            before = dump(story.database)
            driver.open(path, method=method)
            assert dump(story.database) == before, (method, path)

    assert tap(driver, url).status_code == 303


def test_the_cookie_is_short_lived_and_out_of_reach_of_scripts_and_other_sites(
    story: Story, driver: FlaskClient, card: ClaimCard, app: Flask
) -> None:
    receive_with(story, card)
    plain = cookie_of(tap(driver, card.read()))
    for part in ("HttpOnly", "SameSite=Lax", "Path=/;", "Max-Age=1800"):
        assert part in f"{plain};"
    assert plain.startswith("valet_tap=")
    assert "Secure" not in plain

    phone, base = app.test_client(), "https://localhost"
    over_tls = cookie_of(phone.post("/t/tap", data={"said": query(card.read())}, base_url=base))
    for part in ("__Host-valet_tap=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/;"):
        assert part in f"{over_tls};"
    assert "Domain" not in over_tls
    opened = phone.get(PAGE, base_url=base)
    assert headline(opened) == "Recibimos su carro"
    # A cookie that another host of the domain could have set opens nothing.
    over_tls_token = over_tls.partition("=")[2].partition(";")[0]
    other = app.test_client()
    other.set_cookie("valet_tap", over_tls_token, secure=True)
    assert refused(other.get(PAGE, base_url=base))
    token = plain.partition("=")[2].partition(";")[0]
    assert len(token) >= 43
    assert token not in str(dump(story.database))


def test_the_page_of_a_tap_ends_after_its_while(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    tap(driver, card.read())
    story.wait(minutes=29)
    assert driver.get(PAGE).status_code == 200
    story.wait(minutes=2)
    assert refused(driver.get(PAGE))


def test_the_page_of_a_tap_ends_when_the_card_is_lost(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    tap(driver, card.read())
    set_status(story, card, TAG_LOST)

    assert refused(driver.get(PAGE))
    answer = driver.post(f"{PAGE}/request", data={"booth_id": "bolivar", "when": "now"})
    assert refused(answer)


def test_the_car_is_asked_for_and_cancelled_on_the_page_of_a_tap(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    tap(driver, card.read())

    answer = driver.post(f"{PAGE}/request", data={"booth_id": "bolivar", "when": "now"})
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert headline(driver.get(PAGE)) == "Su carro está pedido"
    assert driver.post(f"{PAGE}/cancel").status_code == 303
    assert headline(driver.get(PAGE)) == "Recibimos su carro"
    wrong = driver.post(f"{PAGE}/request", data={"booth_id": "nowhere", "when": "now"})
    assert wrong.status_code == 404
    assert "No conocemos esa caseta" in wrong.text
    assert driver.get(f"{PAGE}/request").headers["Location"] == PAGE


def test_the_page_of_a_tap_never_shows_what_releases_the_car(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    visit = receive_with(story, card)
    visit.request("bolivar").take("bolivar").ready()
    tap(driver, card.read())

    by_tap, by_link = driver.get(PAGE), driver.get(link(visit))
    assert headline(by_tap) == headline(by_link) == "Su carro está listo en Plaza Bolívar"
    assert 'class="code"' in by_link.text
    assert "CV1:" in by_link.text
    for secret in ('class="code"', 'class="qr"', "CV1:", "Código de entrega"):
        assert secret not in by_tap.text
    assert "Entregue su tarjeta en la caseta" in by_tap.text
    assert "Entregue su tarjeta en la caseta" not in by_link.text


def test_the_token_of_a_tap_opens_nothing_as_a_link_nor_a_link_as_a_tap(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    visit = receive_with(story, card)
    visit.request("bolivar").take("bolivar").ready()
    token = cookie_of(tap(driver, card.read())).partition("=")[2].partition(";")[0]

    assert driver.get(f"/t/{token}").status_code == 404
    driver.set_cookie("valet_tap", link(visit).rpartition("/")[2])
    assert refused(driver.get(PAGE))


def test_a_replayed_link_opens_nothing_for_anybody_else(
    story: Story, driver: FlaskClient, app: Flask, card: ClaimCard
) -> None:
    receive_with(story, card)
    url = card.read()
    assert tap(driver, url).status_code == 303

    assert refused(tap(app.test_client(), url))
    # A form that is sent twice by the browser that has it open already.
    assert tap(driver, url).status_code == 303
    tap(driver, card.read())
    assert refused(tap(driver, url))
    assert verdicts(story, "tap") == ["proved", "proved", "stale", "stale", "stale"]


def test_every_tap_that_opens_nothing_gets_the_same_answer(
    story: Story, driver: FlaskClient, app: Flask, card: ClaimCard
) -> None:
    old, used = card.read(), card.read(5)
    idle, lost, retired = (ClaimCard(story.key, f"04000000000{n}AA") for n in (1, 2, 3))
    stranger = ClaimCard(story.key, OTHER_UID)
    for number, one in enumerate((idle, lost, retired)):
        enrolled(story, one, f"C91{number}")
    visits = [receive_with(story, one) for one in (card, lost, retired)]
    set_status(story, lost, TAG_LOST)
    set_status(story, retired, TAG_RETIRED)
    assert tap(driver, used).status_code == 303
    forged = ClaimCard(MasterKey(b"\x09" * 32), card.uid).read(50)
    bad_mac = card.link(90)[:-2] + ("00" if not card.link(90).endswith("00") else "11")
    said = {
        "replayed": used,
        "read earlier": old,
        "not of ours": forged,
        "wrong MAC": bad_mac,
        "in no open visit": idle.read(),
        "lost": lost.read(),
        "retired": retired.read(),
        "not enrolled": stranger.read(),
        "no SUN link": "https://valet.test/t?cmac=1",
        "nothing": "",
        "not ASCII": "https://valet.test/t?picc_data=ñ&cmac=\u0000",
        "far too long": "https://valet.test/t?" + "x" * 2000,
    }
    answers = {name: tap(app.test_client(), url) for name, url in said.items()}

    pages = {body(answer) for answer in answers.values()}
    assert len(pages) == 1
    assert {answer.status_code for answer in answers.values()} == {410}
    assert all("Set-Cookie" not in answer.headers for answer in answers.values())
    (page,) = pages
    assert AGAIN in page
    for visit in visits:
        assert visit.code not in page
    assert "Plaza Bolívar" in page
    # Without a cookie the page of a tap says the same.
    assert body(app.test_client().get(PAGE)) == page


def test_two_open_visits_with_one_card_are_both_kept_from_it(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    receive_with(story, card, "francia")
    assert refused(tap(driver, card.read()))


def test_the_booths_reading_at_issue_makes_links_read_before_it_worthless(
    story: Story, driver: FlaskClient, app: Flask, card: ClaimCard
) -> None:
    harvested = [card.read() for _ in range(3)]
    receive_with(story, card, url=card.read())

    for url in harvested:
        assert refused(tap(app.test_client(), url))
    assert tap(driver, card.read()).status_code == 303


def test_a_card_on_a_new_visit_does_not_show_the_one_before(
    story: Story, driver: FlaskClient, app: Flask, card: ClaimCard
) -> None:
    first = receive_with(story, card)
    first.request("bolivar").take("bolivar").ready()
    tap(driver, card.read())
    first.hand_over()
    assert refused(tap(app.test_client(), card.read()))
    assert headline(driver.get(PAGE)).startswith("Entregado")
    story.wait(minutes=31)
    assert refused(driver.get(PAGE))

    second = receive_with(story, card, "francia")
    assert tap(driver, card.read()).status_code == 303
    assert second.code in driver.get(PAGE).text
    assert first.code not in driver.get(PAGE).text


def test_the_end_of_a_visit_moves_the_end_of_its_link_but_not_of_a_tap(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    visit = receive_with(story, card)
    visit.request("bolivar").take("bolivar").ready()
    tap(driver, card.read())
    visit.hand_over()

    links = story.database.read(lambda session: session.scalars(select(LinkRow)).all())
    assert {row.by_tap: row.expires_at for row in links} == {
        True: story.now + timedelta(minutes=30),
        False: story.now + timedelta(hours=24),
    }
    # Two who disagree open the visit again: that must not make a tap's page last for ever.
    visit.hand_over("francia")
    links = story.database.read(lambda session: session.scalars(select(LinkRow)).all())
    assert [row.expires_at is None for row in links if row.by_tap] == [False]


def test_nothing_of_a_tapped_link_is_logged_or_told_to_another_page(
    story: Story, driver: FlaskClient, card: ClaimCard, capsys: pytest.CaptureFixture[str]
) -> None:
    receive_with(story, card)
    url = card.read()
    with capture_logs() as logged:
        page = driver.get(f"/t?{query(url)}")
        taken = tap(driver, url)
        again = tap(driver, card.link(1) + "0")

    output = capsys.readouterr()
    for secret in (*query(url).split("&"), card.uid, card.tag):
        assert secret not in str(logged) + output.out + output.err
    for answer in (page, taken, again):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    assert {entry["event"] for entry in logged} <= {"tap_refused"}


def test_the_tapped_page_is_small_works_without_a_script_and_in_both_languages(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    url = card.read()
    answer = driver.get(f"/t?{query(url)}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) <= 4_000

    spanish = driver.get(f"/t?{query(url)}").text
    assert 'action="/t/tap"' in spanish
    assert "<button" in spanish
    other = re.search(r'class="tongue" href="([^"]+)"', spanish)
    assert other is not None
    english = driver.get("/t" + other[1].replace("&amp;", "&"))
    assert headline(english) == "Your Casco Valet card"
    script = spanish.split("<script")[1].split("</script>")[0]
    for newer in ("=>", "`", "let ", "const ", "fetch(", "?.", "..."):
        assert newer not in script, newer
    assert "lang=" not in re.findall(r'name="said" value="([^"]+)"', english.text)[0]


def test_a_link_from_another_sites_form_is_not_taken(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    url = card.read()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}):
        assert tap(driver, url, **headers).status_code == 403
    assert count_of(story, card) is None
    # An older browser hides where our own page came from, because we asked it to.
    assert tap(driver, url, Origin="null").status_code == 303


def test_whoever_opens_the_bare_address_is_sent_to_the_page_of_the_tap(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    assert refused(driver.get("/t", follow_redirects=True))
    tap(driver, card.read())
    assert headline(driver.get("/t", follow_redirects=True)) == "Recibimos su carro"
    assert driver.get(f"/t?{'x' * 600}=1").status_code == 410


def test_a_plain_tag_marked_lost_by_a_station_opens_nothing(
    story: Story, driver: FlaskClient, card: ClaimCard
) -> None:
    receive_with(story, card)
    data: dict[str, object] = {"tag": card.tag, "status": TAG_LOST, "reason": "se perdió"}
    story.tell("herrera", events.TAG_MARKED, VALET, None, data)
    assert refused(tap(driver, card.read()))
