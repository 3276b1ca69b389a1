"""The search parameters as data: which exist, of which kind, from which path. Read once from
`parameters.txt`.

Parameters of one type with the same kind and path share their index rows. Above: extraction, questions,
metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, Literal, cast, get_args

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.store.rows import parameter_id

Kind = Literal["token", "string", "date", "quantity", "number", "reference", "uri"]
KINDS: Final = frozenset(get_args(Kind))
ANY_TYPE: Final = "*"
# Change it when the rows made from the same path change, so that every record is indexed again.
EXTRACTION_VERSION: Final = "2"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one type. `index` is the number in its rows; `targets` limits a reference."""

    resource_type: str
    name: str
    kind: Kind
    path: str
    targets: frozenset[str]
    index: int

    @property
    def identifier_index(self) -> int:
        """The number of the token rows of a reference's logical identifier (`:identifier`)."""
        return parameter_id(self.resource_type, f"{self.kind} {self.path}:identifier")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All parameters by type and name; `compartment`: names of those that tell the patients of a type."""

    parameters: Mapping[str, Mapping[str, Parameter]]
    compartment: Mapping[str, tuple[str, ...]]
    version: str

    def of(self, resource_type: str) -> Mapping[str, Parameter]:
        """By name; those of every type included."""
        return self.parameters[resource_type]

    def compartment_of(self, resource_type: str) -> tuple[Parameter, ...]:
        """The parameters whose patients a resource of this type belongs to."""
        of_type = self.parameters[resource_type]
        return tuple(of_type[name] for name in self.compartment.get(resource_type, ()))


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue of this program."""
    text = resources.files("mihub.site.search").joinpath("parameters.txt").read_text(encoding="utf-8")
    lines: dict[str, list[str]] = {}
    compartment: dict[str, tuple[str, ...]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("["):
            heading, _, names = line[1:].partition("]")
            lines[heading], compartment[heading] = [], tuple(names.split())
        elif line and not line.startswith("#"):
            lines[heading].append(line)
    shared = lines.pop(ANY_TYPE)
    parameters = {
        resource_type: {
            parameter.name: parameter
            for parameter in (
                _parameter(resource_type, line) for line in shared + lines.get(resource_type, [])
            )
        }
        for resource_type in sorted(RESOURCE_TYPES)
    }
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Catalogue(parameters, compartment, f"{EXTRACTION_VERSION}-{digest}")


def _parameter(resource_type: str, line: str) -> Parameter:
    name, kind, path = line.split(" ", 2)
    kind, _, targets = kind.partition(":")
    if kind not in KINDS:
        raise ValueError(f"parameters.txt: {resource_type}.{name} has the unknown kind {kind}")
    return Parameter(
        resource_type,
        name,
        cast(Kind, kind),
        path,
        frozenset(targets.split(",")) if targets else frozenset(),
        parameter_id(resource_type, f"{kind} {path}"),
    )
