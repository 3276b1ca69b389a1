"""Every profile of the packages: generated, compared, judged. A case is a profile; it passes when every element means the same.

The packages lie beside the data. Never changes them. Below: `reading`, `comparing`, `judging`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from mihub.apps.conformance.snapshots.comparing import Comparer, Comparison
from mihub.apps.conformance.snapshots.judging import reason_of, refused_reason, saw
from mihub.apps.conformance.snapshots.reading import Package, definitions_for, packages_in, stripped
from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir import Resource
from mihub.core.fhir.definitions import snapshot
from mihub.errors import InvalidInput, NotFound

SUITE: Final = "snapshots"
SOURCE: Final = "the published snapshots of HL7's, HL7 Germany's, gematik's and the MII's packages"


@dataclass(frozen=True, slots=True)
class Case:
    """One profile's outcome. `refused`: why it could not be generated, "" when it was."""

    package: str
    profile: str
    comparison: Comparison | None
    refused: str = ""

    @property
    def label(self) -> str:
        """Package and profile."""
        return f"{self.package}/{self.profile}"

    @property
    def passes(self) -> bool:
        """Every element means what was published."""
        return self.comparison is not None and not self.comparison.differences


def run(data: Path) -> Result:
    """The suite. Raises `NotFound` where no packages lie beside the data."""
    found = measured(data.parent / "packages")
    failures = [failure_of(case) for case in found if not case.passes]
    return Result(SUITE, SOURCE, len(found), len(found) - len(failures), tuple(failures))


@lru_cache(maxsize=1)
def measured(folder: Path) -> tuple[Case, ...]:
    """All cases, once per folder: the suite and the page of the documentation look at the same ones."""
    return tuple(cases(folder))


def cases(folder: Path) -> Iterator[Case]:
    """Every structure of every package that was published with differential and snapshot."""
    packages = packages_in(folder) if folder.is_dir() else []
    if not packages:
        raise NotFound(
            "The packages are not here.",
            where=str(folder),
            rule="FHIR packages (.tgz)",
            next_step="Name the folder of the data.",
        )
    for package in packages:
        yield from cases_of(package, packages)


def cases_of(package: Package, others: list[Package]) -> Iterator[Case]:
    """The cases of one package."""
    definitions = definitions_for(package, others)
    comparer = Comparer(definitions)
    for structure in package.structures:
        if structure.get("snapshot") and structure.get("differential"):
            name = str(structure.get("id") or structure["url"])
            try:
                ours: Resource = snapshot.generate(stripped(structure), definitions)
            except InvalidInput as refused:
                yield Case(package.label, name, None, f"{refused.what} ({refused.where})")
                continue
            compared = comparer.compare(ours["snapshot"]["element"], structure["snapshot"]["element"])
            yield Case(package.label, name, compared)


def failure_of(case: Case) -> Failure:
    """A case that does not pass, with what was seen and why."""
    if case.comparison is None:
        return Failure(case.label, case.refused, refused_reason(case.refused))
    differences = case.comparison.differences
    return Failure(case.label, saw(differences), reason_of(case.label, differences))
