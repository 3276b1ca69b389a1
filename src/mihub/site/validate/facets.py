"""Single rules of an element definition, and whether another definition says the same. Above: `delta`.

Never looks at data. What is worked out of a definition once is kept at its node.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.site.validate.invariants import BUILT_IN, Constraint, constraints_of
from mihub.site.validate.tree import Node
from mihub.site.validate.values import patterns_of, same


def conditions_at(node: Node) -> list[Constraint]:
    """The conditions of a node that no shape decides, read once."""
    found: list[Constraint] | None = node.kept.get("constraints")
    if found is None:
        found = [row for row in constraints_of(node.definition) if row.key not in BUILT_IN]
        node.kept["constraints"] = found
    return found


_FACETS: Final = ("min", "max", "type", "binding", "constraint", "maxLength", "contentReference")


def same_rules(node: Node, ground: Node) -> bool:
    """Whether a leaf of the profile says word for word what its ground says: most elements do."""
    if node.children or node.slices or node.value_of("fixed") or node.value_of("pattern"):
        return False
    own, other = node.definition, ground.definition
    return (
        all(own.get(facet) == other.get(facet) for facet in _FACETS)
        and not node.value_of("minValue")
        and not node.value_of("maxValue")
        and not patterns_of(own)
        and (node.slicing is None or node.slicing.get("rules") != "closed")
    )


def has_value(ground: Node, stem: str, wanted: Any) -> bool:
    known = ground.value_of(stem)
    return known is not None and same(known[1], wanted)


def limits_of(node: Node) -> tuple[Any, ...]:
    patterns = patterns_of(node.definition)
    return node.definition.get("maxLength"), node.value_of("minValue"), node.value_of("maxValue"), patterns
