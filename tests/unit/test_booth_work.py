"""The screens beside receiving: drives, ladder, delays, stalls, keys, shifts, incidents, board."""

from __future__ import annotations

import re
from dataclasses import replace

from flask.testing import FlaskClient

from booth_ui.screens.incident import ENDINGS
from reader_agent.incidents import DETAILS
from tests.booth_client import client_of, submit, text_of, token_of
from tests.booth_evening import ANA, BOOTH, CLAIMS, EVA, KEYS, LOT, ROSA, Evening


def plan(evening: Evening, visit_id: str, origin: str, target: str) -> None:
    """The cloud plans a drive for Rosa."""
    move = {
        "kind": "park" if target == LOT else "retrieve",
        "from_place_id": origin,
        "to_place_id": target,
        "runner_id": "rosa",
        "why": "nearest_free",
    }
    evening.cloud.say(visit_id, move=move)
    evening.meet()


def test_a_runner_reads_the_next_drive_its_stall_and_why(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    plan(evening, visit_id, BOOTH, LOT)
    evening.tap(ROSA)

    page = text_of(screen.get("/queue"))
    assert "Su próximo: a Lote Norte" in page
    assert "va al puesto 1 · unos 4 min" in page
    jobs = screen.get("/jobs")
    assert "Rosa Vega: Plaza Herrera → Lote Norte" in text_of(jobs)
    assert 'class="note why"' in jobs.get_data(as_text=True)
    evening.tap(ANA)
    assert "Su próximo" not in text_of(screen.get("/queue"))


def test_a_runner_reads_what_to_know_of_the_car_where_it_is_taken(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    evening.booth.edit_draft(plate="AB1234", phone="61234567", no_damage=True)
    for choice in ({"colour": "red"}, {"handling": "manual"}):
        screen.post("/receive/details", data=choice)
    visit_id = submit(screen, "/receive/check").location.removeprefix("/tickets/")
    evening.meet()
    plan(evening, visit_id, BOOTH, LOT)
    evening.tap(ROSA)
    evening.tap(ROSA, evening.lot)

    ticket = f"/tickets/{visit_id}"
    for path in (ticket, f"{ticket}/take", "/jobs", "/queue"):
        assert "Rojo · De cambios" in text_of(screen.get(path)), path
    assert "Rojo · De cambios" in text_of(client_of(evening.lot).get(ticket))


def test_a_tap_at_the_lot_proposes_a_stall_and_one_tap_more_changes_it(evening: Evening) -> None:
    visit_id = evening.parked()
    lot = client_of(evening.lot)
    evening.tap(ROSA, evening.lot)
    assert evening.lot.card(visit_id).stall == "1"
    page = lot.get(f"/tickets/{visit_id}/park")
    assert "Puesto 1 · gancho 1" in text_of(page)
    assert re.findall(r'name="pick" value="(\d+)"', page.get_data(as_text=True)) == [
        *("2", "3", "4", "5", "6", "7")
    ]

    submit(lot, f"/tickets/{visit_id}/park", pick="4", stall="")

    assert evening.lot.card(visit_id).stall == "4"
    second = evening.parked(2, plate="CD5678")
    assert evening.lot.card(second).stall == "1"


def test_a_car_that_nobody_fetches_is_marked_called_and_sent_back(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.ready(claim=False)
    assert "Gancho 1 LISTO" in text_of(screen.get("/queue"))
    evening.clock.advance(301)
    evening.tap(ANA)
    page = screen.get("/queue")
    assert "LLAMAR" in text_of(page)
    assert 'class="row late"' in page.get_data(as_text=True)

    submit(screen, f"/tickets/{visit_id}", do="call")

    assert "llamado 1×" in text_of(screen.get("/queue"))
    for _ in range(2):
        evening.clock.advance(301)
        evening.tap(ANA)
        if "LLAMAR OTRA VEZ" in text_of(screen.get("/queue")):
            submit(screen, f"/tickets/{visit_id}", do="call")
    evening.clock.advance(601)
    evening.tap(ANA)
    assert "AL LOTE" in text_of(screen.get("/queue"))
    submit(screen, f"/tickets/{visit_id}", do="take")
    assert evening.booth.card(visit_id).state == "reparking"


def test_a_delay_is_told_with_minutes_and_a_reason(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.parked()
    evening.ask_for(visit_id)
    assert "Avisar retraso" in text_of(screen.get(f"/tickets/{visit_id}"))

    refused = submit(screen, f"/tickets/{visit_id}/delay", minutes="10")
    assert "Elija el motivo" in text_of(refused)
    refused = submit(screen, f"/tickets/{visit_id}/delay", minutes="7", reason="rain")
    assert refused.status_code == 422
    submit(screen, f"/tickets/{visit_id}/delay", minutes="15", reason="rain")

    card = evening.booth.card(visit_id)
    assert (card.delay_min, card.delay_reason) == (15, "rain")


def test_a_long_queue_comes_in_pages(screen: FlaskClient, evening: Evening) -> None:
    limits = evening.booth.floor.limits
    evening.booth.floor.limits = replace(limits, page_rows=5)
    for number in range(1, 8):
        evening.received(number, plate=f"AB{number:04d}")
    evening.tap(ANA)

    first, second = screen.get("/queue"), screen.get("/queue/2")

    codes = [
        re.findall(r'<span class="code">(H-\d+)', page.get_data(as_text=True))
        for page in (first, second)
    ]
    assert [len(found) for found in codes] == [5, 2]
    assert not set(codes[0]) & set(codes[1])
    assert "/queue/2" in first.get_data(as_text=True)
    assert "/queue/1" in second.get_data(as_text=True)


def test_the_pavement_reads_numbers_and_neither_plates_nor_names(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.ready(1, plate="AB1234")
    coming = evening.parked(2, plate="CD5678")
    evening.ask_for(coming)
    evening.promise(coming, 12)
    evening.clock.advance(200)
    assert evening.booth.actor() is None

    page = text_of(screen.get("/board"))

    assert "H-0001" in page
    assert re.search(r"H-0002 (8|9) min", page)
    for secret in ("AB1234", "CD5678", "Ana", "Rosa", "K-01"):
        assert secret not in page


def test_a_key_is_found_by_what_is_typed(screen: FlaskClient, evening: Evening) -> None:
    evening.parked()
    evening.tap(ANA)
    found = text_of(screen.post("/keys/find", data={"query": "K01"}))
    assert "Gancho 1, Lote Norte" in found
    assert "La tiene Ana Ríos" in found
    assert "Gancho 1, Plaza Herrera" in found
    assert "Ninguna llave" in text_of(screen.post("/keys/find", data={"query": "K99"}))


def test_the_keys_are_checked_by_tapping_each(screen: FlaskClient, evening: Evening) -> None:
    evening.received(1)
    evening.received(2, plate="CD5678")
    evening.tap(ANA)
    assert "2 de 30" in text_of(screen.get("/keys"))
    submit(screen, "/keys/check", do="begin")
    screen.get("/keys/check")
    evening.tap(KEYS[0])
    assert "1 de 2" in text_of(screen.get("/keys/check"))
    submit(screen, "/keys/check", do="finish")
    shown = text_of(screen.get("/keys/check"))
    assert "Bien: 1" in shown
    assert "Faltan 1 K-02 H-0002" in shown


def test_a_shift_has_breaks_and_ends_by_a_touch(screen: FlaskClient, evening: Evening) -> None:
    evening.received()
    evening.tap(ROSA)
    evening.tap(KEYS[0])
    refused = submit(screen, "/shift", do="pause")
    assert "Todavía tiene una llave" in text_of(refused)
    assert "tiene H-0001" in text_of(refused)
    evening.tap(ANA)
    submit(screen, "/shift", do="pause")
    assert evening.booth.actor() is None
    evening.tap(EVA)
    assert "Ana Ríos caseta En descanso" in text_of(screen.get("/shift"))
    submit(screen, "/shift", do="sign_off")
    assert [one.name for one in evening.booth.floor.crew.workers()] == ["Ana Ríos", "Rosa Vega"]


def test_a_shift_is_closed_step_by_step(screen: FlaskClient, evening: Evening) -> None:
    evening.received(1)
    evening.received(2, plate="CD5678")
    evening.tap(ANA)
    submit(screen, "/shift/close", do="begin")
    assert "Llaves que deben estar: 2" in text_of(screen.get("/shift/close"))
    refused = submit(screen, "/shift/close", do="sign")
    assert "Falta un paso" in text_of(refused)
    submit(screen, "/keys/check", do="begin")
    screen.get("/keys/check")
    for key in KEYS[:2]:
        evening.tap(key)
    assert submit(screen, "/keys/check", do="finish").location == "/shift/close"
    page = text_of(screen.get("/shift/close"))
    assert "A la bolsa 1" in page
    assert "Embolsar 2: 1 a 2" in page
    submit(screen, "/shift/close", do="bag_all", bag="41")
    assert "Llaves" in text_of(screen.get("/shift/close"))
    for kind, count in (("key", "38"), ("claim", "x"), ("claim", "38")):
        submit(screen, "/shift/close", do="count", kind=kind, count=count)
    assert "2, 2 en bolsa sellada" in text_of(screen.get("/shift/close"))
    assert "Cierra una sola persona porque" in text_of(screen.get("/shift/close"))
    assert submit(screen, "/shift/close", do="alone").status_code == 422
    done = submit(screen, "/shift/close", do="alone", alone="only_one")
    assert done.location == "/queue"
    assert evening.booth.actor() is None
    evening.tap(ANA)
    assert text_of(screen.get("/queue")).count("NO RECLAMADO") == 2


def test_two_sign_where_two_are_at_work(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ROSA)
    evening.tap(ANA)
    for path, do in (
        ("/shift/close", "begin"),
        ("/keys/check", "begin"),
        ("/keys/check", "finish"),
    ):
        submit(screen, path, do=do)
    for kind in ("key", "claim"):
        submit(screen, "/shift/close", do="count", kind=kind, count="40")
    page = text_of(screen.get("/shift/close"))
    assert "Firman dos" in page
    assert "Primer conteo" not in page
    assert "Cierra una sola persona" not in page
    assert submit(screen, "/shift/close", do="sign").location == "/shift/close"
    assert "Firmó Ana Ríos" in text_of(screen.get("/shift/close"))
    assert evening.tap(ROSA).key == "done.closed"
    assert evening.booth.floor.crew.workers() == []


def test_a_mistake_is_undone_on_the_ticket_or_from_the_tap(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    evening.tap(ROSA)
    evening.tap(KEYS[0])
    assert "Deshacer: no salió" in text_of(screen.get(f"/tickets/{visit_id}"))
    done = submit(screen, f"/tickets/{visit_id}", do="undo")
    assert done.location == f"/tickets/{visit_id}"
    assert evening.booth.card(visit_id).state == "at_booth"
    assert "Deshacer" not in text_of(screen.get(f"/tickets/{visit_id}"))

    evening.tap(KEYS[0])
    said = evening.booth.floor.taking_back.offered(visit_id)
    assert said is not None
    mistake = {"visit": visit_id, "event": said.id}
    for _ in range(2):
        assert screen.post("/undo", data=mistake).location == f"/tickets/{visit_id}"
    assert evening.booth.card(visit_id).state == "at_booth"
    # From a button too: the toast that says it was done offers to take it back.
    submit(screen, f"/tickets/{visit_id}", do="take")
    page = screen.get(f"/tickets/{visit_id}").get_data(as_text=True)
    token = re.search(r'name="undo" value="([^"]+)"', page)
    assert token is not None
    assert screen.post("/undo", data={"undo": token[1]}).location == "/queue"
    evening.meet()
    assert evening.booth.card(visit_id).state == evening.lot.card(visit_id).state == "at_booth"


def test_a_lot_that_was_cut_off_shows_the_keys_that_wait_for_their_tickets(
    evening: Evening,
) -> None:
    evening.tap(ROSA, evening.lot)
    lot = client_of(evening.lot)
    evening.tap(KEYS[3], evening.lot)
    page = text_of(lot.get("/keys"))
    assert "Llaves que esperan su boleto 1" in page
    assert "K-04 puesto 1" in page
    form = f"/keys/unknown/{KEYS[3]}"
    assert "Puesto 1 · gancho 1" in text_of(lot.get(form))
    assert submit(lot, form, pick="9").location == "/keys"
    assert "puesto 9" in text_of(lot.get("/keys"))
    assert submit(lot, form, do="forget").location == "/keys"
    assert "esperan su boleto" not in text_of(lot.get("/keys"))
    assert lot.get(form).location == "/keys"


def test_an_incident_is_told_in_four_touches_and_stays_on_the_ticket(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    ticket = screen.get(f"/tickets/{visit_id}")
    assert f"/tickets/{visit_id}/incident" in ticket.get_data(as_text=True)
    assert "Daño" in text_of(screen.get(f"/tickets/{visit_id}/incident"))
    form = f"/tickets/{visit_id}/incident/damage"
    assert submit(screen, form).status_code == 422
    done = submit(screen, form, detail="front", own="yes")
    assert "Tome fotos ahora" in text_of(screen.get(done.location or ""))
    assert "Daño: toque aquí" in text_of(screen.get(f"/tickets/{visit_id}"))
    assert "INCIDENCIA" in text_of(screen.get("/queue"))
    assert "H-0001 Daño Frente · Ana Ríos" in text_of(screen.get("/incidents"))

    settle = f"{form}/settle"
    assert "Llame a un supervisor" in text_of(screen.get(settle))
    evening.tap(EVA)
    assert "avisó quien la tuvo" in text_of(screen.get(settle))
    submit(screen, settle, ending="agreed")
    assert evening.booth.card(visit_id).reports == ()


def test_every_kind_of_incident_has_its_screens(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()
    assert DETAILS.keys() == ENDINGS.keys()
    for kind in DETAILS:
        for path in ("", "/next", "/settle"):
            answer = screen.get(f"/tickets/{visit_id}/incident/{kind}{path}")
            assert answer.status_code == 200, (kind, path)
    assert screen.get(f"/tickets/{visit_id}/incident/mood").status_code == 422


def test_a_double_touch_of_any_of_these_is_one_event(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.ready(claim=False)
    form = {"token": token_of(screen.get(f"/tickets/{visit_id}")), "do": "call"}
    before = evening.booth.status().unsent
    for _ in range(2):
        screen.post(f"/tickets/{visit_id}", data=form)
    assert evening.booth.status().unsent == before + 1
    assert evening.booth.card(visit_id).calls == 1


def test_a_lost_claim_tag_leads_to_the_supervisor(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.ready()
    path = f"/tickets/{visit_id}/incident/lost_claim"
    done = submit(screen, path, detail="has_papers")
    page = screen.get(done.location or "").get_data(as_text=True)
    assert f"/hand-over/{visit_id}/supervisor" in page
    evening.tap(KEYS[0])
    assert evening.tap(CLAIMS[0]).key == "tap.lost"


def test_a_badge_on_the_shift_screen_asks_whoever_is_at_work_for_break_or_end(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ROSA)
    evening.tap(ANA)
    screen.get("/shift")
    outcome = evening.tap(ROSA)
    assert (outcome.key, outcome.screen) == ("tap.at_work", "shift")
    submit(screen, "/shift", do="sign_off")
    assert [worker.name for worker in evening.booth.floor.crew.workers()] == ["Ana Ríos"]
    # The screen is locked now: a badge opens it and no more.
    assert evening.tap(ANA).key == "tap.signed_on"
    screen.get("/queue")
    assert evening.tap(ANA).key == "tap.signed_on"
    screen.get("/shift")
    assert evening.tap(ROSA).key == "tap.signed_on"
