"""The cloud's tables, one noun per file. Importing this package registers all of them."""

from __future__ import annotations

from server.models.calibration import CalibrationRow, PromiseOutcomeRow
from server.models.card import CardKeyRow, CardReadRow, CardRow, TapFailureRow
from server.models.day_root import DayRefusalRow, DayRootRow, DaySpanRow
from server.models.district import (
    ClosureRow,
    DistrictRow,
    Mirrored,
    PersonRow,
    PlaceRow,
    TagRow,
    TravelRow,
)
from server.models.driver import DriverNoteRow, DriverTryRow, GuestLookRow
from server.models.event import EventRow, JournalRow, QuarantineRow
from server.models.guest import GuestRow, OtherGuestRow
from server.models.leg_time import LegTimeRow
from server.models.link import LinkRow
from server.models.message import MessageRow
from server.models.move import MoveRow
from server.models.photo import PhotoRow
from server.models.planner_state import PlannerStateRow
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
    "CalibrationRow",
    "CardKeyRow",
    "CardReadRow",
    "CardRow",
    "ClosureRow",
    "DayRefusalRow",
    "DayRootRow",
    "DaySpanRow",
    "DistrictRow",
    "DriverNoteRow",
    "DriverTryRow",
    "EnrolTryRow",
    "EventRow",
    "GuestLookRow",
    "GuestRow",
    "JournalRow",
    "LegTimeRow",
    "LinkRow",
    "MessageRow",
    "Mirrored",
    "MoveRow",
    "OtherGuestRow",
    "PersonRow",
    "PhotoRow",
    "PlaceRow",
    "PlannerStateRow",
    "PromiseOutcomeRow",
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
