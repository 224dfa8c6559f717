"""Checks the record of one car, as downloaded from the page of its ticket.

    python verify_record.py record.json [--roots roots.json]

It stands alone: Python 3.9 or newer and the package `cryptography` are all it needs, and it asks
no network. It checks, and says in words,
  * that each line has the hash with which it was sealed, so none was changed;
  * that the events are all there and in their order: they are counted without a hole, what
    stands next to each other in a station's journal names the hash of the one before, and what
    stands apart is as far apart in the closed day as in the journal;
  * that each line is under the root of its day, and that root signed and following the day before;
  * with --roots, that those roots are the published ones. Without, compare them yourself with
    /v1/ledger/roots or with the printed day report: who signs could sign two stories.
Exit status 0: the chain of this car is whole and under the roots. 1: it is not, or not yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from datetime import date, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SEAL, SEAL_LENGTH = b',"hash":"', 75
BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def canonical(members: dict[str, Any], *, ascii_only: bool) -> bytes:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)
    return text.encode()


def is_signed(key: str, signature: str, content: bytes) -> bool:
    try:
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        signer.verify(bytes.fromhex(signature), content)
    except (InvalidSignature, *BROKEN):
        return False
    return True


def statement(root: dict[str, Any]) -> bytes:
    """What a day's signature is over, and what the next day names by its hash."""
    names = ("date", "count", "root", "previous", "closed_at")
    told = {name: root[name] for name in names}
    return canonical({**told, "type": "valet-day-root"}, ascii_only=False)


