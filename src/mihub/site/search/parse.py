"""From the parameters of a request to a question: unknown words are refused, or named as ignored when that
was asked.

Source: https://hl7.org/fhir/R4/search.html. Above: `site.api`. Below: `values`, `catalogue`, `question`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Final

from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.errors import InvalidInput, NotSupported, TooLarge
from mihub.site.search.catalogue import Catalogue, Parameter
from mihub.site.search.question import (
    Chain,
    Condition,
    Has,
    IdIn,
    Include,
    Match,
    Missing,
    Question,
    SortKey,
    Updated,
)
from mihub.site.search.values import alternatives, date_value, values

_MODIFIERS: Final = {
    "token": frozenset({"", "not"}),
    "string": frozenset({"", "exact", "contains"}),
    "date": frozenset({""}),
    "quantity": frozenset({""}),
    "number": frozenset({""}),
    "reference": frozenset({"", "identifier"}) | RESOURCE_TYPES,
    "uri": frozenset({""}),
}
_MOST_VALUES: Final = 1000
_WRITTEN_AS_A_NAME: Final = re.compile(r"[A-Z][A-Za-z]{2,40}\._?[a-z][A-Za-z0-9-]{0,60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How many resources a page has by default and at most."""

    default: int = 50
    maximum: int = 1000


@dataclass
class _Draft:
    question: Question
    conditions: list[Condition] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


