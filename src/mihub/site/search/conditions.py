"""One search parameter with its modifier and value as a condition: chains, reverse chains, composites, compartments.

Source: https://hl7.org/fhir/R4/search.html. Above: `parse`. Below: `values`, `catalogue`, `question`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo
from difflib import get_close_matches
from typing import Final

from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.errors import NotSupported, TooLarge
from mihub.site.search.catalogue import ANY_TYPE, Catalogue, Parameter
from mihub.site.search.codes import Codes
from mihub.site.search.comparing import Comparing
from mihub.site.search.question import (
    AllOf,
    AnyOf,
    Chain,
    Condition,
    Has,
    IdIn,
    LinkValue,
    Match,
    Missing,
    OfPatient,
    TypeIn,
    Updated,
)
from mihub.site.search.values import date_value

_MOST_STEPS: Final = 8
# A chain through references to anything is one alternative a type at each step.
_MOST_BRANCHES: Final = 5000
_WRITTEN_AS_A_NAME: Final = re.compile(r"[A-Z][A-Za-z]{2,40}\._?[a-z][A-Za-z0-9-]{0,60}", re.ASCII)
_REFUSED: Final[Mapping[str, str]] = {
    "_text": "Texts of resources are not indexed, so _text finds nothing here.",
    "_content": "The content of resources is not indexed as text, so _content finds nothing here.",
    "_filter": "The language of _filter is not offered.",
    "_query": "There are no named queries here.",
    "near": "Places are not indexed, so near finds nothing here.",
}


class Conditions:
    """Knows the catalogue, the site's time zone and its terminology."""

    def __init__(self, catalogue: Catalogue, local: tzinfo, codes: Callable[[], Codes]) -> None:
        self._catalogue = catalogue
        self._local = local
        self._comparing = Comparing(local, codes)

    def of(self, resource_type: str, name: str, text: str, types: Iterable[str] = ()) -> Condition:
        """One parameter as a condition; `types`: what a search over several types is limited to."""
        budget = [_MOST_BRANCHES]
        if resource_type != ANY_TYPE:
            return self._of(resource_type, name, text, budget, _MOST_STEPS)
        limited = sorted(types)
        if name in ("_id", "_lastUpdated", "_list"):
            return self._of(ANY_TYPE, name, text, budget, _MOST_STEPS)
        found = [
            (kind, self._of(kind, name, text, budget, _MOST_STEPS))
            for kind in limited or sorted(RESOURCE_TYPES)
        ]
        merged = _merged(found)
        if len(merged) == 1:
            return merged[0][1]
        return AnyOf(tuple(AllOf((TypeIn(kinds), one)) for kinds, one in merged))

    def compartment(self, owner: str, owner_id: str, types: Iterable[str]) -> Condition:
        """The resource is in the compartment of this owner. Raises `NotSupported` for a type that has none."""
        published = self._catalogue.compartments(owner)
        if not published or not ID.fullmatch(owner_id):
            raise NotSupported(
                "There is no such compartment.",
                rule="https://hl7.org/fhir/R4/compartmentdefinition.html",
                next_step=f"Compartments are of {', '.join(self._catalogue.published_compartments)}.",
            )
        if owner == "Patient":
            return OfPatient(owner_id)
        indexes = [
            index
            for kind in types
            for name in published.get(kind, ())
            if (parameter := self._catalogue.of(kind).get(name)) is not None and parameter.kind == "reference"
            for index in parameter.indexes
        ]
        leads = Match(tuple(dict.fromkeys(indexes)), "reference", (LinkValue(frozenset({owner}), owner_id),))
        itself = AllOf((TypeIn(frozenset({owner})), IdIn((owner_id,))))
        return AnyOf((leads, itself) if owner in types else (leads,))

    def parameter(self, resource_type: str, name: str) -> Parameter:
        """The parameter. Raises `NotSupported`, which names those that are written alike."""
        if name in _REFUSED:
            raise NotSupported(_REFUSED[name], where=name, next_step="See GET metadata for what is known.")
        known = self._catalogue.of(resource_type)
        found = known.get(name)
        if found is None:
            raise _unknown(f"{resource_type}.{name}", get_close_matches(name, known, 3))
        return found

    def _of(self, resource_type: str, name: str, text: str, budget: list[int], steps: int) -> Condition:
        budget[0] -= 1
        if budget[0] < 0 or steps < 0:
            raise TooLarge(
                "The search leads through too many references.",
                rule=f"at most {_MOST_STEPS} steps and {_MOST_BRANCHES} ways",
                next_step="Name the types that a chain leads through (subject:Patient.name).",
            )
        if name == "_id":
            return IdIn(tuple(text.split(",")))
        if name == "_lastUpdated":
            return Updated(tuple(date_value(part, self._local) for part in text.split(",")))
        if name == "_list":
            return self._in_list(text)
        if name.startswith("_has:"):
            return self._has(name, text, budget, steps)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        parameter = self.parameter(resource_type, code)
        if dot:
            return self._chain(parameter, modifier, rest, text, budget, steps)
        return self._comparing.condition(parameter, modifier, text)

    def _in_list(self, text: str) -> Condition:
        ids = text.split(",")
        if not all(ID.fullmatch(one) for one in ids):
            raise NotSupported(
                "The parameter _list takes ids of List resources; there are no lists by name here.",
                where="_list",
            )
        item = self.parameter("List", "item")
        return Has("List", item.index, IdIn(tuple(ids)))

    def _chain(
        self, parameter: Parameter, target: str, rest: str, text: str, budget: list[int], steps: int
    ) -> Condition:
        if parameter.kind != "reference":
            raise NotSupported(f"{parameter.name} is no reference and leads nowhere.", where=parameter.name)
        asked = {target} if target else parameter.targets or RESOURCE_TYPES
        found: list[tuple[str, Condition]] = []
        refused: list[NotSupported] = []
        for kind in sorted(asked & RESOURCE_TYPES):
            try:
                found.append((kind, self._of(kind, rest, text, budget, steps - 1)))
            except NotSupported as error:
                # Of the types that the reference may lead to, some do not know the parameter.
                refused.append(error)
        if found:
            return Chain(parameter.indexes, _merged(found))
        if len(refused) == 1:
            raise refused[0]
        raise _unknown(f"{parameter.name}.{rest.partition(':')[0].partition('.')[0]}", [])

    def _has(self, name: str, text: str, budget: list[int], steps: int) -> Condition:
        parts = name.split(":", 3)
        if len(parts) != 4 or parts[1] not in RESOURCE_TYPES:
            raise NotSupported(
                "The parameter _has is not written _has:Type:reference:parameter.", where="_has"
            )
        _, resource_type, reference, inner = parts
        parameter = self.parameter(resource_type, reference)
        if parameter.kind != "reference":
            raise NotSupported(f"{reference} is no reference and leads nowhere.", where="_has")
        return Has(resource_type, parameter.index, self._of(resource_type, inner, text, budget, steps - 1))


