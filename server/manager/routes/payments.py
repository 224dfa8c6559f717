"""What was paid for a stay, written down by hand."""

from __future__ import annotations

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from schemas.payment import FISCAL_CHARS_MAX, REFERENCE_CHARS_MAX
from server import clock
from server.app import services
from server.manager.blueprint import blueprint, person
from server.payments import Payment, read_cents, record_payment
from server.permissions import Permission, needs


@blueprint.post("/visits/<visit_id>/payments")
@needs(Permission.DECIDE)
def pay(visit_id: str) -> Response:
    """Record a payment: `method`, `amount`, and perhaps `fiscal` and `reference`."""
    found, actor = services(), person().id
    paid = Payment(
        clock.now(),
        method=request.form.get("method", ""),
        cents=read_cents(request.form.get("amount", "")),
        fiscal=_text("fiscal", FISCAL_CHARS_MAX),
        reference=_text("reference", REFERENCE_CHARS_MAX),
    )
    found.database.write(
        lambda session: record_payment(session, found.config, found.key, visit_id, paid, actor)
    )
    return redirect(url_for("manager.visit", visit_id=visit_id, said="paid"), 303)


def _text(name: str, most: int) -> str | None:
    text = request.form.get(name, "").replace("\0", "").strip()[:most]
    return text or None
