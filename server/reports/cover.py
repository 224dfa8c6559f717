"""What stands above a report in every file and mail: of what it is, and how far it is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.reports.asked import Asked
from server.reports.reach import Reach
from server.reports.wording import Wording


@dataclass(frozen=True, slots=True)
class Cover:
    """`about`: a line each of the district, days, filters and comparison. `provisional`: why
    figures may still change, empty where they will not."""

    title: str
    about: Sequence[str]
    made_at: datetime
    provisional: str = ""


def cover_of(words: Wording, name: str, asked: Asked, reach: Reach | None, now: datetime) -> Cover:
    """The cover of a report by its name. `reach`: how far it can be trusted, unless for good."""
    days = words.span_of_days(asked.range.first, asked.range.last)
    about = [f"{words.district} · {days}" if words.district else days]
    places = [words.places.get(each, each) for each in asked.places]
    if places:
        about.append(words.t("manage.report.only", places=", ".join(places)))
    about.append(compared(words, asked))
    about.append(words.t("manage.report.made", moment=words.moment(now), zone=words.zone.key))
    provisional = "" if reach is None else why_provisional(words, reach)
    return Cover(words.t(f"manage.report.{name}"), about, now, provisional)


def compared(words: Wording, asked: Asked) -> str:
    """With which days the figures are compared."""
    before = asked.before
    if before is None:
        return words.t("manage.report.not_compared")
    days = words.span_of_days(before.range.first, before.range.last)
    return words.t("manage.report.compared", days=days)


def why_provisional(words: Wording, reach: Reach) -> str:
    """Which stations may still hold events, and whether some wait to be counted; or nothing."""
    if not reach.is_provisional:
        return ""
    reasons = []
    if reach.is_behind:
        reasons.append(words.t("manage.report.behind"))
    if reach.missing:
        names = ", ".join(station.place_name for station in reach.missing)
        reasons.append(words.t("manage.report.missing", places=names))
    return f"{words.t('manage.report.provisional')} {' '.join(reasons)}"
