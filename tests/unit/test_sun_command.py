"""`valet-agent sun` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from reader_agent.sun_command import sun

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)
MESSAGES = FACTS["sun"]
ZEROS = "0" * 32


def ask(url: str, meta_key: str = ZEROS, file_key: str = ZEROS) -> Result:
    return CliRunner().invoke(sun, ["--meta-key", meta_key, "--file-key", file_key, url])


@pytest.mark.parametrize("fact", MESSAGES, ids=lambda fact: str(fact["name"]))
def test_a_genuine_link_is_shown_on_one_line(fact: dict[str, Any]) -> None:
    result = ask(fact["url"])
    assert result.exit_code == 0
    assert result.stderr == ""
    (line,) = result.stdout.splitlines()
    shown = json.loads(line)
    wanted = {
        "uid": fact["uid"],
        "tag": f"nfca:{fact['uid']}",
        "counter": fact["counter"],
        "mac": "ok",
        "mode": fact["mode"],
    }
    if fact["file_data"] is not None:
        wanted["file_data"] = fact["file_data"]
    assert shown == wanted


def test_a_wrong_mac_still_shows_what_the_link_claims() -> None:
    result = ask(MESSAGES[1]["url"], file_key="1" * 32)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "uid": MESSAGES[1]["uid"],
        "tag": f"nfca:{MESSAGES[1]['uid']}",
        "counter": MESSAGES[1]["counter"],
        "mac": "wrong",
        "mode": "aes",
    }


def test_a_link_that_does_not_decipher_names_nobody() -> None:
    result = ask(MESSAGES[0]["url"], meta_key="1" * 32)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "uid": None,
        "tag": None,
        "counter": None,
        "mac": "wrong",
        "mode": "aes",
    }


@pytest.mark.parametrize("key", ["", "0", "0" * 31, "0" * 33, "g" * 32, "0" * 31 + "\n"])
def test_a_key_that_is_none_is_refused_without_being_repeated(key: str) -> None:
    for result in (ask("https://h", meta_key=key), ask("https://h", file_key=key)):
        assert result.exit_code == 2
        assert "a key is 32 hex digits" in result.stderr
        assert result.stdout == ""
        assert len(key) < 8 or key not in result.stderr


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://h/t", "no query"),
        ("https://h/t?picc_data=" + ZEROS, "no cmac"),
        ("https://h/t?cmac=0000000000000000", "no picc_data"),
        ("https://h/t?e=xx&c=0000000000000000", "picc_data is not hex digits"),
    ],
)
def test_a_link_without_its_parts_is_refused_in_words(url: str, words: str) -> None:
    result = ask(url)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


def test_both_keys_and_a_link_are_needed() -> None:
    for args in (
        [],
        ["--meta-key", ZEROS, "https://h"],
        ["--meta-key", ZEROS, "--file-key", ZEROS],
    ):
        assert CliRunner().invoke(sun, args).exit_code == 2