def root_by_path(hashed: bytes, index: int, count: int, path: list[bytes]) -> bytes | None:
    """The root that a proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last = index, count - 1
    if not 0 <= place <= last:
        return None
    for other in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            hashed = sha(b"\x01" + other + hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = sha(b"\x01" + hashed + other)
        place, last = place >> 1, last >> 1
    return hashed if last == 0 else None


class Check:
    """One check of one record. `wrong`: what is not as it must be; `waiting`: what is not proven
    yet; `notes`: what else to know."""

    def __init__(self, record: dict[str, Any], published: dict[str, Any] | None) -> None:
        self.record, self.published = record, published
        self.wrong: list[str] = []
        self.waiting: list[str] = []
        self.notes: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        if record["format"] != "valet-record" or record["version"] != 1:
            raise ValueError("not a record of version 1")
        self.roots = {root["date"]: root for root in record["roots"]}
        for number, event in enumerate(record["events"], start=1):
            self._line(f"event {number} (journal {event['journal_id']}, {event['seq']})", event)
        if len(self.bodies) == len(record["events"]):
            self._order()
        self._days(record["roots"], record["public_key"], "the record")
        self._published()
        unsigned = {name: value for name, value in record.items() if name != "signature"}
        content = canonical(unsigned, ascii_only=True)
        if not is_signed(record["public_key"], record["signature"], content):
            self.wrong.append("the record was changed: its own signature does not hold")

    def _line(self, name: str, event: dict[str, Any]) -> None:
        line = event["line"].encode("utf-8", "surrogateescape")
        seal, raw = line[-SEAL_LENGTH:], line[:-SEAL_LENGTH] + b"}"
        digest = hashlib.sha256(raw).hexdigest()
        if seal != SEAL + digest.encode() + b'"}':
            self.wrong.append(f"{name}: the line was changed, its hash does not hold")
        else:
            body = {**json.loads(raw), "hash": digest}
            self.bodies.append(body)
            if body["seq"] != event["seq"]:
                self.wrong.append(f"{name}: the line is another event of its journal")
            if body["visit_id"] != self.record["visit"]["id"]:
                self.wrong.append(f"{name}: the line is about another car")
        self._proof(name, event, line)

    def _proof(self, name: str, event: dict[str, Any], line: bytes) -> None:
        proof = event["proof"]
        if proof is None:
            self.waiting.append(f"{name}: its day was not closed when the record was made")
            return
        root = self.roots.get(proof["date"])
        if root is None:
            self.wrong.append(f"{name}: the record has no root of its day {proof['date']}")
            return
        leaf = f"accepted\n{event['journal_id']}\n{event['seq']}\n".encode() + line
        path = [bytes.fromhex(each) for each in proof["path"]]
        found = root_by_path(sha(b"\x00" + leaf), proof["index"], root["count"], path)
        if found != bytes.fromhex(root["root"]):
            self.wrong.append(f"{name}: its proof does not lead to the root of {proof['date']}")

    def _order(self) -> None:
        rows = list(zip(self.record["events"], self.bodies))
        keys = [(body["step"], event["journal_id"], body["seq"]) for event, body in rows]
        if any(this >= after for this, after in zip(keys, keys[1:])):
            self.wrong.append("the events are not in their order")
        steps = {key[0] for key in keys}
        for step in sorted(set(range(1, max(steps, default=0) + 1)) - steps):
            self.wrong.append(f"the car's event number {step} is missing")
        if len(steps) < len(keys):
            self.notes.append("two stations recorded something without knowing of each other")
        if not rows:
            self.wrong.append("there is no event in the record")
        last: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for event, body in sorted(rows, key=lambda row: (row[0]["journal_id"], row[1]["seq"])):
            journal = event["journal_id"]
            if journal in last:
                self._neighbours(journal, last[journal], (event, body))
            elif body["seq"] == 1 and bytes.fromhex(body["prev"]) != sha(
                f"valet-journal:{journal}".encode()
            ):
                self.wrong.append(f"journal {journal}: its first line begins another journal")
            last[journal] = event, body

    def _neighbours(self, journal: str, before: Any, after: Any) -> None:
        (first, head), (second, body) = before, after
        apart, words = body["seq"] - head["seq"], f"journal {journal}: between {head['seq']} and"
        if apart == 1 and body["prev"] != head["hash"]:
            self.wrong.append(f"{words} {body['seq']} the chain is broken")
        ends = first["proof"], second["proof"]
        if None not in ends and ends[0]["date"] == ends[1]["date"]:
            if ends[1]["index"] - ends[0]["index"] != apart:
                self.wrong.append(f"{words} {body['seq']} lines were put in or taken out")

    def _days(self, roots: list[dict[str, Any]], key: str, whose: str) -> None:
        for before, root in zip([None, *roots], roots):
            if not is_signed(key, root["signature"], statement(root)):
                self.wrong.append(f"day {root['date']} of {whose}: its signature does not hold")
            if before is None:
                continue
            next_day = date.fromisoformat(before["date"]) + timedelta(days=1)
            if root["date"] != next_day.isoformat():
                self.wrong.append(f"day {next_day} is missing among the roots of {whose}")
            elif root["previous"] != hashlib.sha256(statement(before)).hexdigest():
                self.wrong.append(f"day {root['date']} of {whose} does not follow the day before")

    def _published(self) -> None:
        if self.published is None:
            return
        items, key = self.published["items"], self.published["public_key"]
        if key != self.record["public_key"]:
            self.wrong.append("the record names another signing key than the published one")
        self._days(items, key, "the published roots")
        known = {item["date"]: statement(item) for item in items}
        for chosen in sorted({e["proof"]["date"] for e in self.record["events"] if e["proof"]}):
            if chosen not in known:
                self.wrong.append(f"day {chosen} is not in the roots file: take one that has it")
            elif statement(self.roots.get(chosen, items[0])) != known[chosen]:
                self.wrong.append(f"day {chosen}: the record's root is not the published one")


def report(check: Check) -> list[str]:
    """What the check came to, a line each, the last one being the verdict."""
    record, roots = check.record, check.roots.values()
    lines = [f"ticket {record['visit']['code']}: {len(record['events'])} events"]
    lines += [f"  {body['step']:>2}. {body['wall']}  {body['type']}" for body in check.bodies]
    lines += [f"  day {root['date']}: {root['count']} lines, root {root['root']}" for root in roots]
    lines += [f"note: {each}" for each in check.notes]
    lines += [f"NOT YET: {each}" for each in check.waiting]
    lines += [f"WRONG: {each}" for each in check.wrong]
    if check.wrong:
        return [*lines, f"This record does not hold: {len(check.wrong)} things are wrong."]
    if check.waiting:
        return [*lines, "So far the chain is whole. Download the record again tomorrow."]
    if check.published is None:
        lines.append(f"note: compare roots and key {record['public_key']} with what is published")
        return [*lines, "The chain of this car is whole and under the roots in this record."]
    return [*lines, "The chain of this car is whole and under the published roots."]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks the record of one car.")
    parser.add_argument("record", help="the file from the page of the ticket")
    parser.add_argument("--roots", help="the published roots, saved from /v1/ledger/roots")
    options = parser.parse_args(arguments)
    try:
        contents = []
        for name in (options.record, *([options.roots] if options.roots else [])):
            with open(name, encoding="utf-8") as file:
                contents.append(json.load(file))
        check = Check(contents[0], contents[1] if options.roots else None)
    except OSError as error:
        sys.stdout.write(f"{error.filename}: {error.strerror}\n")
        return 1
    except (RecursionError, *BROKEN) as error:
        sys.stdout.write(f"WRONG: this cannot be read as a record and roots: {error!r}\n")
        return 1
    sys.stdout.write("\n".join(report(check)) + "\n")
    return 1 if check.wrong or check.waiting else 0


if __name__ == "__main__":
    sys.exit(main())
