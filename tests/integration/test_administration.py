"""Administration: what is changed counts at once, is on record, and is never lost."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.district import AUDITOR
from schemas.problems import Refusal
from server import requests
from server.administration import places, record
from server.administration.record import Act
from server.booth_windows import booth_windows
from server.database import Database
from server.dispatch.grounds import look_at_places
from server.district import kept_from, lots_nearest_first, open_booths
from server.district import load_district as load
from server.models import ChangeRow, PersonRow, PlaceRow, SessionRow, VisitRow
from server.sms.text import own_text
from server.tariff import tariff_at
from tests.admin_office import CLOSURES, PEOPLE, PLACES, REASON, TARIFFS, TEXTS, Office, trouble
from tests.manager_evening import Evening, services_of
from tests.visit_story import KEY, MANAGER, RUNNER, small_district

pytest_plugins = ("tests.manager_stage",)
SATURDAY_NOON = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
SHUT_BY_DAY = {"hours-0-days": list("0123456"), "hours-0-from": "18:00", "hours-0-until": "03:00"}


@pytest.fixture
def office(client: FlaskClient) -> Office:
    """The manager's browser."""
    return Office(client)


def place(evening: Evening, place_id: str) -> PlaceRow:
    """The row of a place."""
    row = evening.database.read(lambda session: session.get(PlaceRow, place_id))
    assert row is not None
    return row


def shut_now(evening: Evening) -> list[object]:
    """What the planner holds to be shut in the next hours."""
    config = services_of(evening.app).config
    return evening.database.read(
        lambda session: list(look_at_places(session.connection(), config, evening.now, ()).shut)
    )


def test_before_a_district_is_loaded_no_booth_is_open(sqlite_url: str) -> None:
    with closing(Database(sqlite_url)) as database:
        assert database.read(lambda session: open_booths(session, SATURDAY_NOON)) == []


def test_a_booths_hours_count_at_once_for_drivers_and_for_the_windows(
    evening: Evening, office: Office
) -> None:
    config, database = services_of(evening.app).config, evening.database

    answer = office.change(f"{PLACES}/francia", **SHUT_BY_DAY)

    assert answer.status_code == 303
    assert "every day 18:00–03:00" in office.page(PLACES)
    noon = database.read(lambda session: {b.id for b in open_booths(session, SATURDAY_NOON)})
    night = database.read(lambda session: {b.id for b in open_booths(session, evening.now)})
    assert night - noon == {"francia"}

    def windows(session: Session, wanted_at: datetime | None) -> set[str]:
        visit = session.get_one(VisitRow, evening.parked.id)
        return set(booth_windows(session, config, visit, evening.now, wanted_at))

    assert "francia" in database.read(lambda session: windows(session, None))
    assert "francia" not in database.read(lambda session: windows(session, SATURDAY_NOON))
    with pytest.raises(Refusal, match="booth_closed"):
        database.write(
            lambda session: requests.request_car(
                session, config, KEY, evening.parked.id, "francia", SATURDAY_NOON, evening.now
            )
        )


def test_a_lot_takes_no_car_out_of_its_hours_and_stations_are_told_of_them(
    evening: Evening, office: Office
) -> None:
    config = services_of(evening.app).config
    before = place(evening, "lote-sur").version
    day = {"hours-0-days": list("01234"), "hours-0-from": "06:00", "hours-0-until": "18:00"}

    assert office.change(f"{PLACES}/lote-sur", **day, rows="S1 S2 S3\nS4, S5").status_code == 303

    row = place(evening, "lote-sur")
    ground = evening.database.read(
        lambda session: look_at_places(session.connection(), config, evening.now, ())
    )
    assert row.version > before
    assert row.rows == [["S1", "S2", "S3"], ["S4", "S5"]]
    assert "lote-sur" not in ground.free_stalls
    assert "lote-norte" in ground.free_stalls


def test_a_new_lot_has_ways_so_that_cars_are_brought_there(
    evening: Evening, office: Office
) -> None:
    form = office.form(f"{PLACES}/new?kind=lot")
    near = {**form, "name": "Lote Ñandú", "letter": "z", "stalls": "9", "x_m": "-150", "y_m": "0"}

    assert office.client.post(f"{PLACES}/new", data=near).status_code == 303
    again = office.client.post(f"{PLACES}/new", data=near)

    assert again.status_code == 303
    rows = place(evening, "lote-nandu"), place(evening, "lote-nandu-2")
    assert [row.letter for row in rows] == ["Z", "Z"]
    lots = evening.database.read(lambda session: lots_nearest_first(session)["herrera"])
    assert set(lots[:2]) == {"lote-nandu", "lote-nandu-2"}


