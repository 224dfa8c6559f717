"""One ticket at the touchscreen: what its buttons record, and the hand-over."""

from __future__ import annotations

from flask.testing import FlaskClient

from reader_agent.station import Station
from tests.booth_client import submit, text_of, token_of
from tests.booth_evening import (
    ANA,
    BOOTH,
    CLAIMS,
    EVA,
    KEYS,
    OTHER_BOOTH,
    ROSA,
    Evening,
)


def events_of(station: Station) -> int:
    """How many events the station still has to send."""
    return station.status().unsent


def test_a_double_tap_is_one_event(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()
    form = {"token": token_of(screen.get(f"/tickets/{visit_id}")), "do": "take"}
    before = events_of(evening.booth)

    first = screen.post(f"/tickets/{visit_id}", data=form)
    second = screen.post(f"/tickets/{visit_id}", data=form)

    assert first.location == second.location
    assert events_of(evening.booth) == before + 1


def test_a_form_without_a_token_does_nothing(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()

    answer = screen.post(f"/tickets/{visit_id}", data={"do": "take"})

    assert answer.status_code == 400
    assert evening.booth.card(visit_id).state == "at_booth"


def test_the_main_button_does_what_the_key_would(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()
    assert "Llevar al lote" in text_of(screen.get(f"/tickets/{visit_id}"))

    submit(screen, f"/tickets/{visit_id}", do="take")

    card = evening.booth.card(visit_id)
    assert (card.state, card.destination_name) == ("to_lot", "Lote Norte")


def test_another_lot_can_be_chosen_but_must_be(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()

    refused = submit(screen, f"/tickets/{visit_id}/take")
    assert "Elija una de las opciones" in text_of(refused)
    assert "checked" not in refused.get_data(as_text=True)
    submit(screen, f"/tickets/{visit_id}/take", lot="lote-sur")

    assert evening.booth.card(visit_id).destination_name == "Lote Sur"


def test_a_car_asked_for_where_it_stands_can_be_refused_again_and_names_no_place_twice(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    evening.ask_for(visit_id)

    answer = screen.get(f"/tickets/{visit_id}")
    page = text_of(answer)

    assert '<li class="next" ><span>Estacionado' in answer.get_data(as_text=True)
    assert "Cancelar pedido" in page
    assert "para Plaza Herrera" not in page
    assert "En la acera" not in text_of(screen.get("/queue"))


def test_a_car_is_asked_for_at_any_open_booth(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.parked()
    evening.tap(ANA)

    page = screen.get(f"/tickets/{visit_id}/request")
    assert text_of(page).index("Plaza Herrera") < text_of(page).index("Plaza Bolívar")
    refused = submit(screen, f"/tickets/{visit_id}/request", booth="francia", wait="0")
    assert "cerrada" in text_of(refused)
    submit(screen, f"/tickets/{visit_id}/request", booth=OTHER_BOOTH, wait="30")

    card = evening.booth.card(visit_id)
    assert card.request_booth_id == OTHER_BOOTH
    assert card.wanted_at is not None
    assert round((card.wanted_at - evening.clock.wall()).total_seconds() / 60) == 30


def test_a_wait_that_is_not_offered_is_refused(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.parked()
    evening.tap(ANA)

    answer = submit(screen, f"/tickets/{visit_id}/request", booth=BOOTH, wait="7")

    assert answer.status_code == 422
    assert "Elija una de las opciones" in text_of(answer)


def test_a_request_can_be_cancelled(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.parked()
    evening.tap(ANA)
    evening.booth.request_car(visit_id, BOOTH)

    submit(screen, f"/tickets/{visit_id}", do="cancel_request")

    assert evening.booth.card(visit_id).state == "parked"


def test_a_lot_parks_with_or_without_a_stall(lot_screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()
    evening.tap(KEYS[0])
    evening.meet()
    evening.tap(ROSA, evening.lot)
    assert "Estacionar aquí" in text_of(lot_screen.get(f"/tickets/{visit_id}"))

    submit(lot_screen, f"/tickets/{visit_id}/park", stall="")
    assert evening.lot.card(visit_id).state == "parked"
    submit(lot_screen, f"/tickets/{visit_id}/park", stall="34")

    assert evening.lot.card(visit_id).stall == "34"
    before = events_of(evening.lot)
    assert submit(lot_screen, f"/tickets/{visit_id}/park", stall="").location == "/queue"
    assert (evening.lot.card(visit_id).stall, events_of(evening.lot)) == ("34", before)
    assert "puesto 34" in text_of(lot_screen.get(f"/tickets/{visit_id}"))


def test_an_action_that_no_longer_fits_is_refused_with_the_ticket_still_there(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    token = token_of(screen.get(f"/tickets/{visit_id}"))
    evening.tap(KEYS[0])

    answer = screen.post(f"/tickets/{visit_id}", data={"token": token, "do": "take"})

    assert answer.status_code == 409
    assert "ya viene en camino" in text_of(answer)
    assert "H-0001" in text_of(answer)


def test_a_ticket_that_is_not_here_says_so(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)

    answer = screen.get("/tickets/01a1fc19-0000-7000-8000-000000000000")

    assert answer.status_code == 404
    assert "Ese boleto no está en esta estación" in text_of(answer)


def test_the_code_hands_the_car_over(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.ready()
    page = text_of(screen.get(f"/hand-over/{visit_id}"))
    assert "Acerque la llave al lector" in page
    refused = screen.post(f"/hand-over/{visit_id}", data={"token": "early", "code": evening.code()})
    assert refused.status_code == 409
    evening.tap(KEYS[0])
    page = text_of(screen.get(f"/hand-over/{visit_id}"))
    assert "Lea la placa en voz alta AB1234" in page

    answer = submit(screen, f"/hand-over/{visit_id}", code=evening.code())

    assert answer.location == "/queue"
    assert evening.booth.card(visit_id).state == "handed_over"
    assert "Pida la tarjeta C-01" in text_of(screen.get("/queue"))


def test_a_wrong_code_is_refused_and_a_double_tap_of_it_counts_once(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    evening.tap(KEYS[0])
    wrong = f"{(int(evening.code()) + 1) % 10_000:04d}"
    form = {"token": token_of(screen.get(f"/hand-over/{visit_id}")), "code": wrong}
    answers = [screen.post(f"/hand-over/{visit_id}", data=form) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {422}
    assert "Código incorrecto" in text_of(answers[-1])

    submit(screen, f"/hand-over/{visit_id}", code=evening.code())

    assert evening.booth.card(visit_id).state == "handed_over"


def test_too_many_wrong_codes_lock_the_code_and_say_what_else_there_is(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    evening.tap(KEYS[0])
    wrong = f"{(int(evening.code()) + 1) % 10_000:04d}"
    answers = [submit(screen, f"/hand-over/{visit_id}", code=wrong) for _ in range(5)]

    assert answers[-1].status_code == 429
    assert "Use la tarjeta o llame a un supervisor" in text_of(answers[-1])


def test_the_claim_tag_hands_over_what_is_on_the_screen(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    evening.tap(KEYS[0])
    screen.get(f"/hand-over/{visit_id}")

    evening.tap(CLAIMS[0])

    assert evening.booth.card(visit_id).state == "handed_over"


def test_the_claim_tag_of_another_car_stops_everything(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    evening.tap(KEYS[0])
    outcome = evening.tap(CLAIMS[7])
    assert outcome.screen == "stop"

    page = screen.get(f"/hand-over/{visit_id}/stop")
    assert "ALTO No entregue H-0001" in text_of(page)
    evening.tap(CLAIMS[0])
    assert evening.booth.card(visit_id).state == "ready"


def test_the_number_of_the_key_serves_when_its_tag_does_not_read(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    page = screen.get(f"/hand-over/{visit_id}")
    wrong = {"token": token_of(page), "key": "9"}
    assert "No lo entregue" in text_of(screen.post(f"/hand-over/{visit_id}/key", data=wrong))
    token = token_of(screen.get(f"/hand-over/{visit_id}"))
    shown = screen.post(f"/hand-over/{visit_id}/key", data={"token": token, "key": "1"})
    assert shown.location == f"/hand-over/{visit_id}"
    submit(screen, f"/hand-over/{visit_id}", code=evening.code())
    assert evening.booth.card(visit_id).state == "handed_over"


def test_only_a_supervisor_hands_over_without_a_proof(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    assert "Llame a un supervisor" in text_of(screen.get(f"/hand-over/{visit_id}/supervisor"))
    evening.tap(EVA)

    refused = submit(screen, f"/hand-over/{visit_id}/supervisor")
    assert "Elija el motivo" in text_of(refused)
    submit(screen, f"/hand-over/{visit_id}/supervisor", reason="lost_tag")

    assert evening.booth.card(visit_id).state == "handed_over"


def test_a_valet_who_posts_the_supervisors_form_is_refused(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready()
    token = token_of(screen.get(f"/hand-over/{visit_id}"))

    answer = screen.post(
        f"/hand-over/{visit_id}/supervisor", data={"token": token, "reason": "lost_tag"}
    )

    assert answer.status_code == 403
    assert evening.booth.card(visit_id).state == "ready"


def test_with_one_car_ready_there_is_nothing_to_choose(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    assert "No hay carros listos aquí" in text_of(screen.get("/hand-over"))
    first = evening.ready(1, plate="AA1111")
    assert screen.get("/hand-over").location == f"/hand-over/{first}"
    evening.ready(2, plate="BB2222")

    shown = text_of(screen.get("/hand-over"))
    assert "AA1111" in shown
    assert "BB2222" in shown


def test_a_car_that_is_not_here_cannot_be_handed_over(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.parked()
    evening.tap(ANA)

    page = screen.get(f"/hand-over/{visit_id}")

    assert "no está listo aquí" in text_of(page)
    assert 'name="code"' not in page.get_data(as_text=True)
