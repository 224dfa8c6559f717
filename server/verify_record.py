"""Checks the record of one car, as downloaded from the page of its ticket.

    python verify_record.py record.json [--roots roots.json]

It stands alone: Python 3.11 and the package `cryptography` are all it needs, and it asks no
network. It checks, and says in words,
  * that each line has the hash with which it was sealed, so none was changed;
  * that the events are all there and in their order: they are counted without a hole, neighbours
    in a journal name each other's hash, others are as far apart in the closed day as in there;
  * that each line is under the root of its day, which is signed and follows the day before;
  * with --roots, that those roots are the published ones. Without, compare them yourself with
    /v1/ledger/roots or with a printed day report: who signs could sign two stories.
Exit status 0: the chain of this car is whole and under the roots. 1: it is not, or not yet.
"""

import argparse
import hashlib
import json
import sys
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SEAL, SEAL_LENGTH = b',"hash":"', 75
COVERED = ("date", "count", "root", "previous", "closed_at")


def canonical(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def statement(root: dict[str, Any]) -> bytes:
    """What a day's signature is over, and what the next day names by its hash."""
    return canonical({"type": "valet-day-root", **{name: root[name] for name in COVERED}})


def is_signed(key: str, signature: str, content: bytes) -> bool:
    signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    try:
        signer.verify(bytes.fromhex(signature), content)
    except InvalidSignature:
        return False
    return True


def root_by_path(hashed: bytes, index: int, count: int, path: list[bytes]) -> bytes | None:
    """The root that a proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last = index, count - 1
    for other in path:
        is_right = place & 1 or place == last
        pair = other + hashed if is_right else hashed + other
        hashed = hashlib.sha256(b"\x01" + pair).digest()
        while is_right and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return hashed if 0 <= index < count and last == 0 else None


class Check:
    """What is `wrong` in a record and what is not proven yet (`waiting`)."""

    def __init__(self, record: dict[str, Any], published: dict[str, Any] | None = None) -> None:
        self.record, self.published = record, published
        self.wrong: list[str] = []
        self.waiting: list[str] = []
        self.rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
        if (record["format"], record["version"]) != ("valet-record", 1):
            raise ValueError("not a record of version 1")
        self.roots = {root["date"]: root for root in record["roots"]}
        for number, event in enumerate(record["events"], start=1):
            self.line(f"event {number} (journal {event['journal_id']}, {event['seq']})", event)
        self.order()
        self.chain()
        self.days(record["roots"], record["public_key"], "the record")
        if published is not None:
            self.compare(published["items"], published["public_key"])
        unsigned = {name: value for name, value in record.items() if name != "signature"}
        if not is_signed(record["public_key"], record["signature"], canonical(unsigned)):
            self.wrong.append("the record was changed: its own signature does not hold")

    def line(self, name: str, event: dict[str, Any]) -> None:
        line = event["line"].encode("utf-8", "surrogateescape")
        raw = line[:-SEAL_LENGTH] + b"}"
        digest = hashlib.sha256(raw).hexdigest()
        if line[-SEAL_LENGTH:] != SEAL + digest.encode() + b'"}':
            self.wrong.append(f"{name}: the line was changed, its hash does not hold")
        else:
            body = {**json.loads(raw), "hash": digest}
            self.rows.append((event, body))
            if body["seq"] != event["seq"]:
                self.wrong.append(f"{name}: the line is another event of its journal")
            genesis = hashlib.sha256(f"valet-journal:{event['journal_id']}".encode()).hexdigest()
            if body["seq"] == 1 and body["prev"] != genesis:
                self.wrong.append(f"{name}: the line begins another journal")
            if body["visit_id"] != self.record["visit"]["id"]:
                self.wrong.append(f"{name}: the line is about another car")
        proof = event["proof"]
        if proof is None:
            self.waiting.append(f"{name}: its day was not closed when the record was made")
        elif proof["date"] not in self.roots:
            self.wrong.append(f"{name}: the record has no root of its day {proof['date']}")
        else:
            root = self.roots[proof["date"]]
            leaf = f"accepted\n{event['journal_id']}\n{event['seq']}\n".encode() + line
            path = [bytes.fromhex(each) for each in proof["path"]]
            found = root_by_path(
                hashlib.sha256(b"\0" + leaf).digest(), proof["index"], root["count"], path
            )
            if found != bytes.fromhex(root["root"]):
                self.wrong.append(f"{name}: its proof does not lead to the root of {proof['date']}")

    def order(self) -> None:
        keys = [(body["step"], event["journal_id"], body["seq"]) for event, body in self.rows]
        if any(this >= after for this, after in pairwise(keys)):
            self.wrong.append("the events are not in their order")
        steps = sorted({0, *(key[0] for key in keys)})
        for before, step in pairwise(steps):
            if step != before + 1:
                self.wrong.append(f"after the car's event number {before} comes number {step}")
        received = [body for _, body in self.rows if body["type"] == "visit.received"]
        if [body["data"]["code"] for body in received] != [self.record["visit"]["code"]]:
            self.wrong.append("that the car was received on this ticket is not among the events")

    def chain(self) -> None:
        ordered = sorted(self.rows, key=lambda row: (row[0]["journal_id"], row[1]["seq"]))
        for (event, body), (after, later) in pairwise(ordered):
            if event["journal_id"] != after["journal_id"]:
                continue
            apart, first, last = later["seq"] - body["seq"], event["proof"], after["proof"]
            words = f"journal {event['journal_id']}: between {body['seq']} and {later['seq']}"
            if apart == 1 and later["prev"] != body["hash"]:
                self.wrong.append(f"{words} the chain is broken")
            is_one_day = first and last and first["date"] == last["date"]
            if is_one_day and last["index"] - first["index"] != apart:
                self.wrong.append(f"{words} lines were put in or taken out")

    def days(self, roots: list[dict[str, Any]], key: str, whose: str) -> None:
        for root in roots:
            if not is_signed(key, root["signature"], statement(root)):
                self.wrong.append(f"day {root['date']} of {whose}: its signature does not hold")
        for before, root in pairwise(roots):
            next_day = str(date.fromisoformat(before["date"]) + timedelta(days=1))
            if root["date"] != next_day:
                self.wrong.append(f"day {next_day} is missing in {whose}")
            elif root["previous"] != hashlib.sha256(statement(before)).hexdigest():
                self.wrong.append(f"day {next_day} of {whose} does not follow the day before")

    def compare(self, items: list[dict[str, Any]], key: str) -> None:
        self.days(items, key, "the published roots")
        if key != self.record["public_key"]:
            self.wrong.append("the record is signed with another key than the published one")
        known = {item["date"]: statement(item) for item in items}
        for chosen in sorted({event["proof"]["date"] for event, _ in self.rows if event["proof"]}):
            if chosen not in known:
                self.wrong.append(f"day {chosen} is not in the roots file: take one that has it")
            elif chosen in self.roots and statement(self.roots[chosen]) != known[chosen]:
                self.wrong.append(f"day {chosen}: the record's root is not the published one")

    def report(self) -> list[str]:
        """What came of it, a line each; the last one is the verdict."""
        told = [f"ticket {self.record['visit']['code']}: {len(self.record['events'])} events"]
        told += [f"  {body['step']}. {body['wall']} {body['type']}" for _, body in self.rows]
        told += [f"  day {day}: root {root['root']}" for day, root in self.roots.items()]
        told += [f"  key {self.record['public_key']}"]
        told += [f"NOT YET: {each}" for each in self.waiting]
        told += [f"WRONG: {each}" for each in self.wrong]
        if self.wrong:
            return [*told, f"This record does not hold. Found wrong: {len(self.wrong)}."]
        if self.waiting:
            return [*told, "So far the chain is whole. Download the record again tomorrow."]
        whose = (
            "roots in this record: compare them" if self.published is None else "published roots"
        )
        return [*told, f"The chain of this car is whole and under the {whose}."]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks the record of one car.")
    parser.add_argument("record", type=Path, help="the file from the page of the ticket")
    parser.add_argument("--roots", type=Path, help="the published roots, from /v1/ledger/roots")
    options = parser.parse_args(arguments)
    files = [options.record] if options.roots is None else [options.record, options.roots]
    try:
        check = Check(*(json.loads(file.read_text(encoding="utf-8")) for file in files))
        told, failed = check.report(), bool(check.wrong or check.waiting)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        told, failed = [f"WRONG: this cannot be read as a record: {error!r}"], True
    for line in told:
        # What a file says must not pass for a line of ours, nor move the cursor.
        sys.stdout.write("".join(c if c.isprintable() else "?" for c in line) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
