"""The card that the folder lies on: what is on it for sure, what may be, and the images of a cut.

The first walk over a recording chooses images without making any (`choose`); the second makes them,
one at a time, in the order of the recording (`images`). The same seed chooses the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.power_cut.operations import (
    Acknowledged,
    Began,
    Move,
    Name,
    Opened,
    Operation,
    Sync,
    SyncFolder,
    Truncate,
    Write,
)

SECTOR_BYTES = 512

NameChange = Name | Move
Piece = tuple[int, int, int]
"""An operation of the recording, and from where to where its bytes reached the card."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One image: the power went right after operation `at`, and this is what had reached the card.

    `names` and `pieces` are numbers of operations that were not synced. `way` says how they were
    chosen.
    """

    at: int
    way: str
    names: tuple[int, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """What is in the folder after the cut, and what must not be lost."""

    cut: Cut
    files: dict[str, bytes]
    acknowledged: dict[int, str]
    journal_id: str | None


@dataclass
class Pending:
    """What has been done since the last sync, as numbers of operations."""

    names: list[int] = field(default_factory=list)
    writes: dict[int, list[int]] = field(default_factory=dict)
    """By file."""

    synced: int = 0
    """Grows with each sync: two images are the same only between the same two syncs."""

    named: dict[str, int] = field(default_factory=dict)
    """The names as the station sees them."""

    def take(self, index: int, operation: Operation) -> None:
        """One operation further."""
        match operation:
            case Write(file=file) | Truncate(file=file):
                self.writes.setdefault(file, []).append(index)
            case Name() | Move():
                self.names.append(index)
                _rename(self.named, operation)
            case Sync(file=file):
                self.synced += bool(self.writes.pop(file, None))
            case SyncFolder():
                self.synced += bool(self.names)
                self.names.clear()
                # What lost its last name is nowhere: what is written there makes no image.
                alive = set(self.named.values())
                self.writes = {file: ones for file, ones in self.writes.items() if file in alive}

    def in_order(self) -> list[int]:
        """All writes that are pending, of every file, oldest first."""
        return sorted(index for indexes in self.writes.values() for index in indexes)


def choose(operations: Sequence[Operation], count: int, seed: int, *, every: int = 1) -> list[Cut]:
    """`count` different images, or all there are; rare places get more than their share.

    `every`: cut only after each so many operations. Where little is synced much is pending, and
    choosing takes its time.
    """
    bags: dict[str, dict[object, tuple[float, Cut]]] = {place: {} for place in _SHARE}
    pending, depth, has_begun = Pending(), 0, False
    for index, operation in enumerate(operations):
        pending.take(index, operation)
        depth = 0 if isinstance(operation, Truncate | Name) else depth + 1
        has_begun = has_begun or isinstance(operation, Began)
        if index % every or not has_begun:
            continue
        for way, choice in _WAYS.items():
            if way.startswith("names") and not pending.names:
                continue
            dice = random.Random(f"{seed} {index} {way}")
            names, pieces = choice(operations, pending, dice)
            key = (pending.synced, tuple(names), tuple(pieces))
            # The same image later on may lose more: it is judged at its last possible moment.
            for bag in bags.values():
                bag.pop(key, None)
            # A long log takes long to read: such images are drawn more rarely.
            place = _place(operations, pending, pieces)
            lot = dice.random() * (1 + depth / (600 if place == "checkpoint" else 60))
            bags[place][key] = (lot, Cut(index, way, tuple(names), tuple(pieces)))
    return sorted(_drawn(bags, count), key=lambda cut: cut.at)


def _drawn(bags: dict[str, dict[object, tuple[float, Cut]]], count: int) -> list[Cut]:
    chosen, rest = [], []
    for place, bag in bags.items():
        drawn = sorted(bag.values(), key=_lot)
        room = round(count * _SHARE[place])
        chosen += drawn[:room]
        rest += drawn[room:]
    # What a bag did not use up is for the others.
    chosen += sorted(rest, key=_lot)[: max(0, count - len(chosen))]
    return [cut for _, cut in chosen]


def _lot(drawn: tuple[float, Cut]) -> float:
    return drawn[0]


def images(operations: Sequence[Operation], cuts: Sequence[Cut]) -> Iterator[Image]:
    """The images of `cuts`, which are in order."""
    card, done = _Card(), 0
    for cut in cuts:
        for operation in operations[done : cut.at + 1]:
            card.take(operation)
        done = cut.at + 1
        yield card.after(cut, operations)


_SHARE = {"names": 0.15, "checkpoint": 0.3, "synced": 0.25, "log": 0.3}


def _place(operations: Sequence[Operation], pending: Pending, pieces: Sequence[Piece]) -> str:
    """Where in the station's work the cut comes."""
    if pending.names:
        return "names"
    if not pieces:
        # Nothing but what was promised: all that has beeped must be in it.
        return "synced"
    waiting = [operations[one] for one in pending.in_order()]
    if len(pending.writes) > 1 or any(isinstance(one, Truncate) for one in waiting):
        return "checkpoint"
    # A log that begins anew overwrites itself from the start.
    first = waiting[0]
    return "checkpoint" if isinstance(first, Write) and first.offset == 0 else "log"


