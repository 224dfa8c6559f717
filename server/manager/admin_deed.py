"""What an administrator's form does: one change, by who is signed in, for the reason given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import request
from sqlalchemy.orm import Session

from server import clock
from server.administration.record import Act, act_of
from server.app import services
from server.manager.admin_form import Draft, attempt
from server.manager.blueprint import person

T = TypeVar("T")


def submit(draft: Draft, change: Callable[[Session, Act], object]) -> Draft | None:
    """Make the change in one transaction; the form to show again if it cannot be made."""
    now, by = clock.now(), person().id

    def work() -> None:
        act = act_of(by, draft.reason, now)
        services().database.write(lambda session: change(session, act))

    return attempt(draft, work)


def do(change: Callable[[Session, Act], T]) -> T:
    """The same for a form that is nothing but its reason; what the change gives. Raises `BadForm`
    without a reason, and what the change refuses."""
    act = act_of(person().id, request.form.get("reason", ""), clock.now())
    return services().database.write(lambda session: change(session, act))
