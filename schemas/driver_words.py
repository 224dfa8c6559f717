"""What a driver says on the page of the link, besides asking for the car: `about` of an event of
type `visit.told`. None of it moves the car, and all of it fits every state of a visit."""

from __future__ import annotations

LANGUAGE = "language"
PLAN = "plan"
CAR_OK = "car_ok"
PROBLEM = "problem"
RATING = "rating"
SHARED = "shared"
UNSHARED = "unshared"
ERASED = "erased"
TOLD = (LANGUAGE, PLAN, CAR_OK, PROBLEM, RATING, SHARED, UNSHARED, ERASED)

STARS_MAX = 5
PHOTOS_MAX = 4
"""How many photos one report of a problem brings at most."""
