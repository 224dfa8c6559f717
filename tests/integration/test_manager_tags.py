"""The office's page of tags: what is there, enrolling, and what becomes of lost ones."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events
from server.models import EventRow, TagRow
from server.reports.card_alarms import card_alarms
from tests.claim_cards import ClaimCard, enrolled, receive_with
from tests.manager_evening import DATE, Evening, signed_in
from tests.visit_story import MANAGER, claim_tag, key_tag

TAGS = "/manage/tags"
WHY = {"reason": "new cards came"}
CARD = "nfca:04A1B2C3D4E5F6"
pytest_plugins = ("tests.manager_stage",)


def row_of(page: str, tag_id: str) -> str:
    """The table row of a tag, as text without its markup."""
    row = next(row for row in page.split("<tr>") if f"<code>{tag_id}</code>" in row)
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def tag(evening: Evening, tag_id: str) -> TagRow | None:
    """The row of a tag, if there is one."""
    return evening.database.read(lambda session: session.get(TagRow, tag_id))


def tag_events(evening: Evening) -> list[EventRow]:
    """What was enrolled and marked."""

    def read(session: Session) -> list[EventRow]:
        chosen = select(EventRow).where(EventRow.tag_id.is_not(None)).order_by(EventRow.seq)
        return list(session.scalars(chosen))

    return evening.database.read(read)


def test_the_inventory_counts_by_kind_and_status_and_says_where_a_tag_is(
    looking: FlaskClient, shown: Evening
) -> None:
    page = looking.get(TAGS).text

    counts = page.split('id="counts"')[1].split("</table>")[0]
    numbers = re.findall(r'<td data-label="[^"]*">(\d+)</td>', counts)
    assert numbers == ["40", "0", "0", "40", "0", "0", "0", "0", "0"]
    assert "Inventory: 80" in page
    in_visit = row_of(page, shown.parked.key_tag)
    assert shown.parked.code in in_visit
    assert "active" in in_visit
    assert "by the file" in in_visit
    unused = row_of(page, key_tag(40))
    assert "–" in unused
    assert not re.search(r"[A-Z]-\d{4}", unused)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("kind=key", 40),
        ("kind=claim&status=active", 40),
        ("status=lost", 0),
        ("q=k00", 9),
        ("q=0b00000001", 1),
        ("q=%25", 0),
        ("q=_", 0),
        ("kind=nonsense&status=nonsense", 80),
    ],
)
def test_the_filter_chooses(looking: FlaskClient, query: str, count: int) -> None:
    page = looking.get(f"{TAGS}?{query}").text

    assert f"Inventory: {count}" in page
    assert page.count('name="tag" value="em4100') == count
    rows = list(csv.reader(io.StringIO(looking.get(f"{TAGS}.csv?{query}").text)))
    assert len(rows) == count + 1


def test_the_csv_has_every_column_in_words(looking: FlaskClient, shown: Evening) -> None:
    answer = looking.get(f"{TAGS}.csv")

    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    header, *rows = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert header[:4] == ["kind", "label", "id", "status"]
    found = next(row for row in rows if row[2] == shown.parked.claim_tag)
    assert found[0] == "claim tag"
    assert found[3:6] == ["active", "no", ""]
    assert found[7] == shown.parked.code
    # Parking the car was the last of its visit so far.
    parked_at = shown.parked.row().parked_at
    assert parked_at is not None
    assert datetime.fromisoformat(found[8]) == parked_at


def test_one_tag_is_enrolled_by_an_event_of_whoever_is_signed_in(
    client: FlaskClient, evening: Evening
) -> None:
    form = {"kind": "claim", "label": " C 900 ", "tag": "04:a1:b2:c3:d4:e5:f6", "person": "ana"}
    answer = client.post(f"{TAGS}/enrol", data={**form, **WHY})

    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "Saved. The stations will know in a moment." in page
    line = row_of(page, CARD)
    assert "C 900" in line
    assert "Luis Mora" in line
    (event,) = tag_events(evening)
    assert (event.type, event.actor, event.tag_id) == (events.TAG_ENROLLED, MANAGER, CARD)
    assert WHY["reason"] in client.get("/manage/admin/changes").text


def test_nothing_is_enrolled_without_a_reason(client: FlaskClient, evening: Evening) -> None:
    form = {"kind": "claim", "label": "C 900", "tag": CARD, "reason": "x"}
    answer = client.post(f"{TAGS}/enrol", data=form)
    assert (answer.status_code, "Write the reason" in answer.text) == (422, True)
    assert tag_events(evening) == []


def test_a_badge_is_enrolled_for_a_person(client: FlaskClient) -> None:
    form = {"kind": "badge", "label": "B1", "tag": CARD, "person": "sofia"}
    page = client.post(f"{TAGS}/enrol", data={**form, **WHY}, follow_redirects=True).text
    assert "Sofía Luna" in row_of(page, CARD)


def test_many_are_enrolled_at_once_or_none_of_them(client: FlaskClient, evening: Evening) -> None:
    lines = f"C900;{CARD}\nC901;08A1B2C3\nC902;88A1B2C3\nC001;nfca:04111111111111\nonly a label"
    answer = client.post(f"{TAGS}/enrol", data={"kind": "claim", "lines": lines, **WHY})

    assert answer.status_code == 422
    faults = answer.text.split('id="faults"')[1].split("</div>")[0]
    assert "None was enrolled" in faults
    for words in ("Line 2.", "begins with 08", "Line 3.", "begins with 88", "Line 5.", "semicolon"):
        assert words in faults
    # What was typed is still there.
    assert f"C900;{CARD}" in answer.text
    assert tag_events(evening) == []

    lines = f"C900;{CARD}\nC901;nfca:04222222222222\nC001;nfca:04111111111111"
    answer = client.post(f"{TAGS}/enrol", data={"kind": "claim", "lines": lines, **WHY})
    faults = answer.text.split('id="faults"')[1].split("</div>")[0]
    assert "Line 3." in faults
    assert "has that label already" in faults
    assert tag_events(evening) == []

    good = lines.replace("C001", "C902")
    answer = client.post(f"{TAGS}/enrol", data={"kind": "claim", "lines": good, **WHY})
    assert answer.status_code == 303
    assert len(tag_events(evening)) == 3


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    "typed", ["", "08A1B2C3", "88A1B2C3", "00000000", "0012345678", "x:1", "zz"]
)
def test_a_refused_id_is_told_in_words(evening: Evening, language: str, typed: str) -> None:
    client = signed_in(evening, language)
    form = {"kind": "key", "label": "K900", "tag": typed}
    answer = client.post(f"{TAGS}/enrol", data={**form, **WHY})

    assert answer.status_code == 422
    faults = answer.text.split('id="faults"')[1].split("</div>")[0]
    assert "manage." not in faults
    assert len(re.sub(r"<[^>]+>", "", faults)) > 60


def test_a_tag_is_lost_and_found_again_with_a_reason(client: FlaskClient, evening: Evening) -> None:
    lost = evening.parked.key_tag
    form = {"tag": lost, "status": "lost", "reason": "no aparece", "back": f"{TAGS}?kind=key"}
    answer = client.post(f"{TAGS}/mark", data=form)

    assert answer.headers["Location"] == f"{TAGS}?kind=key&said=marked"
    line = row_of(client.get(f"{TAGS}?status=lost").text, lost)
    # It stays in the visit it is in.
    assert evening.parked.code in line
    assert "Found: active again" in line
    evening.story.wait(minutes=1)
    client.post(f"{TAGS}/mark", data={**form, "status": "active"})
    found = tag(evening, lost)
    assert found is not None
    assert found.status == "active"
    assert [event.actor for event in tag_events(evening)] == [MANAGER, MANAGER]


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"reason": " x "}, 422, "at least three letters"),
        ({"status": "stolen"}, 422, "Choose one"),
        ({"tag": "nfca:04999999999999"}, 404, "There is no tag with that id"),
    ],
)
def test_a_mark_that_cannot_be_made_says_why(
    client: FlaskClient, evening: Evening, changes: dict[str, str], status: int, words: str
) -> None:
    form = {"tag": claim_tag(30), "status": "lost", "reason": "se perdió", **changes}
    answer = client.post(f"{TAGS}/mark", data=form)

    assert answer.status_code == status
    assert words in answer.text
    assert tag_events(evening) == []


@pytest.mark.parametrize("path", [TAGS, f"{TAGS}.csv"])
def test_nobody_sees_the_inventory_without_signing_in(evening: Evening, path: str) -> None:
    assert evening.app.test_client().get(path).status_code == 303
    answer = evening.app.test_client().post(f"{TAGS}/enrol", data={"kind": "key"})
    assert answer.headers["Location"].startswith("/manage/sign-in")


def test_a_form_of_another_site_enrols_nothing(client: FlaskClient, evening: Evening) -> None:
    form = {"kind": "claim", "label": "C900", "tag": CARD}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{TAGS}/enrol", data=form, headers=headers).status_code == 403
    assert tag_events(evening) == []


def test_text_in_a_label_is_never_markup_nor_a_formula(client: FlaskClient) -> None:
    form = {"kind": "claim", "label": "=<b>1</b>", "tag": CARD}
    client.post(f"{TAGS}/enrol", data={**form, **WHY})

    assert "&lt;b&gt;" in client.get(f"{TAGS}?q={CARD}").text
    rows = list(csv.reader(io.StringIO(client.get(f"{TAGS}.csv?q={CARD}").text)))
    assert rows[1][1] == "'=<b>1</b>"


def test_a_card_without_proof_is_on_the_day_page_and_on_the_visits_until_somebody_looked(
    client: FlaskClient, evening: Evening
) -> None:
    card = ClaimCard(evening.story.key)
    enrolled(evening.story, card)
    visit = receive_with(evening.story, card)
    day = client.get(f"/manage/day?date={DATE}").text
    assert "Secure card without proof" in day
    assert f">{visit.code}</a>" in day
    (alarm,) = evening.database.read(card_alarms)

    answer = client.post(f"/manage/cards/{alarm.id}/seen", data={"back": "/manage/day"})

    assert answer.headers["Location"] == "/manage/day?said=seen"
    assert "Secure card without proof" not in client.get(f"/manage/day?date={DATE}").text
    page = client.get(f"/manage/visits/{visit.id}").text
    table = page.split('id="cards"')[1].split("</table>")[0]
    assert "Secure card without proof" in table
    assert "looked into by Luis Mora" in table
    again = client.post(f"/manage/cards/{alarm.id}/seen", data={"back": "/manage/day"})
    assert again.status_code == 409


def test_a_secure_and_original_card_is_marked_as_such(
    client: FlaskClient, evening: Evening
) -> None:
    data: dict[str, object] = {
        "tag": CARD,
        "kind": "claim",
        "label": "C900",
        "is_secure": True,
        "is_original": True,
    }
    evening.story.tell("herrera", events.TAG_ENROLLED, "sofia", None, data)
    line = row_of(client.get(f"{TAGS}?q=C900").text, CARD)
    for words in ("secure", "original", "Sofía Luna"):
        assert words in line
