"""The paths inside conditions, walked on plain JSON: which values stand there, or UNSURE where only FHIRPath can tell.

Unsure of everything that is not shaped as R4 says and of primitives that bear extensions. Above: `presence`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mihub.core.fhir.fhirpath.nodes import Call, Literal, Member, Node, Special
from mihub.core.fhir.fhirpath.types import Step, TypeInfo

Value = Any


class _Unsure:
    """Only FHIRPath can tell."""


UNSURE: Final = _Unsure()
# An object -> True, False, None (empty) or UNSURE.
Truth = Callable[[Value], Any]
# An object -> list of JSON values, or UNSURE.
Collect = Callable[[Value], Any]
Conditions = Callable[[Node, TypeInfo], Truth | None]
_TEXTS: Final = frozenset({"code", "string", "uri", "canonical", "id", "url", "markdown", "oid", "uuid"})


def texts_only(kind: TypeInfo | None) -> bool:
    """Whether elements of this type compare as texts."""
    return kind is not None and kind.name in _TEXTS


def collected(node: Node, kind: TypeInfo, truth: Conditions) -> tuple[Collect, TypeInfo | None] | None:
    """What a path collects from an object of a type, and the type of it (None: several, or unknown)."""
    if isinstance(node, Special) and node.name == "this":
        return (lambda value: [value]), kind
    if isinstance(node, Member):
        return _member(node, kind, truth)
    if isinstance(node, Call) and node.source is not None and len(node.arguments) == 1:
        if node.name == "where":
            return _where(node, kind, truth)
        if node.name == "extension":
            return _extension(node, kind, truth)
    return None


def _member(node: Member, kind: TypeInfo, truth: Conditions) -> tuple[Collect, TypeInfo | None] | None:
    if node.source is None or (isinstance(node.source, Special) and node.source.name == "this"):
        steps = kind.step(node.name)
        if not steps:
            # `Patient.name`: the type's own name stands for the element itself.
            return ((lambda value: [value]), kind) if kind.is_a(node.name) else None
        return _children(steps), steps[0].type if len(steps) == 1 else None
    found = collected(node.source, kind, truth)
    if found is None:
        return None
    collect, inner = found
    steps = inner.step(node.name) if inner is not None and not inner.primitive else ()
    below = _children(steps) if steps else None

    def walk(value: Value) -> Any:
        items = collect(value)
        if items is UNSURE or not items:
            return items
        if below is None:
            return UNSURE
        out: list[Any] = []
        for item in items:
            if item.__class__ is not dict:
                return UNSURE
            part = below(item)
            if part is UNSURE:
                return UNSURE
            out += part
        return out

    return walk, steps[0].type if len(steps) == 1 else None


def _children(steps: tuple[Step, ...]) -> Collect:
    if len(steps) == 1:
        return _child(steps[0])
    keys = tuple((step.key, step.shadow) for step in steps)
    wanted = frozenset(key for pair in keys for key in pair)

    def choice(value: Value) -> Any:
        if value.__class__ is not dict or wanted.isdisjoint(value):
            return [] if value.__class__ is dict else UNSURE
        found = []
        for key, shadow in keys:
            if shadow in value:
                return UNSURE
            if key in value:
                one = value[key]
                if one is None or one.__class__ is list or one == {}:
                    return UNSURE
                found.append(one)
        return found

    return choice


def _child(step: Step) -> Collect:
    key, shadow = step.key, step.shadow

    def child(value: Value) -> Any:
        if value.__class__ is not dict or shadow in value:
            return UNSURE
        found = value.get(key)
        if found is None:
            return UNSURE if key in value else []
        if found.__class__ is list:
            return UNSURE if None in found or {} in found or [] in found else found
        return UNSURE if found == {} else [found]

    return child


def _where(node: Call, kind: TypeInfo, truth: Conditions) -> tuple[Collect, TypeInfo | None] | None:
    found = collected(node.source, kind, truth) if node.source is not None else None
    if found is None:
        return None
    collect, inner = found
    criterion = truth(node.arguments[0], inner) if inner is not None and not inner.primitive else None

    def where(value: Value) -> Any:
        items = collect(value)
        if items is UNSURE or not items:
            return items
        if criterion is None:
            return UNSURE
        kept = []
        for item in items:
            answer = criterion(item) if item.__class__ is dict else UNSURE
            if answer is UNSURE:
                return UNSURE
            if answer is True:
                kept.append(item)
        return kept

    return where, inner


def _extension(node: Call, kind: TypeInfo, truth: Conditions) -> tuple[Collect, TypeInfo | None] | None:
    """`extension('url')`; a primitive whose extras are not there has none."""
    url = node.arguments[0]
    found = collected(node.source, kind, truth) if node.source is not None else None
    if found is None or not isinstance(url, Literal) or not isinstance(url.value, str):
        return None
    collect, inner = found
    wanted = url.value
    extension = kind.model.type("Extension")

    def extensions(value: Value) -> Any:
        items = collect(value)
        if items is UNSURE:
            return UNSURE
        out: list[Any] = []
        for item in items:
            if item.__class__ is not dict:
                if inner is None or not inner.primitive or item.__class__ is list:
                    return UNSURE
                continue
            rows = item.get("extension")
            if rows is None:
                continue
            if rows.__class__ is not list or any(row.__class__ is not dict for row in rows):
                return UNSURE
            out += [row for row in rows if row.get("url") == wanted]
        return out

    return extensions, extension
