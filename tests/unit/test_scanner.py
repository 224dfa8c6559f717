"""The parser of scanned codes against bytes that left real scanners."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.drivers.gm65 import ACK, encode_answer
from reader_agent.drivers.scanner import LONGEST_LINE, Scan, ScannerParser, code_tag
from schemas.tag_ids import parse_tag_id

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "scanner.json").read_text(encoding="utf-8")
)
MS = 1_000_000


class Heard:
    """A parser with what it said."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.drops: list[str] = []
        self.parser = ScannerParser(self.answers.append, self.drops.append)

    def texts(self, *chunks: bytes) -> list[str]:
        return [scan.text for chunk in chunks for scan in self.parser.feed(chunk, 0)]


def texts(*chunks: bytes) -> list[str]:
    return Heard().texts(*chunks)


@pytest.mark.parametrize("fact", FACTS["streams"], ids=lambda fact: str(fact["name"]))
def test_every_captured_stream_gives_its_texts(fact: dict[str, Any]) -> None:
    heard = Heard()
    assert heard.texts(bytes.fromhex(fact["hex"])) == fact["texts"]
    assert len(heard.answers) == fact["answers"]
    assert heard.drops == []


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r"])
def test_every_end_of_line_will_do(end: bytes) -> None:
    assert texts(b"one" + end + b"two" + end) == ["one", "two"]


def test_a_pause_of_100_ms_ends_a_text_that_has_no_end() -> None:
    parser = ScannerParser()
    assert parser.feed(b"052", 0) == []
    assert parser.tick(99 * MS) == []
    assert parser.feed(b"301", 99 * MS) == []
    assert parser.tick(198 * MS) == []
    assert parser.tick(199 * MS) == [Scan("052301", b"052301")]
    assert parser.tick(300 * MS) == []


def test_a_late_chunk_does_not_cut_a_text() -> None:
    parser = ScannerParser()
    parser.feed(b"052", 0)
    assert parser.feed(b"301\r", 900 * MS) == [Scan("052301", b"052301")]


def test_a_forgotten_half_is_not_joined_with_the_next_text() -> None:
    parser = ScannerParser()
    parser.feed(b"052\x02\x00", 0)
    parser.forget()
    assert [scan.text for scan in parser.feed(b"301\r", 0)] == ["301"]


@pytest.mark.parametrize("cut", range(len(ACK) + 1))
@pytest.mark.parametrize("at", range(7))
def test_an_ack_is_taken_out_wherever_it_stands_and_however_it_is_cut(cut: int, at: int) -> None:
    code = b"052301"
    stream = code[:at] + ACK + code[at:] + b"\r\n"
    heard = Heard()
    assert heard.texts(stream[: at + cut], stream[at + cut :]) == ["052301"]
    assert heard.answers == [ACK]


def test_the_digits_31_of_a_code_stay() -> None:
    assert texts(b"3131\r" + ACK + b"31\r" + ACK + ACK + b"331\r") == ["3131", "31", "331"]
    assert texts(b"\x0231\x03\r") == ["31"]


def test_the_beginning_of_an_ack_is_given_up_after_a_pause() -> None:
    heard = Heard()
    heard.parser.feed(ACK[:5], 0)
    assert heard.parser.tick(100 * MS) == []
    assert heard.texts(b"\x33\x31after\r") == ["31after"]
    assert heard.answers == []


def test_other_answers_of_the_command_channel_are_taken_out_too() -> None:
    heard = Heard()
    baud = encode_answer(b"\x39\x01")
    assert heard.texts(baud + b"052301\r" + encode_answer(b"\x0d") + b"31\r") == ["052301", "31"]
    assert heard.answers == [baud, encode_answer(b"\x0d")]


def test_an_answer_with_a_wrong_crc_is_no_text_either() -> None:
    heard = Heard()
    assert heard.texts(b"\x02\x00\x00\x02\x39\x01\xc1\x4d\r052301\r") == ["052301"]
    assert heard.drops[-1] == "line_not_text"
    assert heard.answers == []


def test_stx_and_etx_are_no_part_of_the_text() -> None:
    assert texts(b"\x02052301\x03\r\n") == ["052301"]
    assert texts(b"\x02052301\x03\x02052302\x03") == ["052301", "052302"]
    assert texts(b"\x02052301\r052302\x03\r") == ["052301", "052302"]


def test_a_text_whose_end_was_lost_ends_where_the_next_begins() -> None:
    heard = Heard()
    assert heard.texts(b"0523\x02052301\x03\r") == ["052301"]
    assert heard.drops == ["line_cut"]


@pytest.mark.parametrize("aim", [b"]Q1", b"]Q3", b"]E0", b"]d2", b"]C1", b"]zm"])
def test_a_symbology_identifier_is_no_part_of_the_text(aim: bytes) -> None:
    assert texts(aim + b"CV1:H-0427:1234\r") == ["CV1:H-0427:1234"]
    assert texts(b"\x02" + aim + b"052301\x03\r") == ["052301"]


def test_only_one_symbology_identifier_is_taken_off_and_never_all_of_the_text() -> None:
    assert texts(b"]Q1]Q1x\r") == ["]Q1x"]
    assert texts(b"]Q1\r") == ["]Q1"]
    assert texts(b"x]Q1y\r") == ["x]Q1y"]
    assert texts(b"]-1y\r") == ["]-1y"]


def test_the_longest_text_is_read_and_a_longer_one_is_dropped_whole() -> None:
    heard = Heard()
    longest = b"x" * LONGEST_LINE
    assert heard.texts(longest + b"\r") == [longest.decode()]
    assert heard.texts(longest + b"x" + b"y" * 2000 + b"\r" + b"after\r") == ["after"]
    assert heard.drops == ["line_too_long"]


def test_a_pause_ends_a_text_that_is_too_long() -> None:
    heard = Heard()
    heard.parser.feed(b"x" * 600, 0)
    assert heard.parser.tick(100 * MS) == []
    assert heard.texts(b"after\r") == ["after"]
    assert heard.drops == ["line_too_long"]


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\xfd", b"caf\xe9", b"a\x00b", b"a\x1bb", b"a\x7fb", b"a\xc2\x85b", b"\x03a"]
)
def test_what_is_no_text_is_dropped_alone(line: bytes) -> None:
    heard = Heard()
    assert heard.texts(line + b"\rafter\r") == ["after"]
    assert heard.drops == ["line_not_text"]


def test_accents_tabs_and_the_separators_of_licences_are_text() -> None:
    text = "Calle Ñ\t@\x1eANSI\x1d01\x04"
    assert texts(text.encode() + b"\r") == [text]


def test_nothing_is_no_text() -> None:
    heard = Heard()
    assert heard.texts(b"\r\n\r\n\x02\x03\r\n\x03\r") == []
    assert heard.drops == []


def test_a_text_becomes_a_tag_id_that_does_not_show_it() -> None:
    digits = hashlib.sha256(b"CV1:H-0427:1234").hexdigest()[:32]
    tag = Scan("CV1:H-0427:1234", b"").tag
    assert tag == f"code:{digits}" == parse_tag_id(tag)
    assert code_tag("CV1:H-0427:1235") != tag


def test_the_notes_show_the_bytes_that_are_tested() -> None:
    notes = Path(__file__).parents[2] / "firmware_notes" / "scanner.md"
    rows = [line for line in notes.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    shown = [tuple(cell.strip(" `") for cell in row.split("|")[1:3]) for row in rows]
    facts = [*FACTS["orders"], *FACTS["unchecked"], *FACTS["answers"], *FACTS["streams"]]
    assert shown == [(fact["hex"], fact["name"]) for fact in facts]
