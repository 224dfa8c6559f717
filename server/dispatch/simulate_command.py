"""`valet-server simulate`: nights of a scenario, or plain evenings, played by a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from server.config import Config, load_config
from server.dispatch.evening_data import Evening, EveningError, read_evenings
from server.dispatch.evening_generator import SHAPES, make_evening
from server.dispatch.evening_play import MakePolicy, play
from server.dispatch.evening_report import line, medians, row
from server.dispatch.policy_assignment import Assignment
from server.dispatch.policy_first_come import FirstCome
from server.dispatch.policy_sequence import RollingSequence, SequenceSettings
from server.dispatch.route_search import Budget
from server.dispatch.scenario_data import Scenario, Shift
from server.dispatch.scenario_file import SCENARIOS, ScenarioError, read_scenario
from server.dispatch.scenario_file import on_foot as walking
from server.dispatch.twin_bound import bound_s
from server.dispatch.twin_figures import cpu_figures, figures
from server.dispatch.twin_play import play_night
from server.dispatch.twin_policies import POLICIES as PLANNERS
from server.dispatch.twin_promises import LiveWindows

POLICIES: dict[str, MakePolicy] = {
    "first_come": FirstCome,
    "assignment": Assignment,
    "sequence": RollingSequence,
}
_MOST_RUNNERS = 1000
_EVENING_RUNNERS = 20
# Of a scenario's runners, with more the same shifts begin anew.
_MOST_TIMES = 4
_ALL_POLICIES = list(dict.fromkeys([*POLICIES, *PLANNERS]))


@click.command("simulate")
@click.option("--scenario", help=f"A night: {', '.join(SCENARIOS)}, or a file.")
@click.option("--evenings", "file", type=click.Path(path_type=Path), help="Evenings, JSON.")
@click.option("--shape", type=click.Choice(sorted(SHAPES)), help="Or make evenings of this shape.")
@click.option("--count", type=click.IntRange(1), help="How many (shape: 5; scenario: 1).")
@click.option("--runners", type=click.IntRange(1, _MOST_RUNNERS), help="Evenings: 20.")
@click.option("--policy", type=click.Choice(_ALL_POLICIES), help="Best: live; evenings: sequence.")
@click.option("--seed", default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(0), help="Search rounds a plan.")
@click.option(
    "--slower", default=1.0, show_default=True, help="Scenario: true times over estimates."
)
@click.option("--on-foot", is_flag=True, help="Scenario: runners without a car walk.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
def simulate(
    scenario: str | None,
    file: Path | None,
    shape: str | None,
    count: int | None,
    runners: int | None,
    policy: str | None,
    seed: int,
    rounds: int | None,
    slower: float,
    on_foot: bool,
    as_json: bool,
) -> None:
    """Play nights with a policy and print what came of them.

    A scenario is played by events with the live planner's code over what the cloud would know.
    Evenings (`--evenings`, `--shape`) are the plain kind: minute by minute, times are exact.

    The same seed gives the same figures bit for bit: searching is counted in rounds, not in
    seconds. Only the processor time (`cpu`) differs from run to run.
    """
    if sum(each is not None for each in (scenario, file, shape)) != 1:
        raise click.UsageError("give --scenario NAME, --evenings FILE or --shape NAME")
    if scenario is not None:
        night = _read(scenario, runners, slower)
        if on_foot:
            night = walking(night)
        nights = _nights(night, policy or "live", seed, count, rounds)
        _print_nights(nights, {"scenario": scenario, "policy": policy or "live"}, as_json)
        return
    evenings = _evenings(file, shape, count or 5, seed)
    _play_evenings(
        evenings, runners or _EVENING_RUNNERS, policy or "sequence", seed, rounds, as_json
    )


def _read(name: str, runners: int | None, slower: float) -> Scenario:
    try:
        scenario = read_scenario(name)
    except ScenarioError as error:
        raise click.ClickException(str(error)) from None
    if runners is not None:
        if runners > _MOST_TIMES * len(scenario.runners):
            raise click.UsageError(
                f"--runners: the scenario has {len(scenario.runners)}, at most {_MOST_TIMES} times"
                " as many are played"
            )
        scenario = replace(scenario, runners=_so_many(scenario.runners, runners))
    return replace(scenario, noise=replace(scenario.noise, factor=slower * scenario.noise.factor))


def _so_many(shifts: Sequence[Shift], count: int) -> list[Shift]:
    """The first of them, or all, and some of them once more under other names."""
    rounds = range(1 + count // len(shifts))
    again = [
        replace(shift, id=f"{shift.id}-{number + 1}" if number else shift.id)
        for number in rounds
        for shift in shifts
    ]
    return again[:count]


def _nights(
    scenario: Scenario, policy: str, seed: int, count: int | None, rounds: int | None
) -> list[dict[str, Any]]:
    if policy not in PLANNERS:
        raise click.UsageError(f"--policy: {policy} plays no scenario; {', '.join(PLANNERS)} do")
    budget = None if rounds is None else Budget(rounds)
    config = click.get_current_context().find_object(Config) or load_config()
    rows = []
    for each in range(seed, seed + (count or 1)):
        night = play_night(scenario, policy, each, budget, LiveWindows(config))
        found = figures(scenario, night, bound_s(scenario, each))
        rows.append({"seed": each, **found, "cpu": cpu_figures(night)})
    return rows


def _print_nights(rows: Sequence[Mapping[str, Any]], asked: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asked, "nights": rows}))
        return
    for each in rows:
        wait, promised = each["wait"], each["promises"]
        click.echo(
            f"{asked['scenario']} {asked['policy']} {each['seed']}: {each['cars_asked_for']} cars"
            f", wait mean {wait['mean_min']:.1f} p95 {wait['p95_min']:.1f} min"
            f", overflow {each['overflow_min']:.0f} car-min, empty {each['empty_share']:.0%}"
            f" (walking {each['walking_share']:.0%}, {each['rides']['shared']} rides)"
            f", promises kept {promised.get('kept', 0):.0%}"
            f", cost {each['cost_min']:.2f} of at least {each['bound_min']:.2f} min a car"
        )


def _play_evenings(
    evenings: Sequence[Evening],
    runners: int,
    policy: str,
    seed: int,
    rounds: int | None,
    as_json: bool,
) -> None:
    if policy not in POLICIES:
        raise click.UsageError(f"--policy: {policy} plays no evening; {', '.join(POLICIES)} do")
    make = POLICIES[policy]
    if rounds is not None:
        if policy != "sequence":
            raise click.UsageError(f"--rounds: {policy} does not search")
        make = _searching(rounds)
    rows = []
    for evening in evenings:
        rows.append(row(evening, runners, play(evening, runners, make, seed)))
        if not as_json:
            click.echo(line(rows[-1]))
    asked = {"policy": policy, "runners": runners, "seed": seed}
    if as_json:
        click.echo(json.dumps({**asked, "medians": medians(rows), "evenings": rows}))
        return
    click.echo(json.dumps({**asked, "medians": medians(rows)}))


def _evenings(file: Path | None, shape: str | None, count: int, seed: int) -> Sequence[Evening]:
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
