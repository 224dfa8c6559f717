"""The CloudFormation templates as data: short forms such as `!Ref X` become `{"Ref": "X"}`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[1] / "server" / "data" / "aws"
FOUNDATION, DISTRICT = FOLDER / "foundation.yml", FOLDER / "district.yml"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's tags."""


def _intrinsic(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name if name == "Ref" else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load(path: Path) -> dict[str, Any]:
    """A template."""
    loader = _Loader(path.read_text(encoding="utf-8"))
    try:
        content: dict[str, Any] = loader.get_single_data()
    finally:
        loader.dispose()
    return content


def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a template makes, by name; of a loop its body, once, under the loop's name."""
    found = {}
    for name, resource in template["Resources"].items():
        if name.startswith("Fn::ForEach::"):
            (resource,) = resource[2].values()
        found[name.removeprefix("Fn::ForEach::")] = resource
    return found


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type, by name."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources(template).items()
        if resource["Type"] == kind
    }


def found_in(value: Any, key: str) -> Iterator[Any]:
    """Everything that stands under `key`, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from found_in(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from found_in(inner, key)


def listed(value: Any) -> list[Any]:
    """CloudFormation lets one thing stand for a list of it."""
    return value if isinstance(value, list) else [value]
