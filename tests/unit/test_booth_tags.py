"""The screens of tags: who sees them, what they count, and enrolling from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from booth_ui.badge import badge_of
from reader_agent.drivers.port_watch import PortHealth
from reader_agent.drivers.reader import ReaderHealth
from reader_agent.presence import Arrival
from tests.booth_client import submit, text_of, token_of
from tests.booth_evening import ANA, CLAIMS, EVA, KEYS, Evening, good_reader

NEW = tuple(f"em4100:0E0000000{number}" for number in range(5))
PATHS = (
    "/tags",
    "/tags/of/key",
    "/tags/search",
    f"/tags/one/{KEYS[0]}",
    f"/tags/one/{KEYS[0]}/lost",
    "/tags/enroll",
    "/tags/enroll/people",
    "/tags/enroll/label",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_valet_is_asked_to_call_a_supervisor(
    screen: FlaskClient, evening: Evening, path: str
) -> None:
    evening.tap(ANA)
    assert "Llame a un supervisor" in text_of(screen.get(path))
    evening.tap(EVA)
    assert "Llame a un supervisor" not in text_of(screen.get(path))


@pytest.mark.parametrize(
    "path", ["/tags/enroll", "/tags/enroll/end", f"/tags/one/{KEYS[0]}/lost", "/tags/search"]
)
def test_a_valets_form_does_nothing(screen: FlaskClient, evening: Evening, path: str) -> None:
    evening.tap(ANA)
    answer = screen.post(path, data={"group": "key", "reason": "missing", "query": "K"})
    assert answer.status_code == 403
    assert evening.booth.enrolment.view() is None
    assert "Solo un supervisor" in text_of(answer)


def test_the_status_screen_leads_to_the_tags(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(EVA)
    assert 'href="/tags"' in screen.get("/status").get_data(as_text=True)
    shown = text_of(screen.get("/tags"))
    assert "40 Llaves" in shown
    assert "3 Credenciales" in shown


def test_a_long_list_has_pages(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(EVA)
    first, second = text_of(screen.get("/tags/of/key")), text_of(screen.get("/tags/of/key/2"))
    assert "K-30" in first
    assert "K-31" not in first
    assert "K-31" in second
    assert "Anteriores" in second
    assert "K-40" in text_of(screen.get("/tags/of/key/99"))


def test_a_list_that_does_not_exist_is_said_to_be_none(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    assert screen.get("/tags/of/charms").status_code == 422
    assert screen.get("/tags/one/em4100:FFFFFFFFFF").status_code == 404
    assert screen.get(f"/tags/one/{KEYS[0]}/eaten").status_code == 422


def test_a_tag_is_found_and_its_owner_named(screen: FlaskClient, evening: Evening) -> None:
    evening.received(7)
    evening.tap(EVA)
    answer = screen.post("/tags/search", data={"query": "k07"})
    assert "H-0001" in text_of(answer)
    assert answer.headers["HX-Push-Url"] == "false"
    assert "No hay ninguna" in text_of(screen.post("/tags/search", data={"query": "ZZZ"}))


def test_a_lost_tag_is_marked_with_a_reason_and_put_back(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    path = f"/tags/one/{CLAIMS[0]}"
    assert "Elija el motivo" in text_of(submit(screen, f"{path}/lost"))
    assert submit(screen, f"{path}/lost", reason="kept").location == path
    shown = text_of(screen.get(path))
    assert "PERDIDA" in shown
    assert "C-01 marcada como perdida" in shown
    assert "C-01" in text_of(screen.get("/tags/of/lost"))
    submit(screen, f"{path}/active", reason="came_back")
    assert "ACTIVA" in text_of(screen.get(path))


def test_a_double_tap_marks_once(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(EVA)
    path = f"/tags/one/{CLAIMS[0]}/lost"
    form = {"token": token_of(screen.get(path)), "reason": "kept"}
    before = evening.booth.status().unsent
    assert screen.post(path, data=form).location == screen.post(path, data=form).location
    assert evening.booth.status().unsent == before + 1


def test_the_tag_of_a_car_that_is_here_is_not_retired(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.received(1)
    evening.tap(EVA)
    answer = submit(screen, f"/tags/one/{KEYS[0]}/retired", reason="broken")
    assert "Esa tarjeta es de H-0001" in text_of(answer)


def test_tags_are_enrolled_one_after_another_from_the_screen(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    assert "¿Qué va a registrar?" in text_of(screen.get("/tags/enroll"))
    assert screen.post("/tags/enroll", data={"group": "key"}).location == "/tags/enroll"
    assert "K-41" in text_of(screen.get("/tags/enroll"))
    assert evening.tap(NEW[0]).key == "enroll.done"
    assert evening.tap(NEW[1]).key == "enroll.done"
    shown = text_of(screen.get("/tags/enroll"))
    assert "K-43" in shown
    assert "Registradas: K-42, K-41" in shown
    assert screen.post("/tags/enroll/end").location == "/tags"
    assert "42 Llaves" in text_of(screen.get("/tags"))


def test_a_number_is_typed_and_a_wrong_one_stays_in_the_field(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    screen.post("/tags/enroll", data={"group": "claim"})
    answer = screen.post("/tags/enroll/label", data={"label": "C-01"})
    assert "Otra tarjeta tiene ese número" in text_of(answer)
    assert 'value="C-01"' in answer.get_data(as_text=True)
    assert screen.post("/tags/enroll/label", data={"label": "C-90"}).location == "/tags/enroll"
    screen.get("/tags/enroll")
    assert evening.tap(NEW[0]).values["label"] == "C-90"


def test_a_tag_that_is_tapped_while_its_number_is_typed_is_not_enrolled(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    screen.post("/tags/enroll", data={"group": "key"})
    screen.get("/tags/enroll/label")
    assert evening.tap(NEW[0]).key == "tap.unknown"


def test_a_badge_is_enrolled_for_a_person(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(EVA)
    answer = screen.post("/tags/enroll", data={"group": "badge"})
    assert answer.location == "/tags/enroll/people"
    assert "Rosa Vega" in text_of(screen.get("/tags/enroll/people"))
    assert "no está registrada" in text_of(
        screen.post("/tags/enroll/people", data={"person": "nobody"})
    )
    assert screen.post("/tags/enroll/people", data={"person": "rosa"}).location == "/tags/enroll"
    assert "Rosa Vega" in text_of(screen.get("/tags/enroll"))
    assert evening.tap(NEW[0]).key == "enroll.done"
    assert "B-001 registrada" in text_of(screen.get("/tags/enroll"))


def test_a_choice_that_the_screen_does_not_offer_is_refused(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    assert screen.post("/tags/enroll", data={"group": "charms"}).status_code == 422
    assert screen.post("/tags/enroll/next").status_code == 422
    assert screen.post("/tags/enroll/keys", data={"keys": "yes"}).status_code == 422


@pytest.mark.parametrize(("choice", "wanted"), [("no", False), ("yes", True)])
def test_whether_cards_get_keys_is_chosen(
    screen: FlaskClient, evening: Evening, choice: str, *, wanted: bool
) -> None:
    evening.tap(EVA)
    screen.post("/tags/enroll", data={"group": "claim"})
    screen.post("/tags/enroll/keys", data={"keys": choice})
    view = evening.booth.enrolment.view()
    assert view is not None
    assert view.plan.gives_keys is wanted


def test_a_supervisors_badge_opens_the_enrolment_that_was_asked_for(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(EVA)
    screen.post("/tags/enroll", data={"group": "key"})
    evening.tap(EVA)
    evening.clock.advance(91)
    evening.tap(ANA)
    screen.get("/tags/enroll")
    evening.tap(EVA)
    # The page draws itself anew after a badge, which tells the station nothing.
    screen.get("/tags/enroll", headers={"Booth-Redraw": "1"})
    assert evening.tap(NEW[0]).key == "enroll.done"


# Readers on the status screen.


def health(evening: Evening, **port: object) -> None:
    """One reader whose port is like this."""
    reader = ReaderHealth("mesa", "pn532", "/dev/x", PortHealth(**port))  # type: ignore[arg-type]
    evening.booth.attach_readers(lambda: [reader])


def test_a_reader_is_shown_with_its_chip_and_its_last_byte_and_never_as_good_for_being_open(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    health(evening, state="open")
    shown = text_of(screen.get("/status"))
    assert "Lector mesa Puerto abierto PN532 · ningún dato todavía" in shown
    before = evening.clock.mono_ns()
    reader = ReaderHealth(
        "mesa", "pn532", "/dev/x", PortHealth("open", last_byte_mono_ns=before), "PN532 v1.6"
    )
    evening.booth.attach_readers(lambda: [reader])
    evening.clock.advance(40)
    assert "PN532 v1.6 · último dato: 40 s" in text_of(screen.get("/status"))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("port_missing", "No aparece"),
        ("port_busy", "Otro programa lo usa"),
        ("reader_silent", "Conectado, pero no responde"),
        ("package_missing", "Falta su programa"),
        ("never_heard_of", "Con falla"),
    ],
)
def test_a_readers_fault_is_said_in_words(
    screen: FlaskClient, evening: Evening, fault: str, words: str
) -> None:
    evening.tap(ANA)
    health(evening, state="open", fault=fault)
    shown = text_of(screen.get("/status"))
    assert words in shown
    assert fault not in shown
    assert badge_of(evening.booth.status()).key == "badge.reader"


def test_a_good_reader_keeps_the_badge_calm(evening: Evening) -> None:
    evening.tap(ANA)
    evening.meet()
    status = replace(evening.booth.status(), readers=(good_reader(),), is_disk_low=False)
    assert badge_of(status).key == "badge.online"


def test_a_ticket_says_where_its_radio_tag_was_heard(screen: FlaskClient, evening: Evening) -> None:
    radio = "epc:E280689000000001"
    visit_id = evening.received(1)
    evening.tap(EVA)
    evening.booth.enrolment.begin("key", is_radio=True)
    evening.booth.focus("enroll")
    assert evening.tap(radio).values == {"label": "K-01"}
    evening.booth.enrolment.end()
    evening.booth.focus("queue")
    evening.clock.advance(30)
    arrival = Arrival(radio, "uhf", evening.clock.mono_ns(), confirmed=True)
    evening.booth.on_arrival(arrival)
    shown = text_of(screen.get(f"/tickets/{visit_id}/facts"))
    assert "Radio Se oyó en Plaza Herrera, 10:15 p. m." in shown.replace("\u00a0", " ")
