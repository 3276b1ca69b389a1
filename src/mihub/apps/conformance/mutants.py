"""300 mutants of valid resources, one defect each, made from the profiles: each must be found, at its place.

A case is a mutant, or a valid resource that must have no error. Valid means: an MII test resource in which the validator finds no
error; that it finds none in wrong ones as well is what the mutants show. Resources: MII test data (CC-BY-4.0 / CC0).
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mihub.apps.conformance.mutation.defects import Defect, made
from mihub.apps.conformance.mutation.walk import places
from mihub.apps.conformance.suite import Failure, Result
from mihub.apps.conformance.validation import opened, test_resources
from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.finding import Finding

WANTED: Final = 300
_LAST_INDEX: Final = re.compile(r"\[\d+\]$")
_TYPED: Final = re.compile(r"\.ofType\(\w+\)")


def run(data: Path, *, wanted: int = WANTED, seed: int = 1) -> Result:
    """Break and validate. `wanted`: how many mutants; the same seed makes the same ones."""
    definitions, validator = opened(data)
    valid = [one for one in test_resources(data) if not _errors(validator.validate(one))]
    if not valid:
        return Result("mutants", "made from the MII test data", 0, 0)
    failures: list[Failure] = []
    chosen = pick(valid, definitions, wanted, seed)
    used: dict[str, Resource] = {}
    for defect, base, profile in chosen:
        used[f"{base['resourceType']}/{base.get('id')}"] = base
        found = _errors(validator.validate(defect.resource))
        if not any(at_its_place(one, defect) for one in found):
            seen = "; ".join(sorted({f"{one.rule} at {one.location}" for one in found})) or "nothing found"
            name = f"{defect.kind} {defect.element} ({profile.rpartition('/')[2]}, {base.get('id')})"
            failures.append(Failure(name, f"{seen}; right: {', '.join(sorted(defect.places))}"))
    cases = len(chosen) + len(used)
    return Result(
        "mutants",
        "made from the MII test data by its profiles, seed 1",
        cases,
        cases - len(failures),
        tuple(failures),
    )


def pick(
    valid: Sequence[Resource], definitions: Definitions, wanted: int, seed: int
) -> list[tuple[Defect, Resource, str]]:
    """As many mutants as wanted, spread evenly over the kinds of defect and over elements."""
    by_kind: dict[str, list[tuple[Defect, Resource, str]]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    chance = random.Random(seed)  # noqa: S311  # picks test cases, keeps no secret
    shuffled = list(valid)
    chance.shuffle(shuffled)
    for resource, profile, defect in _all(shuffled, definitions):
        if (defect.kind, f"{profile} {defect.element}") not in seen:
            seen.add((defect.kind, f"{profile} {defect.element}"))
            by_kind[defect.kind].append((defect, resource, profile))
    for rows in by_kind.values():
        chance.shuffle(rows)
    chosen: list[tuple[Defect, Resource, str]] = []
    while by_kind and len(chosen) < wanted:
        for kind in sorted(by_kind):
            chosen.append(by_kind[kind].pop())
            if not by_kind[kind]:
                del by_kind[kind]
    return chosen[:wanted]


def _all(resources: Sequence[Resource], definitions: Definitions) -> Iterator[tuple[Resource, str, Defect]]:
    for resource in resources:
        for profile in resource.get("meta", {}).get("profile", ()):
            known = definitions.structure(profile)
            if known is None:
                continue
            for place in places(known.resource, resource):
                for defect in made(known.resource, resource, place):
                    if _decidable(defect, place.element, definitions):
                        yield resource, profile, defect


def _decidable(defect: Defect, element: Json, definitions: Definitions) -> bool:
    """A code can only be wrong by a value set that somebody knows; LOINC's answer lists are in no package."""
    wanted = element.get("binding", {}).get("valueSet", "")
    return defect.kind != "binding" or definitions.find(wanted, "ValueSet") is not None


def at_its_place(finding: Finding, defect: Defect) -> bool:
    """Whether the finding points where the defect is; the index of the last step and a named choice do not matter."""
    location = _TYPED.sub("", finding.location)
    return location in defect.places or _LAST_INDEX.sub("", location) in defect.places


def _errors(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity in ("error", "fatal")]
