"""What a text message says: one part of GSM-7, whatever the booth and the host are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import server
from schemas.catalog import LANGUAGES, Catalog
from server.outbox import TEMPLATES
from server.sms.text import GSM_7, GSM_7_TWICE, Words, link_to, parts, render, to_gsm_7

TRANSLATIONS = Path(server.__file__).parent / "translations"
CATALOG = Catalog(TRANSLATIONS, "driver")
LONGEST_HOST = "casco-valet-estacionamiento.pa"
LONGEST_BOOTH = ("Plaza de la Independencia y Catedral Metropolitana de Panamá, " * 2)[:60]
LONGEST_TIME = {"es": "12:59\u00a0p.\u00a0m.", "en": "12:59\u00a0pm"}
TOKEN = "A1-_" * 5 + "Zz"


def worst(language: str, booth: str = LONGEST_BOOTH) -> Words:
    link = link_to(f"https://{LONGEST_HOST}", TOKEN)
    return Words("H-9999", booth, LONGEST_TIME[language], link)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_one_part_with_the_worst_values(template: str, language: str) -> None:
    assert (len(LONGEST_HOST), len(TOKEN), len(LONGEST_BOOTH)) == (30, 22, 60)

    text = render(CATALOG, language, template, worst(language))

    assert parts(text) == 1
    assert set(text) <= GSM_7
    assert f"https://{LONGEST_HOST}/t/{TOKEN}" in text
    assert "H-9999" in text
    assert not re.search(r"[{}]", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_usual_booth_is_named_in_full(language: str) -> None:
    text = render(CATALOG, language, "ready", worst(language, "Plaza de la Catedral"))

    assert "Plaza de la Catedral" in text


def test_a_text_that_fits_is_not_cut() -> None:
    words = Words("H-0001", "Plaza Bolívar", "10:21\u00a0p.\u00a0m.", "https://v.pa/t/abc")

    assert render(CATALOG, "es", "delayed", words) == (
        "Casco Valet H-0001: vamos tarde, disculpe. Nueva hora 10:21 p. m., Plaza Bolivar. "
        "https://v.pa/t/abc"
    )


def test_a_host_without_end_costs_parts_but_never_the_link() -> None:
    link = link_to("https://" + "x" * 200, TOKEN)

    text = render(CATALOG, "es", "ready", Words("H-0001", LONGEST_BOOTH, "", link))

    assert link in text
    assert parts(text) == 2


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("está lista aquí, sólo según", "esta lista aqui, solo segun"),
        ("niño, café, ¿pingüino?", "niño, café, ¿pingüino?"),
        ("Núñez Á Í Ó Ú", "Nuñez A I O U"),
        ("10:21\u00a0p.\u00a0m.", "10:21 p. m."),
        ("“Bóvedas” – ’30’…", "\"Bovedas\" - '30'."),
        ("ça va", "ca va"),
        ("a\u0301 solo", "a solo"),
        ("鸡", "?"),
        ("[x] €", "[x] €"),
    ],
)
def test_only_what_gsm_7_lacks_is_rewritten(written: str, sent: str) -> None:
    assert to_gsm_7(written) == sent


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # 76 of them leave one place of 153 free, which cannot hold half a sign.
        ("€" * 153, 3),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("á" * 134, 2),
        ("á" * 135, 3),
        ("🚗" * 35, 1),
        ("🚗" * 36, 2),
    ],
)
def test_parts_are_counted_as_they_are_billed(text: str, count: int) -> None:
    assert parts(text) == count


def test_the_alphabet_has_its_127_signs_and_nine_that_cost_two() -> None:
    # 128 places less the escape itself; the extension table adds nine and the form feed.
    assert len(GSM_7) == 127
    assert len(GSM_7_TWICE) == 10
    assert not GSM_7 & GSM_7_TWICE


def keys(language: str) -> dict[str, str]:
    text = (TRANSLATIONS / language / "LC_MESSAGES" / "driver.po").read_text("utf-8")
    return dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', text, re.MULTILINE))


def test_both_languages_have_the_same_keys_with_the_same_places_to_fill() -> None:
    spanish, english = keys("es"), keys("en")

    assert spanish.keys() == english.keys()
    for key, words in spanish.items():
        assert words, key
        assert english[key], key
        places = re.findall(r"\{\w+\}", words)
        assert sorted(places) == sorted(re.findall(r"\{\w+\}", english[key])), key
