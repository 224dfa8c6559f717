"""The first look at a card: the link that it says, read once when it is laid on a reader."""

from __future__ import annotations

from reader_agent.cards import type2, type4
from reader_agent.cards.conversation import GONE, Card, CardError, Talk
from reader_agent.cards.ndef import uri_of


def look(card: Card) -> Talk[str | None]:
    """The URI in the card's NDEF message; None if it has none, or cannot be read for one.

    Raises `CardError` `card_gone` only: a card that refuses or talks nonsense still has its UID,
    which is enough for most of what a booth does. Of a personalised NTAG 424 DNA each look costs
    one count of its counter.
    """
    try:
        if card.speaks_apdu:
            message = yield from type4.read_message()
        elif card.is_type2:
            message = yield from type2.read_message()
        else:
            return None
    except CardError as error:
        if error.code == GONE:
            raise
        return None
    return uri_of(message) if message is not None else None
