"""Enrolling tags: what kind, what is printed on it, and then tap after tap."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station
from booth_ui.page import go, once, opened, show
from booth_ui.screens.tags import ask_for_supervisor
from reader_agent.tag_labels import LABEL_MAX
from reader_agent.tag_office import GROUPS, RADIO
from schemas.district import BADGE, KEY_TAG
from schemas.problems import Refusal

blueprint = Blueprint("enroll", __name__, url_prefix="/tags/enroll")
blueprint.before_request(ask_for_supervisor)

HERE = "/tags/enroll"
PEOPLE_PER_PAGE = 9


@blueprint.get("")
def enroll() -> Response:
    """The wait for the next tag; before that, which kind it is."""
    return _enroll()


@blueprint.post("")
def begin() -> AnyResponse:
    """The next tags are of this kind."""
    group = request.form.get("group", "")
    if group == BADGE:
        return go(f"{HERE}/people")

    def start() -> None:
        if group not in GROUPS:
            raise Refusal("bad_choice")
        is_radio = group == RADIO
        station().enrolment.begin(KEY_TAG if is_radio else group, is_radio=is_radio)

    return _do(start)


@blueprint.get("/people")
@blueprint.get("/people/<int:page>")
def people(page: int = 1) -> Response:
    """Whose badge comes next."""
    return _people(page)


@blueprint.post("/people")
def choose_person() -> AnyResponse:
    """The next badge is for this person."""
    person_id = request.form.get("person", "")
    try:
        station().enrolment.begin(BADGE, person_id=person_id)
    except Refusal as refusal:
        return _people(1, refusal)
    return go(HERE)


@blueprint.get("/label")
def ask_label() -> Response:
    """What is printed on the next tag."""
    return _ask_label()


@blueprint.post("/label")
def take_label() -> AnyResponse:
    """Keep it."""
    try:
        station().enrolment.set_label(request.form.get("label", ""))
    except Refusal as refusal:
        return _ask_label(refusal)
    return go(HERE)


@blueprint.post("/keys")
def choose_keys() -> AnyResponse:
    """Whether claim cards get our keys."""
    gives_keys = request.form.get("keys") == "yes"
    return _do(lambda: station().enrolment.set_keys(gives_keys=gives_keys))


@blueprint.post("/plain")
def without_keys() -> AnyResponse:
    """Enrol the card as it is."""
    try:
        once(station().enrolment.without_keys)
    except Refusal as refusal:
        return _enroll(refusal)
    return go(HERE)


@blueprint.post("/next")
def go_on() -> AnyResponse:
    """Another one like that."""
    return _do(station().enrolment.go_on)


@blueprint.post("/end")
def end() -> AnyResponse:
    """Enough."""
    station().enrolment.end()
    return go("/tags")


def _do(act: Callable[[], None]) -> AnyResponse:
    try:
        act()
    except Refusal as refusal:
        return _enroll(refusal)
    return go(HERE)


def _enroll(refusal: Refusal | None = None) -> Response:
    opened("enroll")
    view = station().enrolment.view()
    if view is None:
        return show("enroll_kind.html", refusal=refusal, groups=GROUPS)
    why = Refusal(view.why) if view.why else None
    return show("enroll.html", refusal=refusal, view=view, why=why)


def _ask_label(refusal: Refusal | None = None) -> Response:
    # Not the enrolment's own screen: a tag laid down now would still get the old label.
    opened("tags")
    view = station().enrolment.view()
    if view is None:
        return _enroll(refusal)
    label = request.form.get("label", view.plan.label)
    return show("enroll_label.html", refusal=refusal, view=view, label=label, most=LABEL_MAX)


def _people(page: int, refusal: Refusal | None = None) -> Response:
    opened("tags")
    people = station().tags.people()
    pages = max(1, -(-len(people) // PEOPLE_PER_PAGE))
    page = min(max(page, 1), pages)
    shown = people[(page - 1) * PEOPLE_PER_PAGE : page * PEOPLE_PER_PAGE]
    return show("enroll_people.html", refusal=refusal, people=shown, page=page, pages=pages)
