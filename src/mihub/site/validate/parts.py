"""The values of one element in an object, choices and primitives with their extras included, as profiles count them.

A part is (value, extra, label, index, type): `extra` is what the `_name` sibling holds, `type` is known where the key of a
choice tells it. Above: `delta`, `slicing`. Source: https://hl7.org/fhir/R4/json.html#primitive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mihub.core.fhir import Json
from mihub.site.validate.names import choice_key, choice_label
from mihub.site.validate.run import Run, Where

Part = tuple[Any, Any, str, int, str]
Collect = Callable[[Json], list[Part]]
# The check of one part: value, extra, place, run.
PartCheck = Callable[[Any, Any, Where, Run], None]


def collector(name: str, codes: list[str], primitive: bool) -> Collect:
    """How the parts of an element are found. `name` ends with `[x]` for a choice, whose types are `codes`."""
    stem = name.removesuffix("[x]")
    if stem != name:
        return _choice(stem, codes)
    return _primitives(name) if primitive else _objects(name)


def _objects(name: str) -> Collect:
    def collect(source: Json) -> list[Part]:
        found = source.get(name)
        if found is None:
            return []
        if found.__class__ is list:
            return [(one, None, name, index, "") for index, one in enumerate(found)]
        return [(found, None, name, -1, "")]

    return collect


def _primitives(name: str) -> Collect:
    shadow = f"_{name}"

    def collect(source: Json) -> list[Part]:
        found, beside = source.get(name), source.get(shadow)
        if beside is None:
            if found is None:
                return []
            if found.__class__ is not list:
                return [(found, None, name, -1, "")]
            return [(one, None, name, index, "") for index, one in enumerate(found)]
        if found.__class__ is list or beside.__class__ is list:
            return _aligned(name, found, beside)
        return [(found, beside, name, -1, "")]

    return collect


def _aligned(name: str, found: Any, beside: Any) -> list[Part]:
    values = found if isinstance(found, list) else []
    extras = beside if isinstance(beside, list) else []
    size = max(len(values), len(extras))
    return [
        (values[i] if i < len(values) else None, extras[i] if i < len(extras) else None, name, i, "")
        for i in range(size)
    ]


def _choice(stem: str, codes: list[str]) -> Collect:
    # JSON key -> key of the value, label, type.
    table = {}
    for code in codes:
        key = choice_key(stem, code)
        table[key] = table[f"_{key}"] = key, choice_label(stem, code), code
    find = table.get

    def collect(source: Json) -> list[Part]:
        found: list[Part] = []
        for name in source:
            hit = find(name)
            if hit is not None:
                key, label, code = hit
                if name == key or key not in source:
                    found.append((source.get(key), source.get(f"_{key}"), label, -1, code))
        return found

    return collect
