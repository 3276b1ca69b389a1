"""From the parameters of a request to a question: unknown words are refused, or named as ignored when that
was asked.

Source: https://hl7.org/fhir/R4/search.html. Above: `site.api`. Below: `values`, `catalogue`, `question`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Final

from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.errors import InvalidInput, NotSupported, TooLarge
from mihub.site.search.catalogue import ANY_TYPE, Catalogue
from mihub.site.search.codes import Codes, NoCodes
from mihub.site.search.conditions import Conditions
from mihub.site.search.question import Condition, Include, Question, SortKey, TypeIn
from mihub.site.search.values import alternatives

_MOST_SORT_KEYS: Final = 50


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
    types: list[str] = field(default_factory=list)


class Parser:
    """Knows the catalogue, the site's time zone, its page sizes and its terminology."""

    def __init__(
        self, catalogue: Catalogue, local: tzinfo, limits: PageLimits, codes: Callable[[], Codes] = NoCodes
    ) -> None:
        self._catalogue = catalogue
        self._limits = limits
        self._conditions = Conditions(catalogue, local, codes)

    def parse(
        self,
        resource_type: str,
        parameters: Sequence[tuple[str, str]],
        *,
        lenient: bool = False,
        compartment: tuple[str, str] | None = None,
    ) -> Question:
        """The question. `resource_type` "*": every type, or those that `_type` names. `compartment`: type and id of its
        owner. Raises `NotSupported` or `InvalidInput`; `lenient` lists what it does not know instead.
        """
        if sum(len(text) for _, text in parameters) > 100_000 or len(parameters) > 200:
            raise TooLarge("The search has too many parameters.", rule="200 parameters, 100,000 characters")
        draft = _Draft(Question(resource_type, count=self._limits.default))
        if resource_type == ANY_TYPE:
            draft.types = _types([text for name, text in parameters if name == "_type"])
            if draft.types:
                draft.conditions.append(TypeIn(frozenset(draft.types)))
        if compartment is not None:
            types = draft.types or sorted(RESOURCE_TYPES) if resource_type == ANY_TYPE else [resource_type]
            draft.conditions.append(self._conditions.compartment(*compartment, types))
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
        word, _, modifier = name.partition(":")
        if word in ("_include", "_revinclude"):
            draft.includes.append(self._include(draft, word, modifier, text))
        elif name == "_type" and draft.question.resource_type == ANY_TYPE:
            return
        elif name in _CONTROLS:
            draft.question = _CONTROLS[name](self, draft.question, text)
        else:
            draft.conditions.append(self._condition(draft.question.resource_type, name, text, draft.types))

    def condition(self, resource_type: str, name: str, text: str) -> Condition:
        """One parameter as a condition."""
        return self._conditions.of(resource_type, name, text)

    def _condition(self, resource_type: str, name: str, text: str, types: Iterable[str]) -> Condition:
        return self._conditions.of(resource_type, name, text, types)

    def _include(self, draft: _Draft, word: str, modifier: str, text: str) -> Include:
        resource_type = draft.question.resource_type
        reverse = word == "_revinclude"
        source, _, rest = text.partition(":")
        name, _, target = rest.partition(":")
        iterate = modifier in ("iterate", "recurse")
        mine = [resource_type] if resource_type != ANY_TYPE else draft.types or sorted(RESOURCE_TYPES)
        anywhere = reverse or iterate or resource_type == ANY_TYPE
        if source == "*" and not rest:
            sources, name = (sorted(RESOURCE_TYPES) if anywhere else mine), "*"
        else:
            sources = [source] if source in RESOURCE_TYPES and (anywhere or source == resource_type) else []
        if (modifier and not iterate) or not sources or (target and target not in RESOURCE_TYPES):
            raise _unknown_include(word)
        if name == "*":
            indexes = [
                one.index
                for kind in sources
                for one in self._catalogue.of(kind).values()
                if one.kind == "reference"
            ]
            return Include(
                tuple(dict.fromkeys(indexes)), frozenset({target} if target else ()), reverse, iterate
            )
        parameter = self._conditions.parameter(sources[0], name)
        if parameter.kind != "reference":
            raise _unknown_include(word)
        return Include(
            parameter.indexes, frozenset({target}) if target else parameter.targets, reverse, iterate
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
        if len(keys) > _MOST_SORT_KEYS:
            raise NotSupported(f"A search sorts by at most {_MOST_SORT_KEYS} parameters.", where="_sort")
        return replace(question, sort=tuple(keys))

    def _sort_key(self, resource_type: str, text: str) -> SortKey:
        descending, name = text.startswith("-"), text.removeprefix("-")
        if name in ("_id", "_lastUpdated"):
            return SortKey("id" if name == "_id" else "updated", (), descending)
        if resource_type == ANY_TYPE:
            raise NotSupported("A search over several types sorts by _id and _lastUpdated.", where="_sort")
        parameter = self._conditions.parameter(resource_type, name)
        if parameter.kind == "composite":
            raise NotSupported(f"{parameter.name} has several values and gives no order.", where="_sort")
        return SortKey(parameter.kind, parameter.indexes, descending)

    def _summary(self, question: Question, text: str) -> Question:
        if text not in ("true", "text", "data", "count", "false"):
            raise InvalidInput(
                "The parameter _summary takes true, text, data, count or false.", where="_summary"
            )
        return replace(
            question, only_count=text == "count", summary="" if text in ("false", "count") else text
        )

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

    def _contained(self, question: Question, text: str) -> Question:
        if text != "false":
            raise NotSupported("Contained resources are not searched for themselves.", where="_contained")
        return question


def _types(given: list[str]) -> list[str]:
    named = [one for text in given for one in text.split(",") if one]
    if any(one not in RESOURCE_TYPES for one in named):
        raise InvalidInput(
            "The parameter _type takes resource types of R4, separated by commas.", where="_type"
        )
    return sorted(set(named))


def _unknown_include(word: str) -> NotSupported:
    return NotSupported(
        "The included reference is not known.",
        where=word,
        next_step="Write it Type:parameter, Type:parameter:Target or Type:*; from another type with :iterate.",
    )


_CONTROLS: Final = {
    "_count": Parser._count,
    "_sort": Parser._sort,
    "_summary": Parser._summary,
    "_elements": Parser._elements,
    "_total": Parser._total,
    "_format": Parser._format,
    "_pretty": Parser._pretty,
    "_contained": Parser._contained,
}
