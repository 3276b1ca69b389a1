"""Every resource of the MII test data and every example inside the packages, validated; each kind of finding judged.

A kind is severity, rule, place without its indexes, and profile. `judged.yaml` beside this file holds the judgements: ours, in
our own words, read against profile and resource. A kind nobody judged, one judged wrong, and a judgement of nothing fail.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.packages.shelf import Shelf
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.finding import Finding
from mihub.site.validate.validator import ProfileValidator

_INDEX: Final = re.compile(r"\[\d+\]")
SOURCE: Final = "MII test data 2026.0.0-rc.2 and the examples of the packages beside it"


@dataclass(frozen=True, slots=True)
class Kind:
    """Findings that are alike."""

    severity: str
    rule: str
    place: str
    profile: str

    def __str__(self) -> str:
        return f"{self.severity} {self.rule} at {self.place}" + (
            f" by {self.profile}" if self.profile else ""
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What we hold of a kind. `rule`, `place`, `profile` may hold `*`; `verdict`: right or wrong."""

    rule: str
    place: str
    profile: str
    verdict: str
    reason: str

    def covers(self, kind: Kind) -> bool:
        """Whether it speaks of this kind."""
        return all(
            fnmatchcase(value, pattern)
            for value, pattern in (
                (kind.rule, self.rule), (kind.place, self.place), (kind.profile, self.profile)
            )
        )  # fmt: skip


def run(data: Path) -> Result:
    """Validate and compare with the judgements."""
    seen, first = kinds(data)
    table = judgements()
    used: set[Judgement] = set()
    failures: list[Failure] = []
    for kind, count in sorted(seen.items(), key=lambda row: str(row[0])):
        judgement = next((one for one in table if one.covers(kind)), None)
        if judgement is None:
            failures.append(Failure(str(kind), f"{count} times, first in {first[kind]}: not judged"))
            continue
        used.add(judgement)
        if judgement.verdict != "right":
            failures.append(Failure(str(kind), f"{count} times, first in {first[kind]}", judgement.reason))
    unused = [one for one in table if one not in used]
    failures += [Failure(f"{one.rule} at {one.place}", "judged, but not found any more") for one in unused]
    cases = len(seen) + len(unused)
    return Result("validation", SOURCE, cases, cases - len(failures), tuple(failures))


def kinds(data: Path) -> tuple[Counter[Kind], dict[Kind, str]]:
    """How often each kind of finding occurs, and the first resource that has it."""
    _, validator = opened(data)
    seen: Counter[Kind] = Counter()
    first: dict[Kind, str] = {}
    for name, resource in [*_tests(data), *_examples(data)]:
        for finding in validator.validate(resource):
            kind = kind_of(finding)
            seen[kind] += 1
            first.setdefault(kind, name)
    return seen, first


def kind_of(finding: Finding) -> Kind:
    """The kind of a finding."""
    return Kind(finding.severity, finding.rule, _INDEX.sub("", finding.location), finding.profile)


def judgements() -> list[Judgement]:
    """The table, first match counts. Profiles may be left out: then any."""
    packed = resources.files("mihub.apps.conformance").joinpath("judged.yaml").read_text("utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(packed)
    return [
        Judgement(row["rule"], row.get("place", "*"), row.get("profile", "*"), row["verdict"], row["reason"])
        for row in rows
    ]


def opened(data: Path) -> tuple[Definitions, ProfileValidator]:
    """All packages beside the data on a shelf in memory, and a validator over them; once per folder."""
    shelf = _shelf(data.resolve())
    return shelf, ProfileValidator(shelf, Terminology(shelf))


@lru_cache(maxsize=1)
def _shelf(data: Path) -> Shelf:
    shelf = Shelf.open(None)
    shelf.add(data.parent / "packages")
    return shelf


def test_resources(data: Path) -> list[Resource]:
    """The resources of the MII test data, each by itself, as its Bundle brings them."""
    return [resource for _, resource in _tests(data)]


def _tests(data: Path) -> Iterator[tuple[str, Resource]]:
    for path in sorted((data / "mii-testdata" / "bundles").glob("*.json")):
        for entry in orjson.loads(path.read_bytes()).get("entry", ()):
            yield _name(path.name, entry["resource"]), entry["resource"]


def _examples(data: Path) -> Iterator[tuple[str, Resource]]:
    for package, _, resource in _shelf(data.resolve()).examples():
        if isinstance(resource.get("resourceType"), str):
            yield _name(package, resource), resource


def _name(place: str, resource: Resource) -> str:
    return f"{place}: {resource['resourceType']}/{resource.get('id', '')}"
