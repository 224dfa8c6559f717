"""Who may see and do what on the web: one table of roles, that the gate and the tests read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Protocol, TypeVar

from schemas.district import (
    ADMINISTRATOR,
    AUDITOR,
    DISPATCHER,
    MANAGER,
    RUNNER,
    SUPERVISOR,
    VALET,
)
from schemas.problems import Refusal


class Permission(StrEnum):
    """One thing that a person may see or do. A route that changes something needs `CHANGE` too."""

    # One's own sessions, password and second factor.
    OWN = "own"
    # The present day, and what the district is made of: places, names of people, tags.
    TODAY = "today"
    REPORTS = "reports"
    EXPORT = "export"
    SEARCH = "search"
    VISIT = "visit"
    # Phone numbers, and plates in full.
    PHONES = "phones"
    DECIDE = "decide"
    # What the law gives drivers at the office: all that is known of them, and to have it erased.
    DRIVERS = "drivers"
    PLACES = "places"
    CLOSURES = "closures"
    TARIFFS = "tariffs"
    PEOPLE = "people"
    STATIONS = "stations"
    TAGS = "tags"
    TEXTS = "texts"
    CHANGES = "changes"
    WHAT_IF = "what_if"
    # To send a form of any page: who lacks it only reads.
    CHANGE = "change"


_ALL = frozenset(Permission)
_ON_DUTY = frozenset(
    {
        Permission.OWN,
        Permission.TODAY,
        Permission.SEARCH,
        Permission.VISIT,
        Permission.PHONES,
        Permission.DECIDE,
        Permission.CHANGE,
    }
)

ALLOWED: Mapping[str, frozenset[Permission]] = {
    # The staff works at the stations and on the street: no pages of their own.
    VALET: frozenset(),
    RUNNER: frozenset(),
    # Decides on duty what is in dispute at a booth, and calls drivers.
    SUPERVISOR: _ON_DUTY,
    # Runs the night from the office: besides, closes streets and asks what would be.
    DISPATCHER: _ON_DUTY | {Permission.CLOSURES, Permission.WHAT_IF},
    # Answers for all of it. In a small district there is nobody else.
    MANAGER: _ALL,
    # Reads everything but drivers' numbers, changes nothing.
    AUDITOR: _ALL - {Permission.PHONES, Permission.DECIDE, Permission.DRIVERS, Permission.CHANGE},
    # Looks after accounts, machines and settings, and knows no driver.
    ADMINISTRATOR: frozenset(
        {
            Permission.OWN,
            Permission.TODAY,
            Permission.PEOPLE,
            Permission.STATIONS,
            Permission.TAGS,
            Permission.PLACES,
            Permission.TEXTS,
            Permission.CHANGES,
            Permission.CHANGE,
        }
    ),
}


class HasRoles(Protocol):
    """Somebody with roles: a row of the people, or what a test makes up."""

    @property
    def roles(self) -> Iterable[str]: ...


_View = TypeVar("_View", bound=Callable[..., object])
_NEEDED = "_needed_permission"
_FOR_ALL = "for_all"
_ONLY_ASKS = "_only_asks"
_ONLY_OWN = "_only_own"


def may(person: HasRoles | None, permission: Permission) -> bool:
    """Whether one of the person's roles allows this. Nobody may nothing."""
    if person is None:
        return False
    return any(permission in ALLOWED.get(role, ()) for role in person.roles)


def has_pages(person: HasRoles) -> bool:
    """Whether any of the person's roles has pages on the web at all."""
    return any(ALLOWED.get(role) for role in person.roles)


def needs(permission: Permission) -> Callable[[_View], _View]:
    """Mark a route with what it takes to open it. Stands under the line with its address."""

    def mark(view: _View) -> _View:
        setattr(view, _NEEDED, permission)
        return view

    return mark


def only_asks(view: _View) -> _View:
    """Mark a form that changes nothing: it is sent only so that its words stay out of addresses."""
    setattr(view, _ONLY_ASKS, True)
    return view


def only_own(view: _View) -> _View:
    """Mark a form that changes nothing but what is the person's own, which everybody may."""
    setattr(view, _ONLY_OWN, True)
    return view


def for_everybody(view: _View) -> _View:
    """Mark a route that somebody who is not signed in may open too."""
    setattr(view, _NEEDED, _FOR_ALL)
    return view


def is_for_everybody(view: Callable[..., object] | None) -> bool:
    """Whether the route is open to those who are not signed in."""
    return getattr(view, _NEEDED, None) == _FOR_ALL


def needed(view: Callable[..., object] | None) -> Permission | None:
    """What a route was marked with; None for one without a mark and for an open one."""
    found = getattr(view, _NEEDED, None)
    return found if isinstance(found, Permission) else None


def check(person: HasRoles, view: Callable[..., object] | None, *, is_change: bool) -> None:
    """Let a person through to a route. Raises `Refusal("not_allowed")`.

    A route that nobody has marked lets nobody in. `is_change`: the request can change something,
    so it needs `CHANGE` besides.
    """
    wanted = needed(view)
    if wanted is None or not may(person, wanted):
        raise Refusal("not_allowed")
    is_free = getattr(view, _ONLY_ASKS, False) or getattr(view, _ONLY_OWN, False)
    is_change = is_change and not is_free
    if is_change and not may(person, Permission.CHANGE):
        raise Refusal("not_allowed")
