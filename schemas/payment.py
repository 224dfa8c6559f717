"""What was paid for a stay: one event of type `visit.paid` for each payment, recorded beside the
car's way, so that a late payment never blocks a key.

It is no fiscal document: in Panama that is the electronic invoice of the DGI, whose number may
stand beside (`fiscal`).
"""

from __future__ import annotations

CASH = "cash"
CARD = "card"
YAPPY = "yappy"
VALIDATION = "validation"
"""A shop or restaurant pays for its guest."""
COURTESY = "courtesy"
"""Nobody pays: the house does not want it."""
METHODS = (CASH, CARD, YAPPY, VALIDATION, COURTESY)

CENTS_MAX = 10_000_00
"""What one payment may come to. A negative one was given back."""
FISCAL_CHARS_MAX = 80
REFERENCE_CHARS_MAX = 40
