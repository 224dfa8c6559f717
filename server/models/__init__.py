"""The cloud's tables, one noun per file. Importing this package registers all of them."""

from __future__ import annotations

from server.models.card import CardKeyRow, CardReadRow, CardRow, TapFailureRow
from server.models.day_root import DayRefusalRow, DayRootRow, DaySpanRow
from server.models.district import DistrictRow, Mirrored, PersonRow, PlaceRow, TagRow, TravelRow
from server.models.event import EventRow, JournalRow, QuarantineRow
from server.models.guest import GuestRow, OtherGuestRow
from server.models.link import LinkRow
from server.models.message import MessageRow
from server.models.move import MoveRow
from server.models.photo import PhotoRow
from server.models.promise import PromiseRow
from server.models.request import RequestRow
from server.models.session import AccountRow, SessionRow
from server.models.shift import ShiftRow
from server.models.station import (
    EnrolTryRow,
    StationCodeRow,
    StationKeyRow,
    StationLifeRow,
    StationNonceRow,
    StationRow,
)
from server.models.table import Table
from server.models.visit import VisitRow

__all__ = [
    "AccountRow",
    "CardKeyRow",
    "CardReadRow",
    "CardRow",
    "DayRefusalRow",
    "DayRootRow",
    "DaySpanRow",
    "DistrictRow",
    "EnrolTryRow",
    "EventRow",
    "GuestRow",
    "JournalRow",
    "LinkRow",
    "MessageRow",
    "Mirrored",
    "MoveRow",
    "OtherGuestRow",
    "PersonRow",
    "PhotoRow",
    "PlaceRow",
    "PromiseRow",
    "QuarantineRow",
    "RequestRow",
    "SessionRow",
    "ShiftRow",
    "StationCodeRow",
    "StationKeyRow",
    "StationLifeRow",
    "StationNonceRow",
    "StationRow",
    "Table",
    "TagRow",
    "TapFailureRow",
    "TravelRow",
    "VisitRow",
]
