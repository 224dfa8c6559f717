"""The texts of messages: what drivers read, in the district's own words."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.catalog import LANGUAGES
from server.administration import texts
from server.app import services
from server.manager.admin_deed import submit
from server.manager.admin_form import Draft, fresh, sent
from server.manager.blueprint import blueprint
from server.outbox import TEMPLATES
from server.permissions import Permission, needs
from server.sms.text import ONE_PART


@blueprint.get("/admin/texts")
@needs(Permission.TEXTS)
def admin_texts() -> str:
    """Every text in every language, as it goes out at worst."""
    found = services()

    def read(session: Session) -> list[dict[str, Any]]:
        lines = []
        for template in TEMPLATES:
            for language in LANGUAGES:
                text = texts.current_text(session, found.catalog, template, language)
                lines.append(
                    {
                        "template": template,
                        "language": language,
                        "sample": texts.sample(
                            session, found.config, found.catalog, language, text
                        ),
                        "is_own": text != texts.default_text(found.catalog, template, language),
                    }
                )
        return lines

    lines = found.database.read(read)
    return render_template("manager/admin/texts.html", lines=lines, most=ONE_PART)


@blueprint.get("/admin/texts/<template>/<language>")
@needs(Permission.TEXTS)
def edit_text(template: str, language: str) -> AnyResponse:
    """The form of one text."""
    found = services()
    texts.check_known(template, language)
    text = found.database.read(
        lambda session: texts.current_text(session, found.catalog, template, language)
    )
    return _form(template, language, fresh(texts.values_of(text)))


@blueprint.post("/admin/texts/<template>/<language>")
@needs(Permission.TEXTS)
def save_text(template: str, language: str) -> AnyResponse:
    """Change it; or (`action` default) go back to the program's own."""
    found = services()
    texts.check_known(template, language)
    typed = " ".join(request.form.get("text", "").split())
    draft = sent(request.form, texts.values_of(typed))
    is_default = request.form.get("action") == "default"
    again = submit(
        draft,
        lambda session, act: texts.save(
            session,
            found.config,
            found.catalog,
            (template, language),
            None if is_default else typed,
            draft.edition,
            act,
        ),
    )
    if again is not None:
        return _form(template, language, again)
    return redirect(url_for("manager.admin_texts", said="changed"), 303)


def _form(template: str, language: str, draft: Draft) -> AnyResponse:
    found = services()
    standard = texts.default_text(found.catalog, template, language)
    text = str(draft.values["text"])
    is_whole = sorted(texts.places_in(text)) == sorted(texts.places_in(standard))
    sample = found.database.read(
        lambda session: texts.sample(
            session, found.config, found.catalog, language, text if is_whole else standard
        )
    )
    page = render_template(
        "manager/admin/text.html",
        template=template,
        text_language=language,
        draft=draft,
        standard=standard,
        places=texts.places_in(standard),
        sample=sample if is_whole else None,
        most=ONE_PART,
        words=lambda _name, value: value,
    )
    return Response(page, draft.status)
