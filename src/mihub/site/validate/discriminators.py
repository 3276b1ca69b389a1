"""What tells the slices of an element apart: a discriminator's path, walked in the profile for what it demands there, and in
the data for what stands there.

Never says a slice matches when it cannot tell: then the slicing is named as broken. Source:
https://hl7.org/fhir/R4/profiling.html#discriminator. Above: `slicing`. Below: `tree`, `values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mihub.core.fhir import Json
from mihub.site.validate.bindings import binding_of
from mihub.site.validate.names import CORE, type_code
from mihub.site.validate.references import pointed_type, resolved
from mihub.site.validate.run import Run
from mihub.site.validate.tree import Node
from mihub.site.validate.values import matcher, matches, same

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine

# An item of the data: its value, the extra of a primitive, its type where the key tells it.
Item = tuple[Any, Any, str]
# Whether an item belongs to a slice; None: nobody can tell, its target or the profile is not at hand.
Match = Callable[[Item, Run], bool | None]
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


# --- the data ---------------------------------------------------------------------------------------------------------


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
        return [item] if not kind or kind in spelled or _resource_type(value) == step.name else []
    target = _target(value, run)
    return [(target, None, _resource_type(target))] if target is not None else []


def _resource_type(value: Any) -> str:
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


# --- the profile ------------------------------------------------------------------------------------------------------


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


# --- both -------------------------------------------------------------------------------------------------------------


def match_of(engine: Engine, node: Node, discriminator: Json) -> Match | None:
    """How to see that an item belongs to the slice `node`; None when the profile does not say enough."""
    path, kind = str(discriminator.get("path", "$this")), str(discriminator.get("type", "value"))
    steps = steps_of(path)
    if steps is None:
        return None
    if path == "url" and node.path.rpartition(".")[2] in ("extension", "modifierExtension"):
        url = extension_url(node, engine)
        return _equals(steps, url) if url else None
    if kind == "profile":
        return _by_profile(engine, node, steps)
    demand = demanded(engine, node, steps)
    if kind == "type":
        return _by_type(engine, demand, steps)
    if kind == "exists":
        return _by_existence(demand, steps)
    return _by_value(engine, demand, steps)


def _equals(steps: tuple[Step, ...], wanted: str) -> Match:
    if len(steps) == 1:
        key = steps[0].name

        def direct(item: Item, _: Run) -> bool:
            value = item[0]
            return value.__class__ is dict and value.get(key) == wanted

        return direct
    return lambda item, run: any(found[0] == wanted for found in reached([item], steps, run))


def _by_value(engine: Engine, demand: Demand, steps: tuple[Step, ...]) -> Match | None:
    for stem, wanted in demand.expected:
        if isinstance(wanted, str) and steps and not any(step.kind == "resolve" for step in steps):
            return _equals(steps, wanted)
        if isinstance(wanted, list):
            return _all_of(steps, wanted)
        return _any_is(steps, same if stem == "fixed" else matches, wanted)
    return _by_binding(engine, demand, steps) or _by_existence(demand, steps)


def _any_is(steps: tuple[Step, ...], test: Callable[[Any, Any], bool], wanted: Any) -> Match:
    if test is matches:
        fits = matcher(wanted)
        if not steps:
            return lambda item, _: fits(item[0])
        if len(steps) == 1 and steps[0].kind == "child":
            key = steps[0].name
            return lambda item, run: (
                fits(item[0][key])
                if item[0].__class__ is dict and item[0].get(key).__class__ is dict
                else any(fits(found[0]) for found in reached([item], steps, run))
            )
    if not steps:
        return lambda item, _: test(item[0], wanted)
    if any(step.kind == "resolve" for step in steps):
        return _behind_reference(steps, test, wanted)
    return lambda item, run: any(test(found[0], wanted) for found in reached([item], steps, run))


def _behind_reference(steps: tuple[Step, ...], test: Callable[[Any, Any], bool], wanted: Any) -> Match:
    """Of a target that is not at hand nobody knows what stands in it."""
    split = next(i for i, step in enumerate(steps) if step.kind == "resolve") + 1

    def match(item: Item, run: Run) -> bool | None:
        targets = reached([item], steps[:split], run)
        if any(test(found[0], wanted) for found in reached(targets, steps[split:], run)):
            return True
        return (
            None if any(set(value) == {"resourceType"} for value, _, _ in targets) or not targets else False
        )

    return match


def _all_of(steps: tuple[Step, ...], wanted: list[Any]) -> Match:
    """Each part of a pattern's list is met by something that was reached."""
    return lambda item, run: all(
        any(matches(found[0], one) for found in reached([item], steps, run)) for one in wanted
    )


