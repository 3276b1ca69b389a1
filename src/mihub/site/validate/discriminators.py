"""What tells the slices of an element apart: a discriminator's path, walked in the profile for what it demands there, and in
the data for what stands there.

Never says a slice matches when it cannot tell: then the slicing is named as broken. Source:
https://hl7.org/fhir/R4/profiling.html#discriminator. Above: `slicing`. Below: `tree`, `values`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mihub.core.fhir import Json
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.validate.bindings import binding_of
from mihub.site.validate.demands import Demand, demanded, extension_url
from mihub.site.validate.discriminator_paths import Item, Step, reached, resource_type, steps_of
from mihub.site.validate.names import CORE, type_code
from mihub.site.validate.run import Run
from mihub.site.validate.tree import Node
from mihub.site.validate.values import matcher, matches, same

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine

# Whether an item belongs to a slice; None: nobody can tell, its target or the profile is not at hand.
Match = Callable[[Item, Run], bool | None]


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
            (kind or resource_type(value)) in spelled or resource_type(value) in spelled
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
    name = resource_type(value)
    bare = profile.removeprefix(CORE).partition("|")[0]
    if bare in RESOURCE_TYPES and name:
        return name == bare
    if set(value) == {"resourceType"}:
        wanted = engine.references.type_of(profile)
        return False if wanted and wanted != name else None
    if engine.profiles.get(profile) is None:
        return None
    return engine.profiles.fits(value, profile, run)
