"""Records an evening, rebuilds the images of every cut and counts what is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.power_cut.card import choose, images
from tests.power_cut.checker import Verdict, check
from tests.power_cut.operations import Acknowledged, Operation, Sync, Write
from tests.power_cut.recorder import load
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
SEED = 1


@dataclass
class Replay:
    """The sum of all verdicts."""

    synchronous: str
    writes: int = 0
    syncs: int = 0
    acknowledged: int = 0
    images: int = 0
    corrupt: list[Verdict] = field(default_factory=list)
    losing: list[Verdict] = field(default_factory=list)

    @property
    def most_lost(self) -> int:
        """The most events that one cut took away."""
        return max((verdict.lost for verdict in self.losing), default=0)

    def line(self) -> str:
        """For a person."""
        return (
            f"synchronous={self.synchronous}: {self.images} images of {self.writes} writes and "
            f"{self.syncs} syncs, {self.acknowledged} events acknowledged: {len(self.corrupt)} "
            f"corrupt, {len(self.losing)} with acknowledged events lost (up to {self.most_lost})"
        )


def record(folder: Path, synchronous: str, *options: str) -> list[Operation]:
    """The recording of an evening, made in a process of its own."""
    recording = folder / "recording"
    command = ["-m", "tests.power_cut.evening", str(folder), str(recording), synchronous, *options]
    subprocess.run([sys.executable, *command], cwd=ROOT, env=unmeasured(), check=True, timeout=120)
    return load(recording)


def replay(
    operations: Sequence[Operation], folder: Path, synchronous: str, count: int, *, every: int = 1
) -> Replay:
    """Cut the power `count` times; see `choose`. `folder` is the test's own."""
    result = Replay(
        synchronous,
        writes=sum(isinstance(one, Write) for one in operations),
        syncs=sum(isinstance(one, Sync) for one in operations),
        acknowledged=sum(isinstance(one, Acknowledged) for one in operations),
    )
    seen = set()
    for image in images(operations, choose(operations, count, SEED, every=every)):
        verdict = check(image, folder / "image")
        # Two cuts that leave the same bytes and promise the same are one image.
        seen.add(hash((*image.files.items(), len(image.acknowledged))))
        if verdict.fault is not None:
            result.corrupt.append(verdict)
        if verdict.lost:
            result.losing.append(verdict)
    result.images = len(seen)
    return result