def _by_binding(engine: Engine, demand: Demand, steps: tuple[Step, ...]) -> Match | None:
    for node in demand.nodes:
        binding = binding_of(node.definition)
        if binding is not None and binding.strength == "required" and binding.value_set:
            return _any_is(steps, lambda value, url: holds(engine, value, url), binding.value_set)
    return None


def holds(engine: Engine, value: Any, value_set: str) -> bool:
    """Whether a code, Coding or CodeableConcept is surely in a value set."""
    if isinstance(value, str):
        return engine.codes.member(value_set, "", value).verdict == "yes"
    if not isinstance(value, dict):
        return False
    codings = value.get("coding") if "coding" in value else [value]
    for one in codings if isinstance(codings, list) else ():
        if isinstance(one, dict) and isinstance(one.get("code"), str):
            system = one.get("system")
            listed = engine.codes.codes_of(value_set)
            pair = (system if isinstance(system, str) else "", one["code"])
            if listed is not None:
                if pair in listed:
                    return True
            elif engine.codes.member(value_set, *pair).verdict == "yes":
                return True
    return False


def _by_existence(demand: Demand, steps: tuple[Step, ...]) -> Match | None:
    # `$this` always exists: it tells nothing apart.
    for node in demand.nodes if steps else ():
        if node.max == 0:
            return lambda item, run: not reached([item], steps, run)
        if node.min > 0:
            return lambda item, run: bool(reached([item], steps, run))
    return None


def _by_type(engine: Engine, demand: Demand, steps: tuple[Step, ...]) -> Match | None:
    """By type; after `resolve()` by the type of the resource, with the types of the target profiles."""
    names = {type_code(row) for node in demand.nodes for row in node.types}
    if steps and steps[-1].kind == "resolve":
        names = {engine.references.type_of(target) for target in demand.targets}
    elif not names:
        names = {node.path for node in demand.nodes if "." not in node.path}
    names.discard("")
    if not names:
        return None
    spelled = names | {name[:1].upper() + name[1:] for name in names}

    def test(item: Item, run: Run) -> bool:
        return any(
            (kind or _resource_type(value)) in spelled or _resource_type(value) in spelled
            for value, _, kind in reached([item], steps, run)
        )

    return test


def _by_profile(engine: Engine, node: Node, steps: tuple[Step, ...]) -> Match | None:
    """By conformance to the profiles a slice's type names; of a resolved reference, to its target profiles."""
    demand = demanded(engine, node, steps)
    if steps and steps[-1].kind == "resolve":
        profiles = demand.targets
    else:
        profiles = tuple(
            str(p) for one in demand.nodes for row in one.types for p in row.get("profile") or ()
        )
    if not profiles:
        return None

    def test(item: Item, run: Run) -> bool | None:
        found = reached([item], steps, run)
        answers = [_fits(engine, value, profile, run) for value, _, _ in found for profile in profiles]
        if True in answers:
            return True
        return None if None in answers or not answers else False

    return test


def _fits(engine: Engine, value: Any, profile: str, run: Run) -> bool | None:
    if not isinstance(value, dict):
        return False
    name = _resource_type(value)
    if profile.startswith(CORE) and name:
        return name == profile.removeprefix(CORE)
    if set(value) == {"resourceType"}:
        wanted = engine.references.type_of(profile)
        return False if wanted and wanted != name else None
    if engine.profiles.get(profile) is None:
        return None
    return engine.profiles.fits(value, profile, run)
