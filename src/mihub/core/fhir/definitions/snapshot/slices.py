"""Which slice is meant, and what a slicing allows: short names of choices, implied slicings, closed ones.

Never changes a node. Below: `siblings`, `contradiction`. Above: `generate`. Source:
https://hl7.org/fhir/R4/profiling.html#slicing, https://hl7.org/fhir/R4/elementdefinition.html#path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.snapshot.contradiction import contradicts
from mihub.core.fhir.definitions.snapshot.siblings import Siblings
from mihub.core.fhir.definitions.snapshot.tree import Node
from mihub.core.fhir.definitions.snapshot.walk import types_of

_EXTENSION_SLICING: Final = {
    "discriminator": [{"type": "value", "path": "url"}],
    "ordered": False,
    "rules": "open",
}
_TYPE_SLICING: Final = {
    "discriminator": [{"type": "type", "path": "$this"}],
    "ordered": False,
    "rules": "open",
}


def named(siblings: Siblings, child: Node) -> tuple[str, str, Node]:
    """The base's name for a child, the slice that is meant, and what is said of it.

    `valueQuantity` is `value[x]:valueQuantity`, and a slice of that name is about a Quantity, said or not.
    """
    known = siblings.get(child.name)
    if known is not None:
        kind = _chosen(known, child.slice) if child.slice else None
        return child.name, child.slice, _typed(child, kind, child.slice) if kind else child
    for choice in siblings.choices():
        kind = _chosen(choice, child.name)
        if kind is not None:
            cut = child.slice or child.name
            return choice.name, cut, _typed(child, kind, cut)
    return child.name, child.slice, child


def _chosen(choice: Node, name: str) -> Json | None:
    """The type of a choice that a short name such as `valueQuantity` stands for."""
    stem = choice.name.removesuffix("[x]")
    if stem == choice.name or not name.startswith(stem):
        return None
    codes = {
        stem + code[:1].upper() + code[1:]: kind
        for kind in types_of(choice.data)
        for code in [str(kind.get("code", ""))]
    }
    return codes.get(name)


def _typed(child: Node, kind: Json, cut: str) -> Node:
    return replace(child, data={"type": [kind], **child.data, "sliceName": cut})


def check_open(original: Node, cut: str, where: str) -> None:
    """A slicing that the base has closed takes no further slices, but for the types of a choice and new cuts of a slice."""
    closed = original.data.get("slicing", {}).get("rules") == "closed"
    if closed and not original.name.endswith("[x]") and "/" not in cut:
        raise contradicts(
            f"The profile adds the slice {cut[:80]} to a slicing that its base has closed",
            where,
            "a closed slicing takes no further slices",
        )


def implied_slicing(node: Node, where: str) -> Json:
    if node.name.endswith("[x]"):
        return dict(_TYPE_SLICING)
    if node.name in ("extension", "modifierExtension"):
        return dict(_EXTENSION_SLICING)
    raise contradicts(
        "The profile cuts a slice from an element that is not sliced",
        where,
        "slices need a slicing with a discriminator on the element itself, or in the base",
    )
