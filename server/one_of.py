"""SQL for "one of these": one text and one bound value, however many there are.

`IN (?, ?, …)` is another statement for each count, which has to be made, parsed and planned anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from server.models.table import JSONText

_TEXTS = JSONText().with_variant(ARRAY(String), "postgresql")
_NUMBERS = JSONText().with_variant(ARRAY(BigInteger), "postgresql")


class _OneOf(FunctionElement[Any]):
    """A column and the value that holds the list."""

    inherit_cache = True


def one_of(column: ColumnElement[str], name: str) -> FunctionElement[Any]:
    """Whether the column is among the texts that are bound to `name`, a list."""
    return _OneOf(column, bindparam(name, type_=_TEXTS))


def one_of_numbers(column: ColumnElement[int], name: str) -> FunctionElement[Any]:
    """Whether the column is among the numbers that are bound to `name`, a list."""
    return _OneOf(column, bindparam(name, type_=_NUMBERS))


@compiles(_OneOf, "sqlite")
def _in_sqlite(element: _OneOf, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    listed = compiler.process(values, **how)
    return f"{compiler.process(column, **how)} IN (SELECT value FROM json_each({listed}))"  # noqa: S608


@compiles(_OneOf, "postgresql")
def _in_postgresql(element: _OneOf, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **how)} = ANY({compiler.process(values, **how)})"
