"""What a profile asks for, in a list a person can read: what must be there, what must be supported, which obligations.

Obligations and mustSupport are said to systems, not to resources: they are read and shown here, and never a finding. Source:
https://hl7.org/fhir/extensions/StructureDefinition-obligation.html. Above: `apps`, portals. Below: `core.fhir.definitions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.errors import NotFound
from mihub.site.validate.names import type_code
from mihub.site.validate.tree import Node, grow

_OBLIGATIONS: Final = frozenset(
    f"http://hl7.org/fhir/{place}StructureDefinition/obligation" for place in ("", "tools/")
)


@dataclass(frozen=True, slots=True)
class Obligation:
    """`code` such as `SHALL:populate`; `actors`: addresses of the systems meant, none for all."""

    code: str
    actors: tuple[str, ...] = ()
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One element with what the profile says of it. `element`: its id, slices included (`Patient.identifier:pid`)."""

    element: str
    min: int
    max: str
    types: tuple[str, ...]
    must_support: bool
    binding: str = ""
    strength: str = ""
    conditions: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """A profile for people. `asked`: elements it requires, marks, binds as required, or lays an obligation on."""

    url: str
    version: str
    package: str
    title: str
    type: str
    asked: tuple[Asked, ...]


def profile_summary(definitions: Definitions, canonical: str) -> ProfileSummary:
    """The summary of a profile. Raises `NotFound`, and `InvalidInput` when its snapshot cannot be read."""
    found = definitions.structure(canonical)
    if found is None:
        raise NotFound(
            f"Nobody knows the profile {canonical}.",
            rule="the loaded packages and R4 core",
            next_step="Load its package: mihub packages add FILE",
        )
    structure = found.resource
    rows = (_asked(node) for node in grow(structure).walk())
    return ProfileSummary(
        found.known.url,
        found.known.version,
        found.known.package,
        str(structure.get("title") or structure.get("name") or ""),
        str(structure.get("type") or ""),
        tuple(row for row in rows if _worth_telling(row)),
    )


def _worth_telling(row: Asked) -> bool:
    required = row.min > 0 or row.max == "0" or row.strength == "required"
    return required or row.must_support or bool(row.obligations)


def _asked(node: Node) -> Asked:
    definition = node.definition
    binding = definition.get("binding")
    bound: Json = binding if isinstance(binding, dict) else {}
    return Asked(
        str(definition.get("id") or node.path),
        node.min,
        str(definition.get("max", "*")),
        tuple(dict.fromkeys(type_code(row) for row in node.types)),
        definition.get("mustSupport") is True,
        str(bound.get("valueSet") or ""),
        str(bound.get("strength") or ""),
        tuple(str(row.get("key")) for row in definition.get("constraint") or ()),
        tuple(_obligations(definition)),
    )


def _obligations(definition: Json) -> Iterator[Obligation]:
    for row in definition.get("extension") or ():
        if isinstance(row, dict) and row.get("url") in _OBLIGATIONS:
            parts = [part for part in row.get("extension") or () if isinstance(part, dict)]
            actors = tuple(_value(part) for part in parts if part.get("url") == "actor")
            words = " ".join(_value(part) for part in parts if part.get("url") == "documentation")
            for part in parts:
                if part.get("url") == "code":
                    yield Obligation(_value(part), actors, words)


def _value(part: Json) -> str:
    value: Any = next((one for key, one in part.items() if key.startswith("value")), "")
    return str(value)
