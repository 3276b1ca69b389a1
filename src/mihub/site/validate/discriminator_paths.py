"""A discriminator's path: its steps, and what stands at its end in the data. Never resolves over the network.

Source: https://hl7.org/fhir/R4/profiling.html#discriminator. Above: `discriminators`. Below: `references`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.validate.references import pointed_type, resolved
from mihub.site.validate.run import Run

# An item of the data: its value, the extra of a primitive, its type where the key tells it.
Item = tuple[Any, Any, str]
_STEP: Final = re.compile(
    r"extension\(\s*'([^']*)'\s*\)|ofType\(\s*(?:FHIR\.)?(\w+)\s*\)|(resolve\(\))|(\$this)|(\w+)(?:\[x\])?"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path. `kind`: this, child, extension, type, resolve."""

    kind: str
    name: str = ""


def steps_of(path: str) -> tuple[Step, ...] | None:
    """The path as steps; None when it says something else than R4 allows."""
    steps: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        url, kind, resolve, this, child = match.groups()
        if url is not None:
            steps.append(Step("extension", url))
        elif kind is not None:
            steps.append(Step("type", kind))
        elif resolve is not None:
            steps.append(Step("resolve"))
        elif this is None:
            steps.append(Step("child", child))
        position = match.end()
        if position < len(path):
            if path[position] != ".":
                return None
            position += 1
    return tuple(steps)


def reached(items: list[Item], steps: tuple[Step, ...], run: Run) -> list[Item]:
    """What stands at the end of a path, from an item on."""
    for step in steps:
        items = [found for item in items for found in _next(item, step, run)]
        if not items:
            break
    return items


def _next(item: Item, step: Step, run: Run) -> list[Item]:
    value, extra, kind = item
    if step.kind == "child":
        return _children(value if isinstance(value, dict) else extra, step.name)
    if step.kind == "extension":
        source = value if isinstance(value, dict) else extra
        rows = source.get("extension") if isinstance(source, dict) else None
        return [
            (row, None, "Extension")
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("url") == step.name
        ]
    if step.kind == "type":
        spelled = (step.name, step.name[:1].upper() + step.name[1:])
        return [item] if not kind or kind in spelled or resource_type(value) == step.name else []
    target = _target(value, run)
    return [(target, None, resource_type(target))] if target is not None else []


def resource_type(value: Any) -> str:
    name = value.get("resourceType") if isinstance(value, dict) else None
    return name if isinstance(name, str) else ""


def _children(source: Any, name: str) -> list[Item]:
    if not isinstance(source, dict):
        return []
    found = source.get(name)
    if found is not None:
        return [(one, None, "") for one in found] if isinstance(found, list) else [(found, None, "")]
    size = len(name)
    return [
        (value, source.get(f"_{key}"), key[size:])
        for key, value in source.items()
        if key[:size] == name and key[size : size + 1].isupper()
    ]


def _target(value: Any, run: Run) -> Json | None:
    """The resource behind a reference or an address; where it is not at hand, one that only says its type."""
    reference = value.get("reference") if isinstance(value, dict) else value
    if not isinstance(reference, str):
        named = value.get("type") if isinstance(value, dict) else None
        return {"resourceType": named} if isinstance(named, str) else None
    target = resolved(reference, run)
    if target is not None:
        return target
    name = pointed_type(reference, None)
    return {"resourceType": name} if name else None
