"""The planners that a night can be played with: the live one, and what it is measured against."""

from __future__ import annotations

from collections.abc import Mapping

from server.dispatch import assignment, first_come, planner
from server.dispatch.plan import Planner
from server.dispatch.route_search import Budget

POLICIES: Mapping[str, Planner] = {
    first_come.POLICY: first_come.plan,
    assignment.POLICY: assignment.plan,
    "live": planner.plan,
}
# A tenth of what the live planner searches: a third of the time, and plans one or two in a hundred
# dearer. `simulate --rounds 40` plays as it is live.
BUDGET = Budget(rounds=4)
