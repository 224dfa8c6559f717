"""The page that is open, where one screen of the station has several: a PIN in between comes back
to it.

To a tap the digits of a hand-over and the supervisor's reasons are one screen; to whoever was asked
for a badge at the reasons they are not.
"""

from __future__ import annotations

_Page = tuple[str, str | None, str]


class LastPage:
    """Screen, visit and path of the page that was opened last. Put at once, so thread-safe."""

    def __init__(self) -> None:
        self._page: _Page | None = None

    def put(self, screen: str, visit_id: str | None, path: str) -> None:
        """Somebody opened a page."""
        self._page = (screen, visit_id, path)

    def path(self, screen: str | None, visit_id: str | None) -> str | None:
        """Its path, if it is this screen; None where a tap led there instead."""
        page = self._page
        return page[2] if page is not None and page[:2] == (screen, visit_id) else None
