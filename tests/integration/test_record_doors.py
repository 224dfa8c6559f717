"""The doors of the ledger: the published roots for anybody, a record for who holds the link."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server import verify_record
from tests.driver_phone import dump, link
from tests.ledger_kit import CLOSING, DAY, close
from tests.visit_story import Story

pytest_plugins = ("tests.driver_stage",)


def test_the_roots_are_published_for_anybody(story: Story, driver: FlaskClient) -> None:
    empty = driver.get("/v1/ledger/roots")
    assert empty.status_code == 200
    assert (empty.json or {})["items"] == []
    story.receive("herrera").play_whole()
    close(story, CLOSING + DAY)
    answer = driver.get("/v1/ledger/roots")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    told = answer.json or {}
    assert [(item["date"], item["count"]) for item in told["items"]] == [
        ("2026-11-20", 9),
        ("2026-11-21", 0),
    ]
    assert told["next"] is None
    assert len(told["public_key"]) == 64


def test_the_roots_come_a_page_at_a_time(story: Story, driver: FlaskClient) -> None:
    close(story, CLOSING + 4 * DAY)
    dates: list[str] = []
    path: str | None = "/v1/ledger/roots?limit=2"
    while path is not None:
        told = driver.get(path).json or {}
        dates += [item["date"] for item in told["items"]]
        after = told["next"]
        path = None if after is None else f"/v1/ledger/roots?limit=2&after={after}"
    assert dates == [f"2026-11-{day}" for day in range(20, 25)]


@pytest.mark.parametrize("query", ["after=x", "after=2026-11-2%00", "limit=0", "limit=x"])
def test_a_query_that_cannot_be_used_is_a_problem(driver: FlaskClient, query: str) -> None:
    answer = driver.get(f"/v1/ledger/roots?{query}")
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert "Cache-Control" not in answer.headers


def test_the_record_is_downloaded_by_the_link_and_checked_by_the_downloaded_program(
    story: Story, driver: FlaskClient, tmp_path: Path
) -> None:
    visit = story.receive("herrera")
    visit.play_whole()
    close(story)
    before = dump(story.database)
    answer = driver.get(link(visit, "/record.json"))
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{visit.code}.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json or {}
    assert dump(story.database) == before
    program = driver.get(told["verifier_url"].removeprefix(story.config.public_url))
    roots = driver.get(told["roots_url"].removeprefix(story.config.public_url))
    assert program.mimetype == "text/x-python"
    assert program.text == Path(verify_record.__file__).read_text(encoding="utf-8")
    for name, got in (("record.json", answer), ("roots.json", roots), ("verify.py", program)):
        (tmp_path / name).write_bytes(got.data)
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "record.json", "--roots", "roots.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("whole and under the published roots.\n")


def test_the_record_is_small_on_the_wire(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.play_whole()
    close(story)
    answer = driver.get(link(visit, "/record.json"), headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(answer.data))["visit"]["code"] == visit.code
    assert len(answer.data) < 6000


def test_there_is_no_record_before_the_visit_is_over(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    answer = driver.get(link(visit, "/record.json"))
    assert answer.status_code == 409
    assert visit.claim_tag not in answer.text


def test_who_has_no_link_has_no_record(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    visit.play_whole()
    for token in ("x", "card", visit.id):
        answer = driver.get(f"/t/{token}/record.json")
        assert answer.status_code in (404, 410)
        assert visit.code not in answer.text