def _unknown(name: str, alike: list[str]) -> NotSupported:
    # A name that is not one of ours could be a value in the wrong place ("?name=Meier&Schulz"), so it is
    # repeated only when it is written as parameters are.
    shown = name if _WRITTEN_AS_A_NAME.fullmatch(name) else "?"
    meant = f"Is {' or '.join(sorted(alike))} meant? " if alike else ""
    return NotSupported(
        f"The search parameter {shown} is not known here.",
        where=shown,
        rule="unknown parameters are refused",
        next_step=f"{meant}See GET metadata for what is known, or send Prefer: handling=lenient.",
    )


def _merged(inner: list[tuple[str, Condition]]) -> tuple[tuple[frozenset[str], Condition], ...]:
    """Types that are asked the same become one condition: sixty alternatives would take the database a while
    to plan.
    """
    groups: dict[tuple[object, ...], tuple[set[str], Condition]] = {}
    for resource_type, condition in inner:
        types, known = groups.setdefault(_asking(condition), (set(), condition))
        types.add(resource_type)
        groups[_asking(condition)] = (types, _joined(known, condition))
    return tuple((frozenset(types), condition) for types, condition in groups.values())


def _asking(condition: Condition) -> tuple[object, ...]:
    """What a condition asks, whatever the numbers of its parameter: a number belongs to one type."""
    if isinstance(condition, Match | Missing | Chain):
        return type(condition).__name__, replace(condition, indexes=())
    return ("", condition)


def _joined(one: Condition, other: Condition) -> Condition:
    if isinstance(one, Match | Missing | Chain) and isinstance(other, Match | Missing | Chain):
        return replace(one, indexes=tuple(dict.fromkeys(one.indexes + other.indexes)))
    return one
