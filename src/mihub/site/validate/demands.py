"""What a slice demands at the end of a discriminator's path: its definitions there, and the values above them.

Walks profiles, types and extension definitions; never looks at data. Above: `discriminators`. Below: `tree`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mihub.site.validate.discriminator_paths import Step
from mihub.site.validate.names import type_code
from mihub.site.validate.tree import Node

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine


@dataclass(frozen=True, slots=True)
class Demand:
    """What a slice demands at the end of a path: its nodes there, and what a fixed value or pattern above says of it."""

    nodes: tuple[Node, ...]
    expected: tuple[tuple[str, Any], ...]
    # References are followed to these profiles.
    targets: tuple[str, ...] = ()


def demanded(engine: Engine, node: Node, steps: tuple[Step, ...]) -> Demand:
    """Walk a path from a slice's own definition."""
    here = Demand(_with_profiles(engine, (node,)), _expected((node,)))
    here = Demand(here.nodes, _expected(here.nodes), _targets(here.nodes))
    for step in steps:
        here = _demand_step(engine, here, step)
    return here


def _expected(nodes: tuple[Node, ...]) -> tuple[tuple[str, Any], ...]:
    found = []
    for node in nodes:
        for stem in ("fixed", "pattern"):
            value = node.value_of(stem)
            if value is not None:
                found.append((stem, value[1]))
    return tuple(found)


def _targets(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    return tuple(
        target for node in nodes for row in node.types for target in row.get("targetProfile") or () if target
    )


def _with_profiles(engine: Engine, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes, and the roots of the profiles their types name."""
    found = list(nodes)
    for node in nodes:
        for row in node.types:
            for profile in row.get("profile") or ():
                root = engine.tree(profile)
                if root is not None and root not in found:
                    found.append(root)
    return tuple(found)


def _demand_step(engine: Engine, here: Demand, step: Step) -> Demand:
    if step.kind == "resolve":
        roots = tuple(root for target in here.targets if (root := engine.tree(target)) is not None)
        return Demand(roots, (), here.targets)
    if step.kind == "type":
        parts = tuple(part for node in here.nodes for part in node.slices.values()
                      if any(type_code(row) == step.name for row in part.types)) or here.nodes  # fmt: skip
        return Demand(parts, _expected(parts) or here.expected, _targets(parts))
    if step.kind == "extension":
        return _extension_step(engine, here, step.name)
    nodes: list[Node] = []
    inherited: list[tuple[str, Any]] = []
    for node in here.nodes:
        child = _child_of(node, step.name) or _child_of_type(engine, node, step.name)
        if child is not None:
            # A slice that must be there demands as much as the element itself.
            nodes += [child, *(part for part in child.slices.values() if part.min > 0)]
    for stem, value in here.expected:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and step.name in one:
                inherited.append((stem, one[step.name]))
    found = _with_profiles(engine, tuple(nodes))
    return Demand(found, (*inherited, *_expected(found)), _targets(found))


def _child_of(node: Node, name: str) -> Node | None:
    return node.children.get(name) or node.children.get(f"{name}[x]")


def _child_of_type(engine: Engine, node: Node, name: str) -> Node | None:
    """The child as the type itself defines it, where the profile says nothing of it."""
    for row in node.types if not node.children else ():
        root = engine.type_tree(type_code(row))
        child = None if root is None else _child_of(root, name)
        if child is not None:
            return child
    return None


def _extension_step(engine: Engine, here: Demand, url: str) -> Demand:
    found: list[Node] = []
    for node in here.nodes:
        child = node.children.get("extension")
        for part in child.slices.values() if child is not None else ():
            if extension_url(part, engine) == url:
                found.append(part)
    root = engine.tree(url)
    nodes = tuple(found) or ((root,) if root is not None else ())
    nodes = _with_profiles(engine, nodes)
    return Demand(nodes, _expected(nodes), _targets(nodes))


def extension_url(node: Node, engine: Engine) -> str:
    """The address a slice of `extension` stands for; "" when it does not say."""
    own = node.children.get("url")
    value = own.value_of("fixed") or own.value_of("pattern") if own is not None else None
    if value is not None and isinstance(value[1], str):
        return value[1]
    for row in node.types:
        for profile in row.get("profile") or ():
            return str(profile).partition("|")[0]
    return ""
