"""Which of several resources a canonical means, and the rule in words. Pure: no file, no parsing.

In this order: the version that was named (or the newest that fits a pattern, or the newest of the same minor version);
what the package that asks depends on; a base type of R4 from the program alone; the newest of the loaded packages;
the program's own R4 core. Source: https://hl7.org/fhir/R4/references.html#canonical, FHIR NPM package specification
(patch versions are compatible). Above: `shelf`. Below: `core.fhir.definitions.canonical`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir.definitions.canonical import choose, version_key

CORE_PACKAGE: Final = "hl7.fhir.r4.core"
_CORE_FHIR_VERSION: Final = "4.0.1"
_SEMANTIC: Final = re.compile(r"(\d+\.\d+)\.\d+(?:[-+].*)?")


@dataclass(frozen=True, slots=True)
class Option:
    """One resource with the address asked for. `owner`: its package publishes under an address that begins this one."""

    version: str
    package: str
    built_in: bool = False
    owner: bool = False
    # A type of R4 itself (not a profile or extension): no package may replace it.
    base_type: bool = False

    @property
    def core(self) -> bool:
        """R4 core: in the program, or as the package that publishes the same."""
        return self.built_in or self.package.partition("#")[0] == CORE_PACKAGE


@dataclass(frozen=True, slots=True)
class Choice:
    """The option taken, by its place in the list given, and why."""

    position: int
    rule: str


def resolve(
    options: Sequence[Option], wanted: str, context: Mapping[str, int] | None = None
) -> Choice | None:
    """The option to take, or None. `context`: packages (`name#version`) the asking one sees, with their distance (0: itself)."""
    if not options:
        return None
    if wanted:
        return _named(options, wanted, context or {})
    return _seen(options, context or {}) or _general(options)


def _named(options: Sequence[Option], wanted: str, context: Mapping[str, int]) -> Choice | None:
    exact = [
        i
        for i, one in enumerate(options)
        if one.version == wanted or (one.core and wanted == _CORE_FHIR_VERSION)
    ]
    if exact:
        return _of_equals(options, exact, "the version that was named", context)
    fitting = choose([one.version for one in options], wanted)
    if fitting is not None:
        return _of_version(options, options[fitting.position].version, fitting.rule, context)
    minor = _SEMANTIC.fullmatch(wanted)
    near = choose([one.version for one in options], minor[1]) if minor else None
    if minor is None or near is None:
        return None
    found = options[near.position].version
    rule = f"{wanted} was named and is not loaded; {found} has the same minor version {minor[1]}"
    return _of_version(options, found, rule, context)


def _seen(options: Sequence[Option], context: Mapping[str, int]) -> Choice | None:
    near = [
        (context[one.package], i) for i, one in enumerate(options) if one.package in context and not one.core
    ]
    if not near:
        return None
    distance = min(near)[0]
    closest = [i for steps, i in near if steps == distance]
    asking = next(package for package, steps in context.items() if steps == 0)
    best = max(closest, key=lambda i: version_key(options[i].version))
    how = (
        "it is in"
        if distance == 0
        else "the version that"
        if distance == 1
        else "the version that, over others,"
    )
    rule = f"{how} package {asking} itself" if distance == 0 else f"{how} package {asking} depends on"
    return Choice(best, rule)


def _general(options: Sequence[Option]) -> Choice:
    core = [i for i, one in enumerate(options) if one.core]
    loaded = [i for i, one in enumerate(options) if not one.core]
    if any(options[i].base_type for i in core):
        which = "; no package can replace a base type of R4" if loaded else ""
        return _core(options, core, which)
    if not loaded:
        return _core(options, core, "")
    best = max(loaded, key=lambda i: version_key(options[i].version))
    versions = {options[i].version for i in loaded}
    rule = (
        f"the newest of {len(versions)} loaded versions" if len(versions) > 1 else "the only version loaded"
    )
    after = "; loaded packages come before the program's own R4 core" if core else ""
    return _of_version(options, options[best].version, rule, {}, loaded, after)


def _core(options: Sequence[Option], core: Sequence[int], which: str) -> Choice:
    own = [i for i in core if options[i].built_in]
    if own:
        same = (
            f" ({options[other].package} holds the same)" if (other := _other(core, own)) is not None else ""
        )
        return Choice(own[0], f"the program's own R4 core{same}{which}")
    best = max(core, key=lambda i: version_key(options[i].version))
    return Choice(best, f"{options[best].package}, which the program's own R4 core does not hold{which}")


def _other(core: Sequence[int], own: Sequence[int]) -> int | None:
    return next((i for i in core if i not in own), None)


def _of_version(
    options: Sequence[Option],
    version: str,
    rule: str,
    context: Mapping[str, int],
    among: Sequence[int] | None = None,
    after: str = "",
) -> Choice:
    positions = range(len(options)) if among is None else among
    equals = [i for i in positions if options[i].version == version]
    choice = _of_equals(options, equals, rule, context)
    return Choice(choice.position, choice.rule + after)


def _of_equals(
    options: Sequence[Option], equals: Sequence[int], rule: str, context: Mapping[str, int]
) -> Choice:
    """One of several resources that bear the same version, in an order that does not depend on who was added first."""
    core = [i for i in equals if options[i].core]
    if len(core) == len(equals) or any(options[i].base_type for i in core):
        return Choice(core[0] if not any(options[i].built_in for i in core) else _own(options, core), rule)
    loaded = [i for i in equals if i not in core]
    if len(loaded) == 1:
        return Choice(loaded[0], rule)
    seen = [i for i in loaded if options[i].package in context]
    if seen:
        nearest = min(seen, key=lambda i: (context[options[i].package], options[i].package))
        return Choice(
            nearest, f"{rule}; of {len(loaded)} packages with it the one that the asking package depends on"
        )
    owners = [i for i in loaded if options[i].owner]
    if owners and len(owners) < len(loaded):
        return Choice(
            _first(options, owners), f"{rule}; of {len(loaded)} packages with it the one whose address it is"
        )
    return Choice(
        _first(options, loaded), f"{rule}; of {len(loaded)} packages with it {_how(options, loaded)}"
    )


def _own(options: Sequence[Option], core: Sequence[int]) -> int:
    return next(i for i in core if options[i].built_in)


def _first(options: Sequence[Option], positions: Sequence[int]) -> int:
    """The first package by name, of that its newest version."""
    name = min(options[i].package.partition("#")[0] for i in positions)
    same = [i for i in positions if options[i].package.partition("#")[0] == name]
    return max(same, key=lambda i: version_key(options[i].package.partition("#")[2]))


def _how(options: Sequence[Option], positions: Sequence[int]) -> str:
    names = {options[i].package.partition("#")[0] for i in positions}
    return "the newest package" if len(names) == 1 else "the first by name"
