"""Words by key, in two languages, out of catalogs made for the test."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog as Messages
from babel.messages.mofile import write_mo

from schemas.catalog import Catalog, pick_language


def put(folder: Path, language: str, domain: str, **words: str) -> None:
    """Compile one catalog."""
    messages = Messages(locale=language)
    for key, text in words.items():
        messages.add(key, text)
    target = folder / language / "LC_MESSAGES" / f"{domain}.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    write_mo(buffer, messages)
    target.write_bytes(buffer.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two domains in both languages."""
    put(tmp_path, "es", "one", hello="Hola, {name}", plain="100 % {listo}")
    put(tmp_path, "en", "one", hello="Hello, {name}", plain="100 % {done}")
    put(tmp_path, "es", "two", bye="Adiós", hello="nunca")
    put(tmp_path, "en", "two", bye="Bye", hello="never")
    return tmp_path


def test_a_key_has_its_words_in_each_language(folder: Path) -> None:
    catalog = Catalog(folder, "one", "two")
    assert catalog.text("es", "hello", name="Eva") == "Hola, Eva"
    assert catalog.text("en", "hello", name="Eva") == "Hello, Eva"
    assert catalog.text("es", "bye") == "Adiós"


def test_braces_stay_where_no_values_are_given(folder: Path) -> None:
    assert Catalog(folder, "one").text("es", "plain") == "100 % {listo}"


def test_a_value_is_never_taken_for_a_pattern(folder: Path) -> None:
    said = Catalog(folder, "one").text("es", "hello", name="{key.secret}")
    assert said == "Hola, {key.secret}"


def test_a_key_without_words_says_itself(folder: Path) -> None:
    assert Catalog(folder, "one").text("es", "no.such") == "no.such"


def test_a_catalog_that_was_not_compiled_is_missed_at_once(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Catalog(folder, "three")


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        ("en", "es", "en"),
        ("fr", "en-GB,en;q=0.8", "en"),
        (None, "fr, de;q=0.9, en;q=0.5, es", "en"),
        (None, "ES-pa", "es"),
        (None, "fr", "es"),
        (None, "", "es"),
        ("", ",;,", "es"),
    ],
)
def test_the_wanted_language_comes_first_then_the_accepted_then_spanish(
    wanted: str | None, accepted: str, language: str
) -> None:
    assert pick_language(wanted, accepted) == language