class Parser:
    """Knows the catalogue, the site's time zone and its page sizes."""

    def __init__(self, catalogue: Catalogue, local: tzinfo, limits: PageLimits) -> None:
        self._catalogue = catalogue
        self._local = local
        self._limits = limits

    def parse(
        self, resource_type: str, parameters: Sequence[tuple[str, str]], *, lenient: bool = False
    ) -> Question:
        """The question. Raises `NotSupported` or `InvalidInput`; `lenient` lists what it does not know
        instead.
        """
        if sum(len(text) for _, text in parameters) > 100_000 or len(parameters) > 200:
            raise TooLarge("The search has too many parameters.", rule="200 parameters, 100,000 characters")
        draft = _Draft(Question(resource_type, count=self._limits.default))
        for name, text in parameters:
            try:
                self._take(draft, name, text)
            except NotSupported:
                if not lenient:
                    raise
                draft.ignored.append(name)
        return replace(
            draft.question,
            conditions=tuple(draft.conditions),
            includes=tuple(draft.includes),
            ignored=tuple(draft.ignored),
            names=" ".join(sorted({name for name, _ in parameters}))[:500],
        )

    def _take(self, draft: _Draft, name: str, text: str) -> None:
        if name in ("_include", "_revinclude"):
            draft.includes.append(self._include(draft.question.resource_type, text, name == "_revinclude"))
        elif name in _CONTROLS:
            draft.question = _CONTROLS[name](self, draft.question, text)
        else:
            draft.conditions.append(self.condition(draft.question.resource_type, name, text))

    def condition(self, resource_type: str, name: str, text: str) -> Condition:
        """One parameter as a condition."""
        if name == "_id":
            return IdIn(tuple(text.split(",")))
        if name == "_lastUpdated":
            return Updated(tuple(date_value(part, self._local) for part in text.split(",")))
        if name.startswith("_has:"):
            return self._has(name, text)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        parameter = self._parameter(resource_type, code)
        if dot:
            return self._chain(parameter, modifier, rest, text)
        return self._match(parameter, modifier, text)

    def _match(self, parameter: Parameter, modifier: str, text: str) -> Condition:
        if modifier == "missing":
            if text not in ("true", "false"):
                raise InvalidInput("The modifier :missing takes true or false.", where=parameter.name)
            # A link to a URL may lead to any type.
            types = parameter.only | {""} if parameter.only else frozenset[str]()
            return Missing(parameter.indexes, parameter.kind, text == "true", types)
        if modifier not in _MODIFIERS[parameter.kind]:
            known = ", ".join(sorted((_MODIFIERS[parameter.kind] | {"missing"}) - RESOURCE_TYPES - {""}))
            raise NotSupported(
                f"The parameter {parameter.name} has no such modifier here.",
                where=parameter.name,
                next_step=f"Known: {known}.",
            )
        read = values(parameter, text, modifier, self._local)
        if len(read) > _MOST_VALUES:
            raise TooLarge(
                f"The parameter {parameter.name} has too many values.", rule=f"at most {_MOST_VALUES}"
            )
        if modifier == "identifier":
            return Match((parameter.identifier_index,), "token", read)
        return Match(
            parameter.indexes, parameter.kind, read, modifier if modifier not in RESOURCE_TYPES else ""
        )

    def _chain(self, parameter: Parameter, target: str, rest: str, text: str) -> Condition:
        if parameter.kind != "reference":
            raise NotSupported(f"{parameter.name} is no reference and leads nowhere.", where=parameter.name)
        if "." in rest:
            raise NotSupported("A chain has one step here.", where=parameter.name)
        asked = {target} if target else parameter.targets or RESOURCE_TYPES
        name = rest.partition(":")[0]
        able = [kind for kind in sorted(asked) if kind in RESOURCE_TYPES and self._knows(kind, name)]
        if not able:
            raise self._unknown(f"{parameter.name}.{name}")
        return Chain(parameter.index, _merged([(kind, self.condition(kind, rest, text)) for kind in able]))

    def _has(self, name: str, text: str) -> Condition:
        parts = name.split(":", 3)
        if len(parts) != 4 or parts[1] not in RESOURCE_TYPES or parts[3].startswith("_has"):
            raise NotSupported(
                "The parameter _has is not written _has:Type:reference:parameter.", where="_has"
            )
        _, resource_type, reference, inner = parts
        parameter = self._parameter(resource_type, reference)
        return Has(resource_type, parameter.index, self.condition(resource_type, inner, text))

    def _include(self, resource_type: str, text: str, reverse: bool) -> Include:
        source, _, rest = text.partition(":")
        name, _, target = rest.partition(":")
        parameter = self._parameter(source, name) if source in RESOURCE_TYPES else None
        if parameter is None or parameter.kind != "reference" or (not reverse and source != resource_type):
            raise NotSupported(
                "The included reference is not known.",
                where="_revinclude" if reverse else "_include",
                next_step="Write it Type:parameter or Type:parameter:Target.",
            )
        return Include(parameter, target or None, reverse)

    def _parameter(self, resource_type: str, name: str) -> Parameter:
        found = self._catalogue.of(resource_type).get(name)
        if found is None:
            raise self._unknown(f"{resource_type}.{name}")
        return found

    def _knows(self, resource_type: str, name: str) -> bool:
        return name in ("_id", "_lastUpdated") or name in self._catalogue.of(resource_type)

    def _unknown(self, name: str) -> NotSupported:
        # A name that is not one of ours could be a value in the wrong place ("?name=Meier&Schulz"), so it is
        # repeated only when it is written as parameters are.
        shown = name if _WRITTEN_AS_A_NAME.fullmatch(name) else "?"
        return NotSupported(
            f"The search parameter {shown} is not known here.",
            where=shown,
            rule="unknown parameters are refused",
            next_step="See GET metadata for what is known, or send Prefer: handling=lenient.",
        )

    def _count(self, question: Question, text: str) -> Question:
        if not text.isdecimal() or len(text) > 9:
            raise InvalidInput("The parameter _count takes a number.", where="_count")
        number = int(text)
        return replace(
            question, count=min(number, self._limits.maximum), only_count=question.only_count or not number
        )

    def _sort(self, question: Question, text: str) -> Question:
        keys = [self._sort_key(question.resource_type, part) for part in text.split(",")]
        if len(keys) > 4:
            raise NotSupported("A search sorts by at most four parameters.", where="_sort")
        return replace(question, sort=tuple(keys))

    def _sort_key(self, resource_type: str, text: str) -> SortKey:
        descending, name = text.startswith("-"), text.removeprefix("-")
        if name in ("_id", "_lastUpdated"):
            return SortKey("id" if name == "_id" else "updated", (), descending)
        parameter = self._parameter(resource_type, name)
        return SortKey(parameter.kind, parameter.indexes, descending)

    def _summary(self, question: Question, text: str) -> Question:
        if text not in ("count", "false"):
            raise NotSupported("The parameter _summary takes count or false here.", where="_summary")
        return replace(question, only_count=text == "count")

    def _elements(self, question: Question, text: str) -> Question:
        names = tuple(part.strip().split(".")[-1] for part in alternatives(text))
        return replace(question, elements=tuple(name for name in names if ID.fullmatch(name)))

    def _total(self, question: Question, text: str) -> Question:
        if text not in ("none", "estimate", "accurate"):
            raise InvalidInput("The parameter _total takes none, estimate or accurate.", where="_total")
        return replace(question, total=text != "none")

    def _format(self, question: Question, text: str) -> Question:
        # Decided before the search: the answer is found in the same way in any format.
        return question

    def _pretty(self, question: Question, text: str) -> Question:
        return question


def _merged(inner: list[tuple[str, Condition]]) -> tuple[tuple[frozenset[str], Condition], ...]:
    """Types that are asked the same become one condition: sixty alternatives would take the database a while
    to plan.
    """
    groups: dict[tuple[object, ...], tuple[set[str], Condition]] = {}
    for resource_type, condition in inner:
        if isinstance(condition, Match):
            key: tuple[object, ...] = (condition.kind, condition.values, condition.modifier)
        else:
            key = (condition,)
        types, known = groups.setdefault(key, (set(), condition))
        types.add(resource_type)
        if isinstance(condition, Match) and isinstance(known, Match):
            indexes = tuple(dict.fromkeys(known.indexes + condition.indexes))
            groups[key] = (types, replace(known, indexes=indexes))
    return tuple((frozenset(types), condition) for types, condition in groups.values())


_CONTROLS: Final = {
    "_count": Parser._count,
    "_sort": Parser._sort,
    "_summary": Parser._summary,
    "_elements": Parser._elements,
    "_total": Parser._total,
    "_format": Parser._format,
    "_pretty": Parser._pretty,
}
