"""The shift: who is at work, breaks, going home, and closing the place step by step."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import station
from booth_ui.page import go, once, opened, show
from booth_ui.paging import page_of
from reader_agent.closing import SCREEN as SIGNING
from reader_agent.closing import STEPS
from schemas.problems import Refusal
from schemas.states import ALONE_REASONS

blueprint = Blueprint("shift", __name__, url_prefix="/shift")


@blueprint.get("")
def shift() -> Response:
    """Everybody who is at work here, and what each has in hand."""
    return _shift()


@blueprint.post("")
def act() -> AnyResponse:
    """The actor takes a break or goes home."""
    crew, name = station().floor.crew, request.form.get("do", "")
    doing: dict[str, Callable[[], None]] = {"pause": crew.pause, "sign_off": crew.sign_off}
    try:
        if name not in doing:
            raise Refusal("bad_choice")
        once(lambda: doing[name]() or name)
    except Refusal as refusal:
        return _shift(refusal)
    return go("/queue")


@blueprint.get("/close")
@blueprint.get("/close/<int:number>")
def closing(number: int = 1) -> Response:
    """The step of the closing that is to be done now."""
    return _closing(number=number)


@blueprint.post("/close")
def close() -> AnyResponse:
    """Do what the step asks for."""
    desk, name = station().floor.closing, request.form.get("do", "")
    doing: dict[str, Callable[[], object]] = {
        "begin": desk.begin,
        "drop": desk.drop,
        "bag": lambda: desk.seal_bag(request.form.get("visit", ""), _number("bag")),
        "bag_all": lambda: desk.seal_all(_number("bag")),
        "carry": desk.carry_over,
        "count": lambda: desk.count(request.form.get("kind", ""), _number("count")),
        "sign": desk.sign,
        "alone": lambda: desk.sign(request.form.get("alone", "")),
    }
    try:
        if name not in doing:
            raise Refusal("bad_choice")
        done = once(lambda: _outcome(doing[name]()))
    except Refusal as refusal:
        return _closing(refusal)
    if name in ("sign", "alone") and done:
        return go("/queue", "done.closed", count=int(done))
    return go("/shift" if name == "drop" else "/shift/close")


def _shift(refusal: Refusal | None = None) -> Response:
    at = station()
    opened("shift")
    workers = at.floor.crew.workers()
    return show(
        "shift.html",
        refusal=refusal,
        here_now=[worker for worker in workers if worker.place_name is None],
        elsewhere=[worker for worker in workers if worker.place_name is not None],
        reports=len(at.floor.incidents.open()),
        is_closing=at.floor.closing.state() is not None,
    )


def _closing(refusal: Refusal | None = None, number: int = 1) -> Response:
    at = station()
    state = at.floor.closing.state()
    # A badge means a signature only where somebody has signed.
    opened(SIGNING if state is not None and state.signed else "shift")
    if state is None:
        return show("closing_start.html", refusal=refusal)
    size = at.floor.limits.page_rows
    return show(
        f"closing_{state.step}.html",
        refusal=refusal,
        state=state,
        steps=STEPS,
        alone_reasons=ALONE_REASONS,
        page=page_of(state.leftovers, number, size),
    )


def _outcome(done: object) -> str:
    """What a form's double tap gets too: how many cars stay, where it closed the place."""
    return "" if done is None else str(done)


def _number(name: str) -> int:
    """Raises `Refusal("bad_choice")` for what is no number."""
    text = request.form.get(name, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Refusal("bad_choice")
    return int(text)
