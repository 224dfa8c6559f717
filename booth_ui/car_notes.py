"""What was noted of a car at its reception, in words."""

from __future__ import annotations

from booth_ui.viewer import Viewer
from schemas.reception import COLOURS, DAMAGES, HANDLING, ZONES, Damage, Reception


def notes_of(reception: Reception, viewer: Viewer) -> list[str]:
    """Colour, handling and damage; nothing for what nobody noted or this agent does not know."""
    notes = driving_notes(reception, viewer)
    if reception.damage is not None:
        notes += [_mark(mark, viewer) for mark in reception.damage] or [
            viewer.t("receive.no_damage")
        ]
    return notes


def driving_notes(reception: Reception, viewer: Viewer) -> list[str]:
    """What a runner looks for and must know before driving: colour and handling."""
    notes = []
    if reception.colour in COLOURS:
        notes.append(viewer.t(f"colour.{reception.colour}"))
    return notes + [viewer.t(f"handling.{name}") for name in reception.handling if name in HANDLING]


def _mark(mark: Damage, viewer: Viewer) -> str:
    known = mark.zone in ZONES and mark.kind in DAMAGES
    if not known:
        return viewer.t("receive.step_damage")
    return f"{viewer.t(f'zone.{mark.zone}')}: {viewer.t(f'damage.{mark.kind}')}"
