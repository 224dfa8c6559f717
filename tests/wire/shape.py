"""Which members travelled, and as what: so that none is lost and none becomes something else.

A shape is `{path: types}`; where a list holds different things, the path says of which kind, as in
`answer.changes(visit).body.promise.ready_by` and `event.data(car.taken).move`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

Shape = dict[str, set[str]]


def shape_of(requests: Iterable[dict[str, Any]]) -> Shape:
    """The shape of a conversation, both ways."""
    shape: Shape = {}
    for request in requests:
        path = request["path"]
        header, *lines = (json.loads(line) for line in request["body"] if line)
        _walk(shape, f"{path} asks", header)
        for event in lines:
            _walk(shape, f"{path} event", _named_data(event))
        _walk(shape, f"{path} answers", _named_changes(request["answer"]))
    return shape


def missing(kept: Shape, present: Shape) -> list[str]:
    """What of a kept shape is no longer there, or is of a type that it never was.

    Null where there was none, and anything where there was only null, are for the forms to judge:
    they know what may be there.
    """
    lost = [f"{path}: lost" for path in sorted(kept.keys() - present.keys())]
    changed = [
        f"{path}: {', '.join(sorted(new))}, was {', '.join(sorted(kept[path]))}"
        for path in sorted(kept.keys() & present.keys())
        if kept[path] != {"NoneType"} and (new := present[path] - kept[path] - {"NoneType"})
    ]
    return lost + changed


def _named_data(event: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in event.items() if name != "data"}
    return {**rest, f"data({event['type']})": event["data"]}


def _named_changes(answer: dict[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in answer.items() if name != "changes"}
    for change in answer.get("changes", ()):
        is_event = change["kind"] == "event"
        body = change["body"]
        if is_event:
            body = {**body, "event": _named_data(body["event"])}
        named.setdefault(f"changes({change['kind']})", []).append({**change, "body": body})
    return named


def _walk(shape: Shape, path: str, value: Any) -> None:
    shape.setdefault(path, set()).add(type(value).__name__)
    if isinstance(value, dict):
        for name, inner in value.items():
            _walk(shape, f"{path}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            _walk(shape, f"{path}[]", inner)
