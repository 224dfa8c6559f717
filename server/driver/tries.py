"""How many forms a link, or a network, may send in a while. Kept in the database, under keyed
digests: a restart forgives nobody, and the table tells nobody which addresses were here."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.database import insert_missing
from server.master_key import MasterKey
from server.models import DriverTryRow
from server.network_address import network_of

_PURPOSE = "driver-tries"


def count(
    session: Session, config: Config, key: MasterKey, token: str, address: str | None, now: datetime
) -> bool:
    """Note a form sent with `token` from `address`; whether that is still few enough."""
    begun = now - timedelta(seconds=config.driver_tries_s)
    session.execute(delete(DriverTryRow).where(DriverTryRow.begun_at <= begun))
    limits = {
        key.derive(_PURPOSE, "link", token).hex(): config.driver_tries_per_link,
        key.derive(_PURPOSE, "network", network_of(address)).hex(): config.driver_tries_per_address,
    }
    is_few = True
    # In one order, so that two who name the same ones do not wait for each other.
    for name, limit in sorted(limits.items()):
        insert_missing(session, DriverTryRow, key=name, tries=0, begun_at=now)
        tries = session.scalar(
            update(DriverTryRow)
            .where(DriverTryRow.key == name)
            .values(tries=DriverTryRow.tries + 1)
            .returning(DriverTryRow.tries),
            execution_options={"synchronize_session": False},
        )
        is_few = is_few and (tries or 0) <= limit
    return is_few


def check(is_few: bool) -> None:
    """Raises `Refusal("too_many_tries")` where it was too many."""
    if not is_few:
        raise Refusal("too_many_tries")
