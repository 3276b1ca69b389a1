"""Where a reference points: to a type it may point to, and, when the target is at hand, to a resource that fits its profiles.

A target that is not contained and not in the same Bundle is judged by its address alone; nothing is fetched. Source:
https://hl7.org/fhir/R4/references.html. Above: `base`, `profile`. Below: `container`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.reference import literal
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.validate.container import contained
from mihub.site.validate.names import CORE
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine

_SPACE: Final = re.compile(r"\s|^$").search
_ANY: Final = frozenset({"Resource", "Any", "DomainResource"})


def resolved(reference: str, run: Run) -> Json | None:
    """The resource a reference means, when it is contained or in the same Bundle."""
    if reference[:1] == "#":
        return contained(run.root, reference[1:])
    return run.container.find(reference) if run.container is not None else None


def pointed_type(reference: str, target: Json | None) -> str:
    """The type of what a reference points to; "" when nobody can tell."""
    if target is not None:
        name = target.get("resourceType")
        return name if isinstance(name, str) else ""
    head = reference.partition("/")[0]
    if head in RESOURCE_TYPES:
        return head
    parts = literal(reference)
    return parts.resource_type if parts is not None else ""


class References:
    """Makes the checks; one per set of target profiles."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._types: dict[str, str] = {}

    def type_of(self, canonical: str) -> str:
        """The resource type a target profile describes; "" when it is unknown."""
        name = canonical.removeprefix(CORE)
        if name in RESOURCE_TYPES or name in _ANY:
            return name
        known = self._types.get(canonical)
        if known is None:
            found = self._engine.definitions.find(canonical, "StructureDefinition")
            known = self._types[canonical] = "" if found is None else str(found.known.type or "")
        return known

    def check(self, targets: Sequence[str]) -> Check:
        """R4's rule: the type must be one of these; any when there are none."""
        allowed = frozenset(map(self.type_of, targets))
        if allowed & _ANY or "" in allowed:
            allowed = frozenset()
        expected = ", ".join(sorted(allowed))

        def check(value: Json, where: Where, run: Run) -> None:
            reference = value.get("reference")
            if reference.__class__ is not str:
                _without_address(value, where, run)
                if "type" in value:
                    _named_type(value, "", allowed, expected, where, run)
                return
            head = reference.partition("/")[0]
            if _SPACE(reference):
                run.add("reference-format", where)
            if head in allowed and "type" not in value:
                return
            name = pointed_type(reference, resolved(reference, run))
            if name and allowed and name not in allowed:
                run.add("reference-target", where, type=name, expected=expected)
            if "type" in value:
                _named_type(value, name, allowed, expected, where, run)

        return check

    def profiled(self, targets: Sequence[str], aggregation: Sequence[str], profile: str) -> Check:
        """A profile's rule: a target at hand conforms to one of the target profiles; another has a fitting type."""
        types = {canonical: self.type_of(canonical) for canonical in targets}
        allowed = frozenset(types.values())
        if allowed & _ANY or "" in allowed:
            allowed = frozenset()
        expected = ", ".join(sorted(allowed))
        modes = frozenset(aggregation)
        engine = self._engine

        def check(value: Json, where: Where, run: Run) -> None:
            reference = value.get("reference")
            if reference.__class__ is not str:
                return
            target = resolved(reference, run)
            name = pointed_type(reference, target)
            if name and allowed and name not in allowed:
                run.add("reference-target", where, "error", profile, type=name, expected=expected)
            elif target is not None:
                fitting = [c for c, t in types.items() if t == name and c != CORE + name]
                if fitting and len(fitting) == sum(t == name for t in types.values()):
                    _conforms(engine, target, fitting, where, run, profile)
            if modes and not _reached(reference, target, modes):
                run.add("reference-aggregation", where, "error", profile, modes=", ".join(sorted(modes)))

        return check


def _reached(reference: str, target: Json | None, modes: frozenset[str]) -> bool:
    if reference[:1] == "#":
        return "contained" in modes
    return "referenced" in modes or ("bundled" in modes and target is not None)


def _conforms(
    engine: Engine, target: Json, profiles: list[str], where: Where, run: Run, profile: str
) -> None:
    """Whether a target fits one of several profiles; circles between resources end as fitting."""
    if not any(engine.profiles.fits(target, canonical, run) for canonical in profiles):
        run.add("reference-profile", where, "error", profile, expected=", ".join(profiles))


def _without_address(value: Json, where: Where, run: Run) -> None:
    if "identifier" not in value and "display" not in value and "extension" not in value:
        run.add("reference-empty", where, "warning")


def _named_type(
    value: Json, actual: str, allowed: frozenset[str], expected: str, where: Where, run: Run
) -> None:
    """`Reference.type` agrees with the target and with the allowed types."""
    named: Any = value.get("type")
    if named.__class__ is not str:
        return
    name = named.removeprefix(CORE)
    known = name if name in RESOURCE_TYPES else "?"
    if allowed and name not in allowed:
        run.add("reference-target", where, type=known, expected=expected)
    if actual and name != actual:
        run.add("reference-type", where, type=known, actual=actual)