# The ways in which a cut can leave what was pending.

_Choice = tuple[list[int], list[Piece]]
_Way = Callable[[Sequence[Operation], Pending, random.Random], _Choice]


def _nothing(_operations: Sequence[Operation], _pending: Pending, _dice: random.Random) -> _Choice:
    return [], []


def _everything(operations: Sequence[Operation], pending: Pending, _dice: random.Random) -> _Choice:
    return list(pending.names), _whole(operations, pending.in_order())


def _only_names(
    _operations: Sequence[Operation], pending: Pending, _dice: random.Random
) -> _Choice:
    return list(pending.names), []


def _no_names(operations: Sequence[Operation], pending: Pending, _dice: random.Random) -> _Choice:
    return [], _whole(operations, pending.in_order())


def _a_prefix(operations: Sequence[Operation], pending: Pending, dice: random.Random) -> _Choice:
    waiting = pending.in_order()
    kept = waiting[: dice.randint(0, len(waiting))]
    names = pending.names[: dice.randint(0, len(pending.names))]
    return names, _whole(operations, kept)


def _torn_at_the_end(
    operations: Sequence[Operation], pending: Pending, dice: random.Random
) -> _Choice:
    pieces = _whole(operations, pending.in_order())
    if pieces:
        pieces[-1] = _torn(operations, pieces[-1], dice)
    return list(pending.names), pieces


def _all_but_one(operations: Sequence[Operation], pending: Pending, dice: random.Random) -> _Choice:
    waiting = pending.in_order()
    if waiting:
        waiting.pop(dice.randrange(len(waiting)))
    return list(pending.names), _whole(operations, waiting)


def _only_the_last(
    operations: Sequence[Operation], pending: Pending, _dice: random.Random
) -> _Choice:
    return list(pending.names), _whole(operations, pending.in_order()[-1:])


def _one_file(operations: Sequence[Operation], pending: Pending, dice: random.Random) -> _Choice:
    files = sorted(pending.writes)
    kept = pending.writes[dice.choice(files)] if files else []
    return list(pending.names), _whole(operations, kept)


def _by_lot(operations: Sequence[Operation], pending: Pending, dice: random.Random) -> _Choice:
    chance = dice.choice((0.2, 0.5, 0.8))
    names = [one for one in pending.names if dice.random() < chance]
    kept = [one for one in pending.in_order() if dice.random() < chance]
    pieces = _whole(operations, kept)
    return names, [
        _torn(operations, piece, dice) if dice.random() < 0.15 else piece for piece in pieces
    ]


def _these_names(kept: int) -> _Way:
    """Of the latest names those whose bit is set: every combination gets its turn."""

    def choice(operations: Sequence[Operation], pending: Pending, _dice: random.Random) -> _Choice:
        earlier, latest = pending.names[:-_NAMES_COMBINED], pending.names[-_NAMES_COMBINED:]
        names = earlier + [one for bit, one in enumerate(latest) if kept >> bit & 1]
        return names, _whole(operations, pending.in_order())

    return choice


