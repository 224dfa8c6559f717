"""The tariff's versions, with the wording that has to be posted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from schemas.catalog import LANGUAGES
from server import clock
from server.administration import tariffs
from server.administration.record import BadForm
from server.app import services
from server.manager import admin_form
from server.manager.admin_deed import do, submit
from server.manager.admin_form import Draft, fresh, sent
from server.manager.blueprint import blueprint, viewer
from server.models import TariffRow
from server.permissions import Permission, needs
from server.tariff import money, tariff_of

_IN_CENTS = ("flat_cents", "minute_cents", "most_cents")


@blueprint.get("/admin/tariffs")
@needs(Permission.TARIFFS)
def admin_tariffs() -> str:
    """The version in force, those to come and those that were, the newest first."""
    found, now = services(), clock.now()
    rows = found.database.read(
        lambda session: session.scalars(
            select(TariffRow).order_by(TariffRow.valid_from.desc())
        ).all()
    )
    standing = [row for row in rows if row.withdrawn_at is None]
    in_force = next((row for row in standing if row.valid_from <= now), None)
    return render_template(
        "manager/admin/tariffs.html",
        tariffs=rows,
        in_force=in_force,
        settings=tariff_of(found.config),
        money=money,
        now=now,
    )


@blueprint.get("/admin/tariffs/new")
@needs(Permission.TARIFFS)
def new_tariff() -> AnyResponse:
    """The form of a new version, with the prices of the version in force."""
    found, now = services(), clock.now()
    row = found.database.read(
        lambda session: session.scalar(
            select(TariffRow)
            .where(TariffRow.valid_from <= now, TariffRow.withdrawn_at.is_(None))
            .order_by(TariffRow.valid_from.desc())
            .limit(1)
        )
    )
    known = row or tariff_of(found.config)
    prices = {name: getattr(known, name) for name in tariffs.PRICES}
    posted = proposed(prices) if row is None else _posted(row.posted)
    return _form(fresh({"valid_from": None, **prices, **posted}))


@blueprint.post("/admin/tariffs/new")
@needs(Permission.TARIFFS)
def add_tariff() -> AnyResponse:
    """Make it; or (`action` propose) fill in the wording that these prices need."""
    draft = sent(request.form, _typed())
    if request.form.get("action") == "propose":
        wording = proposed(draft.values)
        return _form(Draft({**draft.values, **wording}, reason=draft.reason))

    again = submit(
        draft,
        lambda session, act: tariffs.add(
            session, draft.values, _instant(draft.values["valid_from"]), act
        ),
    )
    if again is not None:
        return _form(again)
    return redirect(url_for("manager.admin_tariffs", said="changed"), 303)


@blueprint.post("/admin/tariffs/<tariff_id>/withdraw")
@needs(Permission.TARIFFS)
def withdraw_tariff(tariff_id: str) -> AnyResponse:
    """Take back a version that has not begun."""
    do(lambda session, act: tariffs.withdraw(session, tariff_id, act))
    return redirect(url_for("manager.admin_tariffs", said="changed"), 303)


def proposed(prices: Any) -> dict[str, str]:
    """The wording for prices in every language: each of them, by the minute, and the tax."""
    catalog = services().catalog
    return {
        f"posted_{language}": _wording(
            lambda key, language=language, **values: catalog.text(
                language, f"manage.admin.posted.{key}", **values
            ),
            prices,
        )
        for language in LANGUAGES
    }


def _wording(say: Any, prices: Any) -> str:
    whole = {name: prices[name] for name in tariffs.PRICES if isinstance(prices[name], int)}
    amounts = {name: money(whole[name]) for name in _IN_CENTS if whole.get(name)}
    lines = [say("title")]
    if not amounts.keys() - {"most_cents"}:
        return "\n".join([*lines, say("none")])
    if "flat_cents" in amounts:
        lines.append(say("flat", price=amounts["flat_cents"]))
    if "minute_cents" in amounts:
        lines.append(say("minute", price=amounts["minute_cents"]))
    free_min = whole.get("free_min", 0)
    lines.append(say("free", minutes=free_min) if free_min else say("all_time"))
    if "most_cents" in amounts:
        lines.append(say("most", price=amounts["most_cents"]))
    lines.append(say("tax", percent=whole.get("tax_percent", 0)))
    lines.append(say("end"))
    return "\n".join(lines)


def _posted(posted: dict[str, str]) -> dict[str, str]:
    return {f"posted_{language}": posted.get(language, "") for language in LANGUAGES}


def _typed() -> dict[str, Any]:
    form = request.form
    values: dict[str, Any] = {"valid_from": admin_form.moment(form, "valid_from", viewer().zone)}
    values |= {name: admin_form.cents(form, name) for name in _IN_CENTS}
    values |= {name: admin_form.whole(form, name) for name in ("free_min", "tax_percent")}
    return values | {
        name: form.get(name, "") for name in (f"posted_{language}" for language in LANGUAGES)
    }


def _instant(typed: str | None) -> datetime | None:
    if typed is None:
        return None
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        raise BadForm(("valid_from",)) from None
    if at.tzinfo is None:
        raise BadForm(("valid_from",))
    return at


def _form(draft: Draft) -> AnyResponse:
    view = viewer()
    page = render_template(
        "manager/admin/tariff.html",
        draft=draft,
        languages=LANGUAGES,
        amount=admin_form.amount,
        local=lambda value: admin_form.local(value, view.zone),
    )
    return Response(page, draft.status)
