"""Plays questions "what if" in a process of its own, so that messages and plans do not wait.

A night takes seconds of a whole core. The process is nice to the others and ends with the worker;
what it has not written down is played again.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
from collections.abc import Callable
from datetime import datetime
from multiprocessing.context import SpawnProcess

import structlog

from server import clock
from server.config import Config
from server.database import Database
from server.dispatch import what_if_jobs

log = structlog.get_logger()

_NICENESS = 10
_NS = 10**9


class WhatIfPlayer:
    """One worker's player: at most one process at a time."""

    def __init__(self, config: Config, database: Database) -> None:
        """Nothing is played yet."""
        self._config = config
        self._database = database
        self._name = ""
        self._process: SpawnProcess | None = None
        self._until_ns = 0

    @property
    def is_playing(self) -> bool:
        """Whether a process is at work."""
        return self._process is not None

    def once(self, now: Callable[[], datetime]) -> None:
        """See whether the process has ended, or has to be; begin with a question that waits."""
        if self._process is not None:
            if self._process.is_alive():
                if clock.mono_ns() > self._until_ns:
                    self._give_up(what_if_jobs.TOO_LONG, now())
                return
            if self._process.exitcode == 1:
                self._give_up(what_if_jobs.BROKEN, now())
            self.close()
        # The write lock is taken only where there is something to claim.
        if self._database.read(what_if_jobs.is_open):
            name, config = secrets.token_hex(8), self._config
            claimed = self._database.write(
                lambda session: what_if_jobs.claim(session, config, name, now())
            )
            if claimed is not None:
                self._begin(name, claimed)

    def close(self) -> None:
        """End the process, if there is one, and let another worker go on at once."""
        if self._process is None:
            return
        self._stop()
        name = self._name
        self._database.write(lambda session: what_if_jobs.release(session, name))

    def _begin(self, name: str, what_if_id: str) -> None:
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=_play, args=(self._config, name, what_if_id), daemon=True, name="what_if"
        )
        process.start()
        self._name, self._process = name, process
        # What it is allowed, and one night that it may be in the middle of.
        allowed_s = self._config.what_if_s + self._config.what_if_lease_s
        self._until_ns = clock.mono_ns() + allowed_s * _NS
        log.info("what_if_begun", what_if=what_if_id)

    def _give_up(self, fault: str, now: datetime) -> None:
        log.error("what_if_given_up", fault=fault)
        self._stop()
        name = self._name
        self._database.write(lambda session: what_if_jobs.fail(session, name, fault, now))

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.join()
            process.close()


def _play(config: Config, name: str, what_if_id: str) -> None:
    """The process: a question from where it is to its end."""
    os.nice(_NICENESS)
    database = Database(config.database_url, connections=1)
    try:
        what_if_jobs.play(database, config, name, what_if_id, clock.now)
    finally:
        database.close()
