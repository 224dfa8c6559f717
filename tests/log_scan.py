"""Looks through all that the suite logs for what no log may hold: phones, plates and tokens.

A pytest plugin (registered in tests/conftest.py). When a test ends, it reads

- what the test's own process printed or logged, as pytest captured it, and what
  `structlog.testing.capture_logs` took away;
- what the processes printed that the test had started: into a file, or into a pipe that was read
  to its end. A process that lives for a whole module is read on where the last test left off.

A test in whose output something is found fails, whatever else it checked. Every plate of the suite
has two letters and four digits, every phone one of a few numbers.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import structlog

_PHONES = "61234567|61234568|61111111|62222222|69999999"
SECRETS = {
    "phone": re.compile(rf"\+507[0-9]{{7,8}}\b|(?<![\w.])(?:{_PHONES})\b"),
    "plate": re.compile(r"(?<!\w)[A-Z]{2}[0-9]{4}(?!\w)"),
    # Of a link (22 letters) or a session (43), base64url; letters, capitals and digits in it.
    "token": re.compile(
        r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])"
        r"(?:[A-Za-z0-9_-]{22}|[A-Za-z0-9_-]{43})(?![\w=-])"
    ),
}
_MARK = "shows_secrets"
_SECTIONS = ("stdout", "stderr", "log")


def secrets_in(text: str) -> Iterator[tuple[str, str]]:
    """What is found in a text: of which kind, and the line (without the secret)."""
    for line in text.splitlines():
        for kind, pattern in SECRETS.items():
            if pattern.search(line):
                yield kind, pattern.sub("…", line)[:300]


class LogScan:
    """The plugin; one for each pytest process."""

    def __init__(self) -> None:
        self._taken: list[str] = []
        self._outputs: list[tuple[subprocess.Popen[Any], BinaryIO]] = []

    def pytest_configure(self) -> None:
        """Listen to what tests take out of the logs, and to the processes that they start."""
        log_capture = structlog.testing.LogCapture
        started, ended = subprocess.Popen.__init__, subprocess.Popen.communicate
        capture = log_capture.__call__

        def take(capturing: Any, logger: Any, name: str, event: dict[str, Any]) -> Any:
            self._taken.append(json.dumps(event, default=str))
            return capture(capturing, logger, name, event)

        def start(process: Any, *arguments: Any, **options: Any) -> None:
            started(process, *arguments, **options)
            for name in ("stdout", "stderr"):
                self._follow(process, options.get(name))

        def end(process: Any, *arguments: Any, **options: Any) -> Any:
            said = ended(process, *arguments, **options)
            for part in said:
                if part:
                    text = part if isinstance(part, str) else part.decode("utf-8", "replace")
                    self._taken.append(text)
            return said

        log_capture.__call__ = take  # type: ignore[method-assign,assignment]
        subprocess.Popen.__init__ = start  # type: ignore[method-assign,assignment]
        subprocess.Popen.communicate = end  # type: ignore[method-assign,assignment]

    def _follow(self, process: subprocess.Popen[Any], output: object) -> None:
        name = getattr(output, "name", None)
        if isinstance(name, str) and Path(name).is_file():
            # Opened at once: the test may remove the file.
            self._outputs.append((process, open(name, "rb")))  # noqa: SIM115, PTH123

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a test that has ended and in whose logs there is a secret."""
        report = yield
        if call.when == "teardown" and not item.get_closest_marker(_MARK):
            found = sorted(set(secrets_in("\n".join(self._said(report)))))
            if found and report.outcome == "passed":
                report.outcome = "failed"
                report.longrepr = "\n".join(f"logged a {kind}: {line}" for kind, line in found)
        elif call.when == "teardown":
            list(self._said(report))
        return report

    def _said(self, report: pytest.TestReport) -> Iterator[str]:
        for title, content in report.sections:
            if any(name in title for name in _SECTIONS):
                yield content
        yield from self._taken
        self._taken.clear()
        going_on = []
        for process, output in self._outputs:
            yield output.read().decode("utf-8", "replace")
            if process.poll() is None:
                going_on.append((process, output))
            else:
                output.close()
        self._outputs = going_on
