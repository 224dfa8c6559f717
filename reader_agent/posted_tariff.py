"""The tariff that a booth has to show: its versions, as the cloud tells them with each place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, validate


@dataclass(frozen=True, slots=True)
class PostedTariff:
    """A version for the cars received from `valid_from` on; `posted`: its wording by language."""

    valid_from: datetime
    minute_cents: int
    posted: Mapping[str, str]

    def text(self, language: str) -> str:
        """The wording in a language, else in any."""
        return self.posted.get(language) or next(iter(self.posted.values()), "")


class PostedTariffSchema(Schema):
    """See `PostedTariff`."""

    # A newer cloud may say more than this agent understands.
    class Meta:
        unknown = EXCLUDE

    valid_from = fields.AwareDateTime(required=True, format="iso", default_timezone=None)
    minute_cents = fields.Integer(required=True, strict=True, validate=validate.Range(0, 1_000_000))
    posted = fields.Dict(keys=fields.String(), values=fields.String(), required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> PostedTariff:
        return PostedTariff(**data)


_SCHEMA = PostedTariffSchema(many=True)


def check_tariffs(told: Any) -> list[dict[str, Any]]:
    """What the cloud told, in the form that is stored. Raises marshmallow's `ValidationError`."""
    return documents_of(_SCHEMA.load([] if told is None else told))


def documents_of(tariffs: Iterable[PostedTariff]) -> list[dict[str, Any]]:
    """Versions as JSON has them."""
    return [
        {
            "valid_from": each.valid_from.isoformat(),
            "minute_cents": each.minute_cents,
            "posted": dict(each.posted),
        }
        for each in tariffs
    ]


def tariffs_of(documents: Sequence[Mapping[str, Any]]) -> tuple[PostedTariff, ...]:
    """The versions in stored documents."""
    return tuple(
        PostedTariff(
            datetime.fromisoformat(each["valid_from"]), each["minute_cents"], each["posted"]
        )
        for each in documents
    )


def in_force(tariffs: Iterable[PostedTariff], now: datetime) -> PostedTariff | None:
    """The version for a car that is received now; None before there was one."""
    begun = [each for each in tariffs if each.valid_from <= now]
    return max(begun, key=lambda each: each.valid_from, default=None)
