"""Brings the PINs that were chosen or given here to the cloud, which tells the other stations.

Nothing here waits for it: a PIN counts at its own station at once, and what could not be sent is
sent when the line is back, also after a restart.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

import structlog

from reader_agent import cloud
from reader_agent.cloud import CloudLost
from reader_agent.sign_in.pin_rows import PinChange
from reader_agent.sign_in.pins import Pins
from reader_agent.station import Station
from schemas.problems import Refusal
from schemas.staff_pin import PINS_PATH

LOOK_EVERY_S = 5.0
_log = structlog.get_logger(__name__)


class Asker(Protocol):
    """Who signs and posts."""

    def ask(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Post a small JSON body; the body of a good answer. Raises `CloudLost`."""


class PinUpload:
    """One thread, from `start` to `stop`."""

    def __init__(self, pins: Pins, asker: Asker, is_online: Callable[[], bool]) -> None:
        self._pins = pins
        self._asker = asker
        self._is_online = is_online
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pins", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after what is under way."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def step(self) -> None:
        """Send what waits, the oldest first, while the line works."""
        for change in self._pins.rows.changes():
            if not self._is_online() or not self._sent(change):
                return

    def _sent(self, change: PinChange) -> bool:
        """Whether the cloud has answered, one way or the other."""
        try:
            answer = json.loads(self._asker.ask(PINS_PATH, asdict(change)))
            since = datetime.fromisoformat(answer["since"]).isoformat()
        except CloudLost as error:
            if error.code != cloud.BAD_REQUEST:
                return False
            # It would be refused again; at this station it stays, for a person to look at.
            _log.error("pin.refused", problem=error.problem)
            since = None
        except (ValueError, KeyError, TypeError):
            _log.error("pin.bad_answer")
            return False
        self._pins.was_told(change, since)
        return True

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                self.step()
            except Refusal as refusal:
                # The card fails: the screen says so already.
                _log.debug("pin.storage", code=refusal.code)
            except Exception:  # noqa: BLE001 - the edge of a loop that must not end
                _log.exception("pin.broke")


def pin_upload_of(station: Station, asker: Asker) -> PinUpload:
    """The upload of a station's PINs."""
    return PinUpload(station.pins, asker, lambda: station.uplink.is_online)
