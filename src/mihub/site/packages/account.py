"""What an action on the shelf tells its caller: what was added, set aside and missing, and why a canonical resolves as it does.

Values only; `to_json` is the shape of `--json`. Above: `shelf`, `mihub packages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SetAside:
    """One file that was not taken. `place` is its path inside the package; the other three are one sentence each at most."""

    place: str
    what: str
    rule: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what} Rule: {self.rule}. Next: {self.next_step}"


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a package asks for, and what the shelf has for it.

    `served_by`: `name#version` that answers for it, "" when nothing does. `exact`: it is what was asked for.
    """

    name: str
    asked: str
    served_by: str
    exact: bool

    @property
    def missing(self) -> bool:
        """Nothing on the shelf answers for it."""
        return not self.served_by


@dataclass(frozen=True, slots=True)
class Package:
    """One package on the shelf. `resources`: definitions by type; `examples`: resources kept apart as data."""

    name: str
    version: str
    fhir_versions: tuple[str, ...]
    source: str
    added_at_utc: str
    resources: Mapping[str, int]
    examples: int
    set_aside: tuple[SetAside, ...]
    dependencies: tuple[Dependency, ...]
    # Other packages (`name#version`) with which this one depends on itself.
    cycle: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`name#version`."""
        return f"{self.name}#{self.version}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self) | {"resources": dict(self.resources)}


@dataclass(frozen=True, slots=True)
class Refused:
    """A whole package that was not taken, with the one sentence that says why."""

    source: str
    what: str
    rule: str
    next_step: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Added:
    """What one `add` did. `unchanged`: packages that were there with the same content; `unusable`: profiles named with why.

    `replaced`: those of `added` that were there with another content.
    """

    added: tuple[Package, ...]
    unchanged: tuple[str, ...]
    refused: tuple[Refused, ...]
    unusable: tuple[SetAside, ...]
    seconds: float
    replaced: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "added": [one.to_json() for one in self.added],
            "replaced": list(self.replaced),
            "unchanged": list(self.unchanged),
            "refused": [one.to_json() for one in self.refused],
            "unusable": [asdict(one) for one in self.unusable],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """One resource with the address that was asked for. `package`: `name#version`; `dependents`: who depends on it."""

    resource_type: str
    url: str
    version: str
    package: str
    place: str
    built_in: bool
    wins: bool
    reason: str
    dependents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """How a canonical resolves: every candidate, which one wins, and the rule. `rule` is "" when none does."""

    canonical: str
    asked_from: str
    rule: str
    candidates: tuple[Candidate, ...]
    # Sentences about near misses: examples, set-aside files, addresses that differ in one sign.
    hints: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
