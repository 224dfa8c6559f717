"""`valet-server serve` in another time: the cloud as it was so many seconds ago.

python -m tests.fault.shifted_server <seconds>
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from server import clock
from server.config import load_config
from server.serve import serve


def main(ago_s: str) -> None:
    """Serve until killed."""
    ago = timedelta(seconds=float(ago_s))
    clock.now = lambda: datetime.now(UTC) - ago
    serve(load_config())


if __name__ == "__main__":
    main(*sys.argv[1:])
