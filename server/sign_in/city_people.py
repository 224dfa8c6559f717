"""Whose account of the city it is, and what the city says that they may do here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import may_sign_in
from server.administration.names import free_id
from server.administration.record import CHANGED, CREATED, PERSON, Act, Subject, note
from server.district import next_version
from server.models import CityAccountRow, PersonRow
from server.sessions import close_all
from server.sign_in.city_settings import CitySettings
from server.sign_in.pins import is_locked

BY_CITY = "city"
"""Stands for a person where the city's word changed something."""
_REASON = "OpenID Connect"
_NAME_CHARS = 60


def person_of(
    session: Session, city: CitySettings, claims: Mapping[str, Any], now: datetime
) -> str | None:
    """The id of whoever the claims are about; None for who has no pages here, or is locked out.

    Known by issuer and subject; at first by `person_claim`, where it names somebody who has no
    account of the city yet; else taken in anew. The roles that the settings name are the city's to
    give: they are taken over at each sign-in, so who leaves a group there leaves the role here.
    All others stay as they are.
    """
    roles = roles_in(city, claims)
    row = _known(session, city, claims)
    if row is None and not roles:
        return None
    if row is None:
        row = _taken_in(session, claims, roles, now)
    _link(session, city, str(claims["sub"]), row.id, now)
    _take_roles(session, city, row, roles, now)
    return row.id if may_sign_in(row) and not is_locked(session, row.id) else None


def roles_in(city: CitySettings, claims: Mapping[str, Any]) -> list[str]:
    """The roles that go with the groups of the claims, in the order of the settings."""
    said = claims.get(city.role_claim)
    groups = said if isinstance(said, list) else [said]
    named = {group for group in groups if isinstance(group, str)}
    return list(dict.fromkeys(role for group, role in city.roles.items() if group in named))


def _take_roles(
    session: Session, city: CitySettings, row: PersonRow, roles: list[str], now: datetime
) -> None:
    own = [role for role in row.roles if role not in city.roles.values()]
    wanted = [*own, *roles]
    if sorted(wanted) == sorted(row.roles):
        return
    version = next_version(session)
    before, after = {"roles": list(row.roles)}, {"roles": wanted}
    row.roles, row.version, row.edited_at = wanted, version, now
    act = Act(BY_CITY, _REASON, now)
    note(session, act, Subject(PERSON, row.id, row.name), CHANGED, before, after)
    close_all(session, row.id)
    session.flush()


def _known(session: Session, city: CitySettings, claims: Mapping[str, Any]) -> PersonRow | None:
    account = session.get(CityAccountRow, (city.issuer, str(claims["sub"])))
    if account is not None:
        return session.get(PersonRow, account.person_id)
    said = claims.get(city.person_claim) if city.person_claim else None
    row = session.get(PersonRow, said) if isinstance(said, str) else None
    if row is None:
        return None
    has_account = select(CityAccountRow).where(CityAccountRow.person_id == row.id).limit(1)
    return row if session.scalar(has_account) is None else None


def _taken_in(
    session: Session, claims: Mapping[str, Any], roles: list[str], now: datetime
) -> PersonRow:
    said = str(claims.get("name") or claims.get("preferred_username") or claims["sub"])
    name = " ".join(said.split())[:_NAME_CHARS] or "?"
    version = next_version(session)
    row = PersonRow(
        id=free_id(session, PersonRow, name, PERSON),
        name=name,
        roles=roles,
        is_active=True,
        version=version,
        breaks=[],
        edited_at=now,
    )
    session.add(row)
    subject = Subject(PERSON, row.id, name)
    values = {"name": name, "roles": roles}
    note(session, Act(BY_CITY, _REASON, now), subject, CREATED, None, values)
    session.flush()
    return row


def _link(
    session: Session, city: CitySettings, subject: str, person_id: str, now: datetime
) -> None:
    if session.get(CityAccountRow, (city.issuer, subject)) is None:
        session.add(
            CityAccountRow(issuer=city.issuer, subject=subject, person_id=person_id, linked_at=now)
        )
        session.flush()
