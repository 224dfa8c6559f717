"""The hashed names of the manager's built front-end files."""

from __future__ import annotations

import json
from pathlib import Path

DIST = Path(__file__).resolve().parent.parent / "static" / "dist"


def bundle_names(dist: Path = DIST) -> dict[str, str]:
    """`manage.js` and `manage.css` to the names they were built under.

    Raises `FileNotFoundError` when nothing was built (run `make assets`).
    """
    names = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
    return {str(name): str(hashed) for name, hashed in names.items()}
