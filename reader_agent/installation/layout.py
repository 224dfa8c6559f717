"""Where a station's things lie. The units and templates in `reader_agent/data` use these names."""

from __future__ import annotations

from pathlib import Path

DATA = Path("/data")
"""The one partition that is written to."""
FOLDER = DATA / "valet"
LIBRARY = Path("/usr/local/lib/valet-agent")
KEEPER = LIBRARY / "keeper.py"
STARTING_PAGE = LIBRARY / "starting.html"
RELEASE_KEY = Path("/etc/valet-agent/release.pub")
UNIT = "valet-agent.service"
USER, USER_ID = "valet", 961
KIOSK_USER, KIOSK_ID = "valet-kiosk", 962
COMMAND = Path("/usr/local/bin/valet-agent")