def test_what_is_typed_wrong_comes_back_marked_and_nothing_is_changed(
    evening: Evening, office: Office
) -> None:
    wrong = office.change(f"{PLACES}/herrera", hooks="many", letter="B", name="")
    same_letter = office.change(f"{PLACES}/herrera", letter="b")
    no_reason = office.change(f"{PLACES}/herrera", hooks="31", reason="")

    assert [each.status_code for each in (wrong, same_letter, no_reason)] == [422, 422, 422]
    assert 'value="many"' in wrong.text
    assert wrong.text.count("Look here:") == 2
    assert "Another booth has that letter" in trouble(same_letter)
    assert "Write the reason" in trouble(no_reason)
    assert place(evening, "herrera").hooks == 30
    assert "There are no such changes." in office.changes()


def test_a_form_that_is_stale_is_refused_and_shows_both_values(
    evening: Evening, office: Office
) -> None:
    mine, theirs = office.form(f"{PLACES}/herrera"), office.form(f"{PLACES}/herrera")
    path = f"{PLACES}/herrera"

    assert office.client.post(path, data={**theirs, "hooks": "35"}).status_code == 303
    stale = office.client.post(path, data={**mine, "hooks": "40"})
    twice = office.client.post(path, data={**theirs, "hooks": "35"})

    assert (stale.status_code, twice.status_code) == (409, 303)
    assert 'value="40"' in stale.text
    assert "It now says: 35" in stale.text
    assert place(evening, "herrera").hooks == 35
    seen = stale.text.split('name="edition" value="')[1].split('"')[0]
    assert (
        office.client.post(path, data={**mine, "hooks": "40", "edition": seen}).status_code == 303
    )
    assert place(evening, "herrera").hooks == 40


def test_a_place_in_use_is_not_archived_and_an_archived_one_comes_back_closed(
    evening: Evening, office: Office
) -> None:
    busy = office.send(f"{PLACES}/lote-sur/archive", action="archive")
    office.client.post(
        f"{PLACES}/new",
        data={**office.form(f"{PLACES}/new?kind=booth"), "name": "Gate", "letter": "G"},
    )
    done = office.send(f"{PLACES}/gate/archive", action="archive")
    listed = office.page("/manage/stations")
    gone = place(evening, "gate")

    assert (busy.status_code, done.status_code) == (409, 303)
    assert place(evening, "lote-sur").archived_at is None
    assert (gone.is_open, gone.archived_at) == (False, evening.now)
    assert 'value="gate"' not in listed
    assert office.send(f"{PLACES}/gate/archive", action="restore").status_code == 303
    assert (place(evening, "gate").is_open, place(evening, "gate").archived_at) == (False, None)
    record_of_it = office.changes("?kind=place&subject=gate")
    assert [record_of_it.count(word) for word in ("· archived", "· restored", "· created")] == [
        1,
        1,
        1,
    ]


def test_closures_once_and_every_week_are_obeyed_until_they_are_archived(
    evening: Evening, office: Office
) -> None:
    new = office.form(f"{CLOSURES}/new")
    sunday = {
        "name": "Casco Peatonal",
        "where": "place",
        "place_id": "herrera",
        "when": "weekly",
        "weekdays": ["4"],
        "from_time": "22:00",
        "until_time": "02:00",
    }
    parade = {
        "name": "Desfile",
        "where": "way",
        "from_place_id": "lote-sur",
        "to_place_id": "bolivar",
        "when": "once",
        "from_at": "2026-11-20T23:00",
        "until_at": "2026-11-21T01:00",
    }

    assert office.client.post(f"{CLOSURES}/new", data={**new, **sunday}).status_code == 303
    assert office.client.post(f"{CLOSURES}/new", data={**new, **parade}).status_code == 303
    backwards = {**parade, "until_at": "2026-11-20T22:00"}
    refused = office.client.post(f"{CLOSURES}/new", data={**new, **backwards})

    assert len(shut_now(evening)) == 2
    config = services_of(evening.app).config
    windows = evening.database.read(
        lambda session: booth_windows(
            session, config, session.get_one(VisitRow, evening.parked.id), evening.now
        )
    )
    # A driver is offered the booth for when its way is open again: after two in the morning.
    assert windows["herrera"].ready_from >= datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert windows["francia"].ready_from < datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    assert refused.status_code == 422
    assert refused.text.count("Look here:") == 2
    assert "Fri 22:00–02:00" in office.page(CLOSURES)
    assert 'value="2026-11-20T23:00"' in office.page(f"{CLOSURES}/desfile")
    office.change(f"{CLOSURES}/casco-peatonal", weekdays=["0"])
    assert len(shut_now(evening)) == 1
    office.send(f"{CLOSURES}/desfile/archive", action="archive")
    assert shut_now(evening) == []


