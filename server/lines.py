"""The lines of a batch: each read alone, each with its place in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.chain import ChainError, unseal
from schemas.events import SEQ_MAX, Event, EventError, read_event
from schemas.plain_events import plain_event


@dataclass(slots=True)
class Line:
    """One line as it came, and the event in it or the fault that makes it none.

    `seq` is what the line says of itself or, where it can say nothing, its place in the batch;
    None where nobody knows. `prev` and `digest` are None where the seal does not hold.
    """

    raw: bytes
    seq: int | None = None
    prev: str | None = None
    digest: str | None = None
    event: Event | None = None
    fault: EventError | None = None


def read_lines(raws: Sequence[bytes], first_seq: int | None = None) -> list[Line]:
    """The lines in their order. `first_seq`: where the sender says that the batch begins.

    Journals are dense, so a line that cannot be read stands between those that can.
    """
    lines = [_read(raw) for raw in raws]
    before = None if first_seq is None else first_seq - 1
    if before is None:
        told = ((index, line.seq) for index, line in enumerate(lines) if line.seq is not None)
        before = next((seq - index - 1 for index, seq in told), None)
    for line in lines:
        if line.seq is None and before is not None:
            line.seq = before + 1
        before = line.seq
    return lines


def _read(raw: bytes) -> Line:
    try:
        body, digest = unseal(raw)
    except ChainError as error:
        return Line(raw, fault=EventError(error.code, "the line is not a sealed event"))
    seq, prev = body.get("seq"), body.get("prev")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 1 <= seq <= SEQ_MAX:
        return Line(raw, None, None, digest, fault=EventError("bad_fields", "seq: not a sequence"))
    try:
        return Line(raw, seq, prev, digest, plain_event(body) or read_event(body))
    except EventError as error:
        return Line(raw, seq, prev, digest, fault=error)
