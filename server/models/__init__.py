"""The cloud's tables, one noun per file. Importing this package registers all of them."""

from __future__ import annotations

from server.models.calibration import CalibrationRow, PromiseOutcomeRow
from server.models.card import CardKeyRow, CardReadRow, CardRow, TapFailureRow
from server.models.change import ChangeRow
from server.models.data_key import DataKeyRow
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
from server.models.lease import LeaseRow
from server.models.leg_time import LegTimeRow
from server.models.link import LinkRow
from server.models.message import MessageRow
from server.models.message_text import MessageTextRow
from server.models.move import MoveRow
from server.models.photo import PhotoRow
from server.models.planner_state import PlannerStateRow
from server.models.promise import PromiseRow
from server.models.purge import PurgeRow
from server.models.report_schedule import ReportRunRow, ReportScheduleRow
from server.models.request import RequestRow
from server.models.ride import RideRow
from server.models.session import AccountRow, SessionRow
from server.models.shift import ShiftRow
from server.models.sign_in import (
    CityAccountRow,
    CitySignInRow,
    PasskeyChallengeRow,
    PasskeyRow,
    RecoveryCodeRow,
    SecondFactorRow,
    SignInRow,
    StaffPinRow,
)
from server.models.station import (
    EnrolTryRow,
    StationCodeRow,
    StationKeyRow,
    StationLifeRow,
    StationNonceRow,
    StationRow,
)
from server.models.table import Table
from server.models.tariff import TariffRow
from server.models.visit import VisitRow
from server.models.visit_figures import (
    FigureStateRow,
    HeldFigureRow,
    IncidentFigureRow,
    RequestFigureRow,
    StandFigureRow,
    VisitFigureRow,
)
from server.models.what_if import WhatIfRow
from server.models.work_figures import (
    DriveFigureRow,
    KeyCheckFigureRow,
    ShiftFigureRow,
    StationFigureRow,
    WorkFigureRow,
)
from server.models.worker import PlannerSearchRow, WorkerRow

__all__ = [
    "AccountRow",
    "CalibrationRow",
    "CardKeyRow",
    "CardReadRow",
    "CardRow",
    "ChangeRow",
    "CityAccountRow",
    "CitySignInRow",
    "ClosureRow",
    "DataKeyRow",
    "DayRefusalRow",
    "DayRootRow",
    "DaySpanRow",
    "DistrictRow",
    "DriveFigureRow",
    "DriverNoteRow",
    "DriverTryRow",
    "EnrolTryRow",
    "EventRow",
    "FigureStateRow",
    "GuestLookRow",
    "GuestRow",
    "HeldFigureRow",
    "IncidentFigureRow",
    "JournalRow",
    "KeyCheckFigureRow",
    "LeaseRow",
    "LegTimeRow",
    "LinkRow",
    "MessageRow",
    "MessageTextRow",
    "Mirrored",
    "MoveRow",
    "OtherGuestRow",
    "PasskeyChallengeRow",
    "PasskeyRow",
    "PersonRow",
    "PhotoRow",
    "PlaceRow",
    "PlannerSearchRow",
    "PlannerStateRow",
    "PromiseOutcomeRow",
    "PromiseRow",
    "PurgeRow",
    "QuarantineRow",
    "RecoveryCodeRow",
    "ReportRunRow",
    "ReportScheduleRow",
    "RequestFigureRow",
    "RequestRow",
    "RideRow",
    "SecondFactorRow",
    "SessionRow",
    "ShiftFigureRow",
    "ShiftRow",
    "SignInRow",
    "StaffPinRow",
    "StandFigureRow",
    "StationCodeRow",
    "StationFigureRow",
    "StationKeyRow",
    "StationLifeRow",
    "StationNonceRow",
    "StationRow",
    "Table",
    "TagRow",
    "TapFailureRow",
    "TariffRow",
    "TravelRow",
    "VisitFigureRow",
    "VisitRow",
    "WhatIfRow",
    "WorkFigureRow",
    "WorkerRow",
]
