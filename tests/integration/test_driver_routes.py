"""The driver's page over HTTP: what it says, and that looking changes nothing."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from schemas.driver_qr import decode
from schemas.handover_code import is_code
from server.downlink import CODE_KEY
from server.links import token_of
from tests.driver_phone import ask, dump, headline, link
from tests.visit_story import Story

PLATE, PHONE = "AB1234", "+50761234567"
pytest_plugins = ("tests.driver_stage",)


def test_an_evening_as_the_driver_sees_it(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera", plate=PLATE, phone=PHONE)
    seen = [headline(driver.get(link(visit)))]
    visit.take("lote-norte")
    seen.append(headline(driver.get(link(visit))))
    story.wait(minutes=6)
    visit.park()
    seen.append(headline(driver.get(link(visit))))
    story.wait(minutes=40)
    assert ask(driver, visit, "francia").status_code == 303
    answer = driver.get(link(visit))
    seen.append(headline(answer))
    assert "Hora prometida" in answer.text
    assert "Es el próximo en la fila" in answer.text
    visit.take("francia")
    seen.append(headline(driver.get(link(visit))))
    story.wait(minutes=5)
    visit.ready()
    seen.append(headline(driver.get(link(visit))))
    visit.hand_over()
    seen.append(headline(driver.get(link(visit))))

    assert seen == [
        "Recibimos su carro",
        "Estamos estacionando su carro",
        "Su carro está estacionado",
        "Su carro está pedido",
        "Su carro viene en camino",
        "Su carro está listo en Plaza de Francia",
        "Entregado 8:51 p. m. ¡Gracias!",
    ]


def test_the_code_is_there_only_while_the_car_is_ready_and_is_the_one_the_booth_checks(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    shown = re.compile(r'<p class="code">(.*?)</p>')
    visit.request("bolivar").take("bolivar")
    assert shown.search(driver.get(link(visit)).text) is None
    visit.ready()
    found = shown.search(driver.get(link(visit)).text)
    assert found is not None
    code = re.sub(r"\D", "", found[1])
    assert is_code(story.key.derive(CODE_KEY, visit.id), code, story.now)
    visit.hand_over()
    assert shown.search(driver.get(link(visit)).text) is None


def test_the_code_is_there_for_a_scanner_too_and_the_page_stays_small(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.request("bolivar").take("bolivar").ready()
    answer = driver.get(link(visit), headers={"Accept-Encoding": "gzip"})

    assert len(answer.data) <= 12_000
    html = gzip.decompress(answer.data).decode()
    shown = re.search(r'class="qr" role="img" aria-label="[^"]*(CV1:[^"]+)"><svg', html)
    assert shown is not None
    read = decode(shown[1])
    assert read is not None
    assert read[0] == visit.code
    assert is_code(story.key.derive(CODE_KEY, visit.id), read[1], story.now)
    visit.hand_over()
    assert "CV1:" not in driver.get(link(visit)).text


def test_a_held_visit_shows_no_code(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.ready("bolivar")
    visit.ready("francia")

    answer = driver.get(link(visit))

    assert headline(answer) == "Estamos revisando su boleto"
    assert 'class="code"' not in answer.text


def test_no_get_changes_a_row(story: Story, driver: FlaskClient) -> None:
    visit, over = story.receive("herrera"), story.receive("bolivar")
    ask(driver, visit)
    over.request("bolivar").ready().hand_over()
    story.wait(minutes=20)
    paths = [
        f"{link(which)}{path}"
        for which in (visit, over)
        for path in ("", "?lang=en", "?lang=xx", "/request", "/cancel", "/nothing")
    ]
    for path in [*paths, "/t/unknown", "/t/unknown/request", "/t/", "/t/" + "x" * 5000]:
        for method in ("GET", "HEAD", "OPTIONS"):
            before = dump(story.database)
            driver.open(path, method=method, headers={"If-None-Match": '"x"'})
            assert dump(story.database) == before, (method, path)


def test_an_unknown_link_and_an_old_one_say_so_in_the_drivers_language(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    visit.request("herrera").ready().hand_over()

    unknown = driver.get("/t/AAAAAAAAAAAAAAAAAAAAAA", headers={"Accept-Language": "en-US,en"})
    assert unknown.status_code == 404
    assert headline(unknown) == "We can&#39;t find this ticket"
    assert "Plaza Bolívar" in unknown.text

    story.wait(minutes=24 * 60 + 1)
    for answer in (
        driver.get(link(visit)),
        ask(driver, visit),
        driver.get(link(visit, "?lang=es")),
    ):
        assert answer.status_code == 410
        assert headline(answer) == "Este enlace ya no está activo"


def test_the_language_is_the_tickets_until_the_driver_switches(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera", language="en")
    assert headline(driver.get(link(visit))) == "We have your car"

    switched = driver.get(link(visit, "?lang=es"))
    assert headline(switched) == "Recibimos su carro"
    cookie = switched.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert cookie.startswith("valet_lang=es;")
    over_tls = driver.get(link(visit), query_string={"lang": "en"}, base_url="https://localhost")
    cookie = over_tls.headers["Set-Cookie"]
    assert cookie.startswith("__Host-valet_lang=en;")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/;"):
        assert part in f"{cookie};"
    assert headline(driver.get(link(visit))) == "Recibimos su carro"
    assert visit.row().language == "en"


def test_an_unchanged_page_is_not_sent_again(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    story.wait(seconds=5)
    first = driver.get(link(visit))
    tag = first.headers["ETag"]
    assert f"data-tag='{tag}'" in first.text

    story.wait(seconds=15)
    again = driver.get(link(visit), headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Valet-Updated"] == "8:00 p. m."

    visit.take("lote-norte")
    changed = driver.get(link(visit), headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_the_page_is_small_compressed_and_closed_to_everybody_else(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    answer = driver.get(link(visit), headers={"Accept-Encoding": "gzip, br"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) <= 12_000
    html = gzip.decompress(answer.data).decode()
    headers = answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    nonces = set(re.findall(r'nonce="([^"]+)"', html))
    assert len(nonces) == 1
    assert f"script-src 'nonce-{nonces.pop()}'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r' (?:src|onclick|style)="', html)
    plain = driver.get(link(visit))
    assert "Content-Encoding" not in plain.headers
    assert set(re.findall(r'nonce="([^"]+)"', plain.text)).isdisjoint(
        re.findall(r'nonce="([^"]+)"', html)
    )


def test_the_script_is_one_that_old_phones_understand(story: Story, driver: FlaskClient) -> None:
    html = driver.get(link(story.receive("herrera"))).text
    script = html.split("<script")[1].split("</script>")[0]

    for newer in ("=>", "`", "let ", "const ", "fetch(", "?.", "...", "async "):
        assert newer not in script, newer


def test_no_answer_gives_away_the_number_or_the_whole_plate(
    story: Story, driver: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = story.receive("herrera", plate=PLATE, phone=PHONE)
    ask(driver, visit)
    html = driver.get(link(visit)).text
    driver.get("/t/unknown")

    assert ">234<" in html
    for secret in (PLATE, "AB1", PHONE, PHONE[4:]):
        assert secret not in html
    output = capsys.readouterr()
    token = token_of(story.key, visit.id)
    for secret in (PLATE, PHONE, token, "unknown"):
        assert secret not in output.out + output.err


def test_a_fault_of_ours_is_told_in_words_and_logged_without_the_token(
    story: Story,
    driver: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visit = story.receive("herrera")

    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("server.driver.routes.find_stay", broken)
    with capture_logs(processors=[format_exc_info]) as logged:
        answer = driver.get(link(visit))

    assert answer.status_code == 500
    assert headline(answer) == "No pudimos hacerlo"
    (entry,) = logged
    assert entry["route"] == "/t/<token>"
    assert "RuntimeError" in entry["exception"]
    assert token_of(story.key, visit.id) not in str(logged)
