"""`valet-server sun`: what a card's link says, and whether the cloud would take it now."""

from __future__ import annotations

import json

import click
from sqlalchemy.orm import Session

from schemas.district import TAG_ACTIVE
from schemas.sun import SunError, SunMessage, decrypt_picc, read_sun_url, verify_sun
from server import cards
from server.card_keys import CardSecret, card_secret
from server.config import Config
from server.database import Database
from server.keys.root import existing_root
from server.models import TagRow

FRESH = "fresh"
STALE = "stale"
NOT_ENROLLED = "not_enrolled"
WRONG = "wrong"


@click.command("sun")
@click.argument("url")
@click.pass_obj
def sun(config: Config, url: str) -> None:
    """Print what a SUN link says under this cloud's keys, as one JSON object; changes nothing.

    `verdict` is what a tap with it would meet: fresh, stale (its counter is not higher than the
    last one), wrong (no card of ours said it), not_enrolled, lost or retired. The exit status is
    0 if it is fresh and 1 if not; then UID and counter are only what the link claims.
    """
    try:
        message = read_sun_url(url)
    except SunError as error:
        raise click.UsageError(str(error)) from None
    secret = card_secret(existing_root(config))
    database = Database(config.database_url)
    try:
        fact = database.read(lambda session: _fact(session, secret, message))
    finally:
        database.close()
    click.echo(json.dumps(fact, ensure_ascii=False))
    if fact["verdict"] != FRESH:
        raise SystemExit(1)


def _fact(session: Session, secret: CardSecret, message: SunMessage) -> dict[str, object]:
    uid, counter = decrypt_picc(message, secret.meta) or (None, None)
    read = verify_sun(message, secret.meta, secret.file)
    tag = None if uid is None else session.get(TagRow, f"nfca:{uid}")
    last = None if uid is None else cards.last_counter(session, f"nfca:{uid}")
    verdict = WRONG if read is None else _verdict(tag, read.counter, last)
    return {
        "uid": uid,
        "tag": None if uid is None else f"nfca:{uid}",
        "counter": counter,
        "mac": "wrong" if read is None else "ok",
        "mode": message.mode,
        "kind": None if tag is None else tag.kind,
        "label": None if tag is None else tag.label,
        "status": None if tag is None else tag.status,
        "last_counter": last,
        "verdict": verdict,
    }


def _verdict(tag: TagRow | None, counter: int, last: int | None) -> str:
    if tag is None:
        return NOT_ENROLLED
    if tag.status != TAG_ACTIVE:
        return tag.status
    return FRESH if last is None or counter > last else STALE
