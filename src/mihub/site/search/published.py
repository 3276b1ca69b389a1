"""SearchParameter resources as they are published, one entry for each type; and who belongs to a patient.

R4's own first, then `parameters.txt`, then packages. Special parameters and expressions that cannot be read are left
out with their reason. Source: https://hl7.org/fhir/R4/searchparameter.html,
compartmentdefinition-patient.html. Above: `catalogue`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal, cast, get_args

from mihub.core.fhir import Resource, fhirpath
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.fhirpath import FhirPathError
from mihub.core.fhir.types import RESOURCE_TYPES

Kind = Literal["token", "string", "date", "quantity", "number", "reference", "uri", "composite"]
KINDS: Final = frozenset(get_args(Kind))

_CORE: Final = "http://hl7.org/fhir/SearchParameter/"
_COMPARTMENTS: Final = "http://hl7.org/fhir/CompartmentDefinition/"
_ABSTRACT: Final = frozenset(["Resource", "DomainResource"])
# Columns of every record, answered without rows.
_COLUMNS: Final = frozenset(["_id", "_lastUpdated"])
# Ours, and not R4's: a Task belongs to the patients it names. A Group names many, so it would show each of them to the
# others; a Patient's link leads to another record, which has a door of its own.
_COMPARTMENT: Final[Mapping[str, tuple[str, ...]]] = {
    "Task": ("patient", "owner", "requester"), "Group": (), "Patient": (),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """One parameter for one base type. `targets`: what the publisher says its references name; empty: anything."""

    base: str
    name: str
    kind: Kind
    expression: str
    targets: frozenset[str] = frozenset()
    url: str = ""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite, read from each element that the composite selects. `kind` None: as its values are."""

    expression: str
    kind: Kind | None = None
    targets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A published parameter that is not served, and why."""

    url: str
    reason: str


def published(definitions: Definitions) -> tuple[list[Published], tuple[LeftOut, ...]]:
    """Everything known, in the order of precedence, and what is left out."""
    core: list[Published] = []
    others: list[Published] = []
    left_out: list[LeftOut] = []
    for resource in sorted(_newest(definitions), key=lambda one: str(one.get("url", ""))):
        url = str(resource.get("url", ""))
        own = url.startswith(_CORE)
        try:
            (core if own else others).extend(_entries(resource, url, definitions, trusted=own))
        except (FhirPathError, ValueError) as error:
            left_out.append(LeftOut(url, str(error)))
    return [*core, *_ours(), *others], tuple(left_out)


def compartment(definitions: Definitions) -> dict[str, tuple[str, ...]]:
    """Type -> the names of the parameters that put a resource into the compartment of the patients they name."""
    named = compartment_as_published(definitions, "Patient")
    return {name: names for name, names in sorted({**named, **_COMPARTMENT}.items()) if names}


def compartment_as_published(definitions: Definitions, resource_type: str) -> dict[str, tuple[str, ...]]:
    """Type -> the names of the parameters that put a resource into a compartment; empty for a type that has none."""
    found = definitions.find(_COMPARTMENTS + resource_type.lower(), "CompartmentDefinition")
    rows = found.resource.get("resource", []) if found else []
    named = {str(row["code"]): tuple(map(str, row.get("param", ()))) for row in rows}
    # `{def}` is the resource itself, which needs no parameter to be there.
    return {name: tuple(one for one in names if one != "{def}") for name, names in named.items() if names}


def _newest(definitions: Definitions) -> Iterator[Resource]:
    for url in dict.fromkeys(known.url for known in definitions.all("SearchParameter")):
        found = definitions.find(url, "SearchParameter")
        if found is not None and found.resource.get("status") != "retired":
            yield found.resource


def _entries(resource: Resource, url: str, definitions: Definitions, *, trusted: bool) -> list[Published]:
    name, kind, expression = (str(resource.get(key, "")) for key in ("code", "type", "expression"))
    bases = [str(base) for base in resource.get("base", ())]
    if name in _COLUMNS:
        return []
    if kind not in KINDS:
        raise ValueError(f"A parameter of type {kind or '?'} is not supported.")
    if not name or not expression:
        raise ValueError("It has no code or no expression, so there is nothing to read.")
    unknown = [base for base in bases if base not in RESOURCE_TYPES and base not in _ABSTRACT]
    if unknown or not bases:
        raise ValueError("Its base is no resource type of R4.")
    if not trusted:
        # R4's own are known to compile; compiling all of them takes a while.
        fhirpath.compile(expression)
    targets = frozenset(str(target) for target in resource.get("target", ())) - _ABSTRACT
    parts = tuple(_component(one, definitions) for one in resource.get("component", ()))
    if kind == "composite" and len(parts) < 2:
        raise ValueError("A composite has two components or more.")
    return [Published(base, name, cast(Kind, kind), expression, targets, url, parts) for base in bases]


def _component(component: Resource, definitions: Definitions) -> Component:
    # R4 writes the type DateTime once where it means dateTime.
    expression = str(component.get("expression", "")).replace("(DateTime)", "(dateTime)")
    found = definitions.find(str(component.get("definition", "")), "SearchParameter")
    kind = found.resource.get("type") if found is not None else None
    if kind not in KINDS or kind == "composite":
        return Component(expression)
    targets = frozenset(map(str, found.resource.get("target", ()))) if found is not None else frozenset[str]()
    return Component(expression, cast(Kind, kind), targets - _ABSTRACT)


def _ours() -> Iterator[Published]:
    text = resources.files("mihub.site.search").joinpath("parameters.txt").read_text(encoding="utf-8")
    base = ""
    for line in text.splitlines():
        if line.startswith("["):
            base = line[1:].rstrip("]")
        elif line and not line.startswith("#"):
            name, kind, expression = line.split(" ", 2)
            if kind not in KINDS:
                raise ValueError(f"parameters.txt: {base}.{name} has the unknown kind {kind}")
            yield Published(base, name, cast(Kind, kind), expression)
