"""`valet-server simulate`: evenings played by a policy, with what came of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from server.dispatch.evening_data import Evening, EveningError, read_evenings
from server.dispatch.evening_generator import SHAPES, make_evening
from server.dispatch.evening_play import MakePolicy, play
from server.dispatch.evening_report import line, medians, row
from server.dispatch.policy_assignment import Assignment
from server.dispatch.policy_first_come import FirstCome
from server.dispatch.policy_sequence import RollingSequence, SequenceSettings

POLICIES: dict[str, MakePolicy] = {
    "first_come": FirstCome,
    "assignment": Assignment,
    "sequence": RollingSequence,
}
_MOST_RUNNERS = 1000


@click.command("simulate")
@click.option("--evenings", "file", type=click.Path(path_type=Path), help="Evenings, JSON.")
@click.option("--shape", type=click.Choice(sorted(SHAPES)), help="Or make evenings of this shape.")
@click.option("--count", default=5, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--runners", default=20, show_default=True, type=click.IntRange(1, _MOST_RUNNERS))
@click.option("--policy", default="sequence", show_default=True, type=click.Choice(list(POLICIES)))
@click.option("--seed", default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(0), help="Search rounds a minute (sequence).")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
def simulate(
    file: Path | None,
    shape: str | None,
    count: int,
    runners: int,
    policy: str,
    seed: int,
    rounds: int | None,
    as_json: bool,
) -> None:
    """Play evenings minute by minute; the policy sees only what is known at the minute.

    Prints for each evening J with its parts, the waits of those who asked for the car at once,
    the kerb's overflow, and J over a bound that no policy can beat; then medians. The same seed
    gives the same figures bit for bit: searching is counted in rounds, not in seconds. Only the
    processor time per decision differs from run to run.
    """
    make = POLICIES[policy]
    if rounds is not None:
        if policy != "sequence":
            raise click.UsageError(f"--rounds: {policy} does not search")
        make = _searching(rounds)
    rows = []
    for evening in _evenings(file, shape, count, seed):
        rows.append(row(evening, runners, play(evening, runners, make, seed)))
        if not as_json:
            click.echo(line(rows[-1]))
    asked = {"policy": policy, "runners": runners, "seed": seed}
    if as_json:
        click.echo(json.dumps({**asked, "medians": medians(rows), "evenings": rows}))
        return
    click.echo(json.dumps({**asked, "medians": medians(rows)}))


def _evenings(file: Path | None, shape: str | None, count: int, seed: int) -> Sequence[Evening]:
    if (file is None) == (shape is None):
        raise click.UsageError("give either --evenings FILE or --shape NAME")
    if file is None:
        assert shape is not None
        return [make_evening(SHAPES[shape], seed + index, shape) for index in range(count)]
    try:
        return read_evenings(file)
    except EveningError as error:
        raise click.ClickException(str(error)) from None


def _searching(rounds: int) -> MakePolicy:
    settings = SequenceSettings(rounds=rounds)
    return lambda ground, runners, seed: RollingSequence(ground, runners, seed, settings)
