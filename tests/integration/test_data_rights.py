"""Ley 81 at the office: access, portability, cancellation; and the drill for a breach."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.catalog import Catalog
from server import clock, guest_looks
from server.cli import main
from server.config import PREFIX
from server.database import Database
from server.master_key import load_master_key
from server.models import GuestRow
from tests.visit_story import EVENING, Story, settings

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "RUNBOOK.md"
PLATE, PHONE = "KD5678", "+50761234568"


@pytest.fixture
def story(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """A district whose commands work on the same settings."""
    config = settings(tmp_path / "data", sqlite_url)
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(config.data_dir))
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", sqlite_url)
    story = Story(Database(sqlite_url), config, load_master_key(config.key_file))
    monkeypatch.setattr(clock, "now", lambda: story.now)
    yield story
    story.database.close()


def ask(words: list[str], plate: str = "", phone: str = "") -> Result:
    """A command of the office, and what the driver says there."""
    return CliRunner().invoke(main, words, input=f"{plate}\n{phone}\n")


def exported(folder: Path, name: str = "out.json", **asker: str) -> Any:
    """What an export holds."""
    file = folder / name
    result = ask(["driver", "export", str(file), "--by", "luis"], **asker)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in (PLATE, PHONE[4:]):
        assert secret not in result.output
    return json.loads(file.read_text(encoding="utf-8"))


def test_a_driver_without_a_link_gets_all_that_is_known_as_a_file(
    story: Story, tmp_path: Path
) -> None:
    for booth in ("herrera", "bolivar"):
        story.receive(booth, plate=PLATE, phone=PHONE).play_whole()
    story.receive("francia", plate="AB1234", phone="+50761111111")
    known = exported(tmp_path, plate="kd 5678", phone="6123-4568")
    assert [visit["you"]["plate"] for visit in known["visits"]] == [PLATE] * 2
    assert known["visits"][0]["events"]
    # That somebody looked is in it, too.
    assert {"screen": "office", "at": story.now.isoformat()} in known["visits"][1]["looks"]
    # By one of both, and nobody else's: what is named has to fit.
    assert len(exported(tmp_path, "plate.json", plate=PLATE)["visits"]) == 2
    assert exported(tmp_path, "other.json", plate=PLATE, phone="61111111")["visits"] == []
    assert ask(["driver", "export", str(tmp_path / "x"), "--by", "luis"]).exit_code == 1
    nobody = ask(["driver", "export", str(tmp_path / "x"), "--by", "eva"], plate=PLATE)
    assert "unknown_person" in nobody.output
    assert not (tmp_path / "x").exists()


def test_what_is_over_is_erased_and_what_is_not_is_named(story: Story, tmp_path: Path) -> None:
    over = story.receive("herrera", plate=PLATE, phone=PHONE).play_whole()
    going_on = story.receive("bolivar", plate=PLATE, phone=PHONE)
    result = ask(["driver", "erase", "--by", "luis"], plate=PLATE)
    assert result.exit_code == 1
    codes = re.findall(r"[A-Z]-\d{4}", result.output)
    assert len(codes) == 2

    def kept(session: Any) -> set[str]:
        rows = session.query(GuestRow).filter(GuestRow.sealed.is_not(None))
        return {row.visit_id for row in rows}

    assert story.database.read(kept) == {going_on.id}
    assert len(exported(tmp_path, plate=PLATE)["visits"]) == 1
    assert over is not going_on
    assert ask(["driver", "erase", "--by", "luis"], phone=PHONE).exit_code == 1


def test_the_drill_for_a_breach_finds_what_was_touched_and_whom_to_tell(
    story: Story, tmp_path: Path
) -> None:
    """The chapter's own commands, as far as they need no second machine."""
    chapter = RUNBOOK.read_text(encoding="utf-8").partition("\n## A breach\n")[2]
    chapter = chapter.partition("\n## ")[0]
    for needed in ("72 hours", "ANTAI", "Ley 81", "valet-server driver touched"):
        assert needed in chapter
    visit = story.receive("herrera", plate=PLATE, phone=PHONE).play_whole()
    since = story.now
    story.now = since + timedelta(minutes=5)
    story.database.write(
        lambda session: guest_looks.note(session, [visit.id], "luis", guest_looks.SEARCH, story.now)
    )
    story.now = since + timedelta(minutes=10)

    words = ["driver", "touched", "--since", since.isoformat()]
    told = json.loads(CliRunner().invoke(main, words).stdout)
    assert told["looks"] == [{"person": "luis", "screen": "search", "visits": [visit.id]}]
    assert told["records_kept"] == 1
    assert PLATE not in str(told)
    of_another = json.loads(CliRunner().invoke(main, [*words, "--person", "sofia"]).stdout)
    assert of_another["looks"] == []
    early = CliRunner().invoke(main, ["driver", "touched", "--since", EVENING.isoformat()[:19]])
    assert "with its zone" in early.output
    assert "write it as" in CliRunner().invoke(main, [*words[:3], "soon"]).output
    # Every command that the chapter quotes is one.
    for command in re.findall(r"`valet-server ([a-z -]+?)(?: [A-Z-].*)?`", chapter):
        shown = CliRunner().invoke(main, [*command.split(), "--help"])
        assert shown.exit_code == 0, command


def test_every_screen_on_which_somebody_looks_has_its_words() -> None:
    catalog = Catalog(ROOT / "server" / "translations", "driver", "manager")
    for screen in guest_looks.SCREENS:
        for language in ("es", "en"):
            for key in ("driver.data.look", "manage.look"):
                words = catalog.text(language, f"{key}.{screen}")
                assert words != f"{key}.{screen}"
