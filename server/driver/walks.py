"""How long it is on foot: from booth to booth, roughly, as the streets of an old town go."""

from __future__ import annotations

import math

from server.models import PlaceRow

# Streets are longer than the straight line between their ends.
DETOUR = 1.3


def walk_min(origin: PlaceRow, to: PlaceRow, m_per_min: int) -> int:
    """Whole minutes on foot, rounded up; 0 where one is there already."""
    line_m = math.hypot(to.x_m - origin.x_m, to.y_m - origin.y_m)
    return math.ceil(line_m * DETOUR / m_per_min)
