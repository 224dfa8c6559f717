"""A Chromium for the browser tests: where it is, and pages that never leave this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    WebError,
    expect,
    sync_playwright,
)

from tests.network_guard import is_local

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_GET = (
    "The browser tests need a Chromium: run `make test` as root or with a sudo that asks no "
    "password, or `apt-get install chromium`, or `.venv/bin/playwright install --with-deps "
    "chromium`, or set VALET_TEST_CHROMIUM to the path of one."
)
HOW_TO_START_DRIVER = (
    "Playwright's own Node does not start; on a bare Debian it lacks a library: "
    "`apt-get install libatomic1`, or set PLAYWRIGHT_NODEJS_PATH to another Node."
)
# Nothing at the start may look for other machines: there may be no network at all.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-first-run",
)
WAIT_MS = 30_000


class ChromiumMissing(Exception):
    """There is no Chromium on this machine; the message says how to get one."""


def find_executable() -> Path | None:
    """Return a Chromium's path: the one named by the environment, the system's, Playwright's."""
    named = os.environ.get("VALET_TEST_CHROMIUM")
    if named:
        return Path(named) if os.access(named, os.X_OK) else None
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    return _playwrights_own()


def find_driver() -> Path | None:
    """Return the Node that drives the browser, None where it does not start."""
    node, script = compute_driver_executable()
    asked = subprocess.run([node, script, "--version"], check=False, capture_output=True)
    return Path(node) if asked.returncode == 0 else None


def _playwrights_own() -> Path | None:
    """Return the newest Chromium that `playwright install` left behind, None without one."""
    folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    home = Path(folder) if folder else Path.home() / ".cache" / "ms-playwright"
    builds = sorted(home.glob("chromium-*/chrome-linux*/chrome"))
    return builds[-1] if builds else None


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run one headless Chromium for the length of the block; raises ChromiumMissing."""
    executable = find_executable()
    if executable is None:
        raise ChromiumMissing(HOW_TO_GET)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=executable,
            args=list(ARGUMENTS),
            # Root cannot have the sandbox, and only our own pages are opened.
            chromium_sandbox=False,
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Pages:
    """Opens pages as the people of the district see them, and remembers what went wrong on them.

    `strays` are requests that left this machine (they are blocked), `errors` uncaught exceptions
    of a page's script. A test that expects one clears it.
    """

    browser: Browser
    strays: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        *,
        locale: str = "es-PA",
        width: int = 800,
        height: int = 480,
        javascript: bool = True,
        touch: bool = False,
        dark: bool = False,
    ) -> Page:
        """Open an empty page with cookies of its own; sizes are CSS pixels."""
        context = self.browser.new_context(
            locale=locale,
            timezone_id="America/Panama",
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            has_touch=touch,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            service_workers="block",
        )
        context.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        context.on("request", self._note_stray)
        context.on("weberror", self._note_error)
        self.contexts.append(context)
        return context.new_page()

    def close(self) -> None:
        """Close every page."""
        for context in self.contexts:
            context.close()

    def assert_clean(self) -> None:
        """Fail for a request off this machine or an uncaught error on any page."""
        assert not self.strays, f"pages asked for things off this machine: {self.strays}"
        assert not self.errors, f"scripts failed: {self.errors}"

    def _note_stray(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and not is_local(url.hostname):
            self.strays.append(request.url)

    def _note_error(self, error: WebError) -> None:
        self.errors.append(str(error.error))
