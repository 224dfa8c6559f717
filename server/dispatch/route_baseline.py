"""First come, first served, by the runner who can be there first: what a search has to beat."""

from __future__ import annotations

from server.dispatch.route_problem import NEVER_MIN, Drive, RouteProblem


def first_come(problem: RouteProblem) -> list[list[int]]:
    """The plan without looking ahead; ties go to the first runner and the first drive."""
    routes: list[list[int]] = [[] for _ in problem.free_min]
    free, place = list(problem.free_min), [-1 for _ in problem.free_min]

    def arrival(runner: int, drive: Drive) -> float:
        if place[runner] < 0:
            latest = free[runner] + NEVER_MIN
            return min(problem.arrival_min[runner][drive.origin], latest)
        return free[runner] + min(problem.empty_min[place[runner]][drive.origin], NEVER_MIN)

    for index in sorted(range(len(problem.moves)), key=lambda i: _asked(problem.moves[i])):
        drive = problem.moves[index]
        there, runner = min(
            (arrival(runner, drive), runner)
            for runner in range(len(routes))
            if not problem.barred or index not in problem.barred[runner]
        )
        routes[runner].append(index)
        free[runner] = max(there, drive.release_min) + drive.loaded_min
        place[runner] = drive.destination
    return routes


def _asked(drive: Drive) -> float:
    return max(drive.known_min, drive.release_min)