def test_a_car_keeps_the_tariff_of_its_reception_and_none_in_force_is_changed(
    evening: Evening, office: Office
) -> None:
    config, database = services_of(evening.app).config, evening.database
    begun, early = evening.now, evening.now + timedelta(minutes=30)
    typed = {"minute_cents": "0.05", "flat_cents": "1", "free_min": "0", "tax_percent": "7"}
    proposed = office.change(f"{TARIFFS}/new", **typed, action="propose")
    wording = proposed.text.split('name="posted_es"')[1].split("</textarea>")[0]
    assert "B/.\u00a00.05 por minuto" in wording
    assert "100\u00a0%" in wording.replace("100 %", "100\u00a0%")
    form = {**office.form(f"{TARIFFS}/new"), **typed}
    posted = {"posted_es": "Valet: 1.00 y 0.05 por minuto", "posted_en": "Valet: 1.00, 0.05 a min"}

    silent = office.client.post(
        f"{TARIFFS}/new", data={**form, **posted, "posted_en": "Valet: 1.00 and 0.055 each"}
    )
    past = office.client.post(
        f"{TARIFFS}/new", data={**form, **posted, "valid_from": "2026-11-20T10:00"}
    )
    done = office.client.post(f"{TARIFFS}/new", data={**form, **posted})
    later = {**form, **posted, "valid_from": "2026-12-01T00:00"}
    office.client.post(f"{TARIFFS}/new", data=later)

    assert [each.status_code for each in (silent, past, done)] == [422, 422, 303]
    assert "A tariff begins in the future" in trouble(past)
    evening.story.now = early
    old = database.read(lambda session: tariff_at(session, config, begun))
    new = database.read(lambda session: tariff_at(session, config, early))
    assert (old.is_free, new.flat_cents, new.minute_cents) == (True, 100, 5)
    page = office.page(TARIFFS)
    assert (page.count("in force</span>"), page.count("to come</span>")) == (1, 1)
    addresses = [part.split('"')[0] for part in page.split('action="') if "/withdraw" in part[:90]]
    assert len(addresses) == 1
    assert office.send(addresses[0]).status_code == 303
    assert office.send(addresses[0]).status_code == 303
    assert "taken back</span>" in office.page(TARIFFS)


def test_who_is_archived_is_out_at_once_and_the_last_manager_stays(
    evening: Evening, office: Office
) -> None:
    new = {**office.form(f"{PEOPLE}/new"), "name": "Aldo Núñez", "roles": [AUDITOR]}
    added = office.client.post(f"{PEOPLE}/new", data=new)
    path = added.headers["Location"].partition("?")[0]
    shown = office.send(f"{path}/password")
    password = shown.text.split('class="station-code"><code>')[1].split("<")[0]
    other = evening.app.test_client()
    signed = other.post("/manage/sign-in", data={"person": "aldo-nunez", "password": password})
    seen = other.get("/manage/admin/changes")
    archived = office.send(f"{path}/archive", action="archive")
    out = other.get("/manage/admin/changes")

    assert (added.status_code, signed.status_code, archived.status_code) == (303, 303, 303)
    assert (seen.status_code, out.status_code) == (200, 303)

    def sessions(session: Session) -> int:
        whose = select(SessionRow).where(SessionRow.person_id == "aldo-nunez")
        return len(session.scalars(whose).all())

    assert evening.database.read(sessions) == 0
    last = office.send(f"{PEOPLE}/{MANAGER}/archive", action="archive")
    no_role = office.change(f"{PEOPLE}/{MANAGER}", roles=["valet"])
    assert (last.status_code, no_role.status_code) == (409, 409)
    assert "last person who can administer" in last.text
    assert office.send(f"{PEOPLE}/{RUNNER}/password").status_code == 403
    everything = evening.database.read(
        lambda session: " ".join(
            str((row.before, row.after, row.subject)) for row in session.scalars(select(ChangeRow))
        )
    )
    assert password not in everything
    assert "em4100" not in everything


