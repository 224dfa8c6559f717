"""SQL for "all values of this group": one value that holds them, however many rows there were."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from server.models.table import JSONText


class _Listed(FunctionElement[Any]):
    """Null is no value; a group without values is an empty list or null."""

    inherit_cache = True
    type = JSONText().with_variant(ARRAY(BigInteger), "postgresql")


def listed(column: ColumnElement[Any]) -> FunctionElement[Any]:
    """The whole numbers of a column, in no order. Many rows less to fetch than one for each."""
    return _Listed(column)


@compiles(_Listed, "sqlite")
def _in_sqlite(element: _Listed, compiler: SQLCompiler, **how: Any) -> str:
    return _filtered("json_group_array", element, compiler, **how)


@compiles(_Listed, "postgresql")
def _in_postgresql(element: _Listed, compiler: SQLCompiler, **how: Any) -> str:
    return _filtered("array_agg", element, compiler, **how)


def _filtered(function: str, element: _Listed, compiler: SQLCompiler, **how: Any) -> str:
    (column,) = element.clauses
    value = compiler.process(column, **how)
    return f"{function}({value}) FILTER (WHERE {value} IS NOT NULL)"
