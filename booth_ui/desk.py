"""What every screen needs at hand: the station, the words, and the once-tokens of forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask, current_app, g, request

from booth_ui.bundle import bundle_names
from booth_ui.half_typed import HalfTyped
from booth_ui.last_page import LastPage
from booth_ui.once import OnceTokens
from booth_ui.undo import Undo
from booth_ui.viewer import Viewer, viewer_of
from reader_agent.practice import Practice
from reader_agent.station import Station
from schemas.catalog import Catalog

TRANSLATIONS = Path(__file__).resolve().parent / "translations"
_NAME = "desk"


@dataclass(frozen=True, slots=True)
class Desk:
    """One station's screen side. `practice` says which station is meant; None where nobody can
    practise."""

    station: Station
    practice: Practice | None = None
    catalog: Catalog = field(default_factory=lambda: Catalog(TRANSLATIONS))
    bundle: dict[str, str] = field(default_factory=bundle_names)
    once: OnceTokens = field(default_factory=OnceTokens)
    half_typed: HalfTyped = field(default_factory=HalfTyped)
    undo: Undo = field(default_factory=Undo)
    last_page: LastPage = field(default_factory=LastPage)


def put_desk(app: Flask, desk: Desk) -> None:
    """Give `app` its desk."""
    app.extensions[_NAME] = desk


def desk() -> Desk:
    """The desk of the app that answers the current request."""
    found = current_app.extensions[_NAME]
    assert isinstance(found, Desk)
    return found


def station() -> Station:
    """The station of the current request: while somebody practises, not the real one."""
    found = desk()
    return found.station if found.practice is None else found.practice.station


def viewer() -> Viewer:
    """Who reads the answer to the current request; the same object for the whole request."""
    if "viewer" not in g:
        g.viewer = viewer_of(request, desk().catalog, station().now())
    found = g.viewer
    assert isinstance(found, Viewer)
    return found