def test_licences_and_breaks_are_kept_as_the_planner_reads_them(
    evening: Evening, office: Office
) -> None:
    rest = {"break-0-from": "23:00", "break-0-until": "23:30"}
    paper = {"licensed": "some", "licences": ["manual"], "licence_until": "2027-03-31"}

    assert office.change(f"{PEOPLE}/{RUNNER}", **paper, **rest).status_code == 303
    row = evening.database.read(lambda session: session.get_one(PersonRow, RUNNER))

    assert (row.licences, row.licence_until) == (["manual"], "2027-03-31")
    assert row.breaks == [{"from_time": "23:00", "until_time": "23:30"}]
    assert row.badge_tag == "em4100:0A00000002"
    assert office.change(f"{PEOPLE}/{RUNNER}", roles=[]).status_code == 422


def test_a_text_in_the_districts_words_is_checked_and_is_what_goes_out(
    evening: Evening, office: Office
) -> None:
    path = f"{TEXTS}/ready/es"
    own = "Valet {code}: su carro está en {booth}. {link}"
    cases = {
        "text_places": "Valet {code}: su carro espera. {link}",
        "text_places ": "Valet {code}: {booth!r} {link}",
        "text_letters": f"{own} 🚗",
        "text_too_long": f"{own} {'muy ' * 30}",
    }
    refused = {code: office.change(path, text=text).status_code for code, text in cases.items()}
    changed = office.change(path, text=own)

    assert set(refused.values()) == {422}
    assert changed.status_code == 303
    kept = evening.database.read(lambda session: own_text(session, "ready", "es"))
    assert kept == own
    assert "Valet W-00000: su carro esta en Plaza de Francia." in office.page(TEXTS)
    assert office.change(path, action="default").status_code == 303
    assert evening.database.read(lambda session: own_text(session, "ready", "es")) is None
    assert office.changes("?kind=text").count("Car ready · changed") == 2


def test_the_record_can_be_filtered_and_walked_through(evening: Evening, office: Office) -> None:
    for hooks in ("31", "32"):
        office.change(f"{PLACES}/herrera", hooks=hooks)
    office.change(f"{PEOPLE}/{RUNNER}", licence_until="2027-03-31", reason="Renewed at the ATTT")

    assert office.changes().count("changed 20 Nov 2026") == 3
    assert office.changes("?kind=place").count("Plaza Herrera · changed") == 2
    assert "Key hooks 31 32" in office.changes("?kind=place")
    assert office.changes("?q=renewed").count("changed 20 Nov") == 1
    assert "no such changes" in office.changes("?until=2026-11-19")
    assert "no such changes" in office.changes("?person=nobody")
    assert office.changes(f"?person={MANAGER}&from=2026-11-20").count("changed 20 Nov") == 3
    newest = evening.database.read(
        lambda session: session.scalar(select(ChangeRow.id).order_by(ChangeRow.id.desc()))
    )
    assert office.changes(f"?before={newest}").count("changed 20 Nov") == 2


def test_the_district_file_does_not_undo_what_an_administrator_did(
    evening: Evening, office: Office
) -> None:
    district, database = small_district(), evening.database
    assert database.read(lambda session: kept_from(session, district)) == []
    office.change(f"{PLACES}/herrera", hooks="44")
    office.change(f"{PEOPLE}/{RUNNER}", licence_until="2027-03-31")
    office.send(f"{PEOPLE}/ana/archive", action="archive")

    database.write(lambda session: load(session, district))

    people = database.read(lambda session: {row.id: row for row in session.query(PersonRow)})
    assert place(evening, "herrera").hooks == 44
    assert place(evening, "bolivar").hooks == 30
    assert (people["rosa"].licence_until, people["ana"].is_active) == ("2027-03-31", False)
    assert people["rosa"].badge_tag == "em4100:0A00000002"
    kept = database.read(lambda session: kept_from(session, district))
    assert kept == ["herrera", "ana", "rosa"]


def test_a_change_that_fails_leaves_nothing_on_record(evening: Evening) -> None:
    act = Act(MANAGER, REASON, evening.now)
    found = services_of(evening.app)

    def work(session: Session) -> None:
        row = session.get_one(PlaceRow, "herrera")
        edition = record.edition_of(places.values_of(row))
        typed = {**places.values_of(row), "hooks": 39}
        places.save(session, found.config, "herrera", typed, edition, act)
        raise Refusal("storage_fault")

    with pytest.raises(Refusal):
        evening.database.write(work)
    assert place(evening, "herrera").hooks == 30
    assert evening.database.read(lambda session: session.scalar(select(ChangeRow.id))) is None
