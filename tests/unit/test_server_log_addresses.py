"""The web server's own log never holds the address that was asked for."""

from __future__ import annotations

import logging

import pytest
from gunicorn.config import Config

from server.serve import QuietLogger

SECRET = "picc_data=EF963FF7828658A599F3041510671E88"


@pytest.mark.parametrize(
    ("said", "args"),
    [
        ("Error handling request %s %s", ("GET", f"/t?{SECRET}")),
        ("Error handling request %s", (f"/t?{SECRET}",)),
        (f"Invalid request from ip=203.0.113.9: Invalid HTTP request line: 'GET /t?{SECRET}'", ()),
    ],
)
def test_what_goes_wrong_is_said_without_the_address(
    capfd: pytest.CaptureFixture[str], said: str, args: tuple[str, ...]
) -> None:
    logger = QuietLogger(Config())
    try:
        logger.error(said, *args)
        logger.error("Worker exiting (pid: %s)", 7)
    finally:
        for handler in logger.error_log.handlers[:]:
            logger.error_log.removeHandler(handler)
        logging.getLogger("gunicorn.error").filters.clear()

    output = capfd.readouterr().err
    assert "request" in output
    assert "Worker exiting (pid: 7)" in output
    assert SECRET not in output
    assert "203.0.113.9" not in output