_NAMES_COMBINED = 3
_WAYS: dict[str, _Way] = {
    "nothing": _nothing,
    "everything": _everything,
    "only names": _only_names,
    "no names": _no_names,
    "a prefix": _a_prefix,
    "torn at the end": _torn_at_the_end,
    "all but one": _all_but_one,
    "only the last": _only_the_last,
    "one file": _one_file,
    "by lot": _by_lot,
    "by lot again": _by_lot,
    **{f"names {kept:03b}": _these_names(kept) for kept in range(2**_NAMES_COMBINED)},
}


def _whole(operations: Sequence[Operation], indexes: Sequence[int]) -> list[Piece]:
    return [(index, 0, _length(operations[index])) for index in indexes]


def _torn(operations: Sequence[Operation], piece: Piece, dice: random.Random) -> Piece:
    """Some of a write, cut where a sector of the file ends: its beginning or its end."""
    index, _, end = piece
    operation = operations[index]
    if not isinstance(operation, Write):
        return piece
    first = SECTOR_BYTES - operation.offset % SECTOR_BYTES
    edges = list(range(first, end, SECTOR_BYTES))
    if not edges:
        return piece
    edge = dice.choice(edges)
    return (index, 0, edge) if dice.random() < 0.5 else (index, edge, end)


def _length(operation: Operation) -> int:
    return len(operation.data) if isinstance(operation, Write) else 0


class _Card:
    """The second walk: the bytes themselves."""

    def __init__(self) -> None:
        self._files: dict[int, bytearray] = {}
        self._names: dict[str, int] = {}
        self._waiting: dict[int, list[Write | Truncate]] = {}
        self._waiting_names: list[NameChange] = []
        self._acknowledged: dict[int, str] = {}
        self._journal_id: str | None = None

    def take(self, operation: Operation) -> None:
        """One operation further."""
        match operation:
            case Write(file=file) | Truncate(file=file):
                self._waiting.setdefault(file, []).append(operation)
            case Sync(file=file):
                for one in self._waiting.pop(file, []):
                    _apply(self._files.setdefault(file, bytearray()), one)
            case Name() | Move():
                self._waiting_names.append(operation)
            case SyncFolder():
                for change in self._waiting_names:
                    _rename(self._names, change)
                self._waiting_names.clear()
            case Opened(journal_id=journal_id):
                self._journal_id = journal_id
            case Acknowledged(seq=seq, line_hash=line_hash):
                self._acknowledged[seq] = line_hash

    def after(self, cut: Cut, operations: Sequence[Operation]) -> Image:
        """What a cut leaves."""
        names = dict(self._names)
        for index in cut.names:
            change = operations[index]
            assert isinstance(change, Name | Move)
            _rename(names, change)
        files = {
            file: bytearray(self._files.get(file, b"")) for file in sorted(set(names.values()))
        }
        for index, start, end in cut.pieces:
            operation = operations[index]
            assert isinstance(operation, Write | Truncate)
            if operation.file in files:
                _apply(files[operation.file], operation, start, end)
        return Image(
            cut,
            {name: bytes(files[file]) for name, file in names.items()},
            dict(self._acknowledged),
            self._journal_id,
        )


def _apply(
    content: bytearray, operation: Write | Truncate, start: int = 0, end: int | None = None
) -> None:
    if isinstance(operation, Truncate):
        size = operation.size
        content[size:] = bytes(max(0, size - len(content)))
        return
    data = operation.data[start:end]
    offset = operation.offset + start
    # What lies between the end of the file and the write was never written: it reads as zeros.
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _rename(names: dict[str, int], change: NameChange) -> None:
    if isinstance(change, Move):
        # Of two names that change one after the other the first change may be missing.
        if change.before in names:
            names[change.after] = names.pop(change.before)
    elif change.file is None:
        names.pop(change.name, None)
    else:
        names[change.name] = change.file
