"""What a version demands of what it reads, as data: a marshmallow schema without marshmallow.

A form is `{"type": …, "null": true, …}`; types are `text`, `integer`, `truth`, `time`, `any`,
`list` (`of`), `object` (`members`, each a form with `"needed": true` where it may not be missing;
`"closed": true` where no other member may be there).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

Form = dict[str, Any]

# The first that fits: a UUID and a time are also strings to marshmallow.
_TYPES: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.AwareDateTime, "time"),
    (fields.Boolean, "truth"),
    (fields.Integer, "integer"),
    (fields.String, "text"),
    (fields.Dict, "object"),
)


def form_of(schema: Schema) -> Form:
    """The form of a schema."""
    members = {name: _field_form(field) for name, field in schema.fields.items()}
    form: Form = {"type": "object", "members": members}
    return {**form, "closed": True} if schema.unknown == RAISE else form


def complaints(form: Form, value: Any, where: str = "") -> list[str]:
    """What of `value` a reader with this form would not take; empty for nothing."""
    if value is None:
        return [] if form.get("null") else [f"{where}: null"]
    kind = form["type"]
    if not _is_a(kind, value):
        return [f"{where}: {type(value).__name__}, wanted {kind}"]
    if "one_of" in form and value not in form["one_of"]:
        return [f"{where}: {value!r} is none of {form['one_of']}"]
    if "pattern" in form and not re.match(form["pattern"], value):
        return [f"{where}: {value!r} is not {form['pattern']}"]
    size = value if kind == "integer" else len(value) if isinstance(value, str | list) else 0
    if not form.get("least", size) <= size <= form.get("most", size):
        return [f"{where}: {size} is not in {form.get('least')} to {form.get('most')}"]
    if kind == "list" and "of" in form:
        return [found for each in value for found in complaints(form["of"], each, f"{where}[]")]
    return _object_complaints(form, value, where) if "members" in form else []


def _object_complaints(form: Form, value: dict[str, Any], where: str) -> list[str]:
    found = []
    for name, member in form["members"].items():
        place = f"{where}.{name}".lstrip(".")
        if name in value:
            found += complaints(member, value[name], place)
        elif member.get("needed"):
            found.append(f"{place}: missing")
    if form.get("closed"):
        found += [f"{where}.{name}: not known" for name in value if name not in form["members"]]
    return found


def _is_a(kind: str, value: Any) -> bool:
    if kind == "time":
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    types = {"text": str, "truth": bool, "list": list, "object": dict, "any": object}
    return isinstance(value, types[kind])


def _field_form(field: fields.Field[Any]) -> Form:
    form = _typed(field)
    if field.required:
        form["needed"] = True
    if field.allow_none:
        form["null"] = True
    for validator in _each(field.validators):
        form.update(_rule(validator))
    return form


def _typed(field: fields.Field[Any]) -> Form:
    if isinstance(field, fields.Nested):
        return form_of(field.schema)
    if isinstance(field, fields.List):
        return {"type": "list", "of": _field_form(field.inner)}
    return {"type": next((name for kind, name in _TYPES if isinstance(field, kind)), "any")}


def _each(validators: Any) -> list[Any]:
    found = []
    for validator in validators:
        inner = getattr(validator, "validators", None)
        found += [validator] if inner is None else _each(inner)
    return found


def _rule(validator: Any) -> Form:
    if isinstance(validator, validate.OneOf):
        return {"one_of": list(validator.choices)}
    if isinstance(validator, validate.Equal):
        return {"one_of": [validator.comparable]}
    if isinstance(validator, validate.Regexp):
        return {"pattern": validator.regex.pattern}
    if isinstance(validator, validate.Range | validate.Length):
        ends = {"least": validator.min, "most": validator.max}
        # Ends that are times are far from anything that is recorded.
        return {name: end for name, end in ends.items() if isinstance(end, int)}
    return {}
