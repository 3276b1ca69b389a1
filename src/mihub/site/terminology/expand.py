"""$expand: the codes of a value set on a page, each as the languages, properties and designations asked for say it.

Parameters in, a ValueSet with an expansion out, in the form of R5; `r4` turns it into R4's. Source:
https://hl7.org/fhir/R4/valueset-operation-expand.html. Above: `terminology`. Below: `compose`, `contains`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.site.terminology import preparation
from mihub.site.terminology.asked import Asked, with_value_set
from mihub.site.terminology.canonical_status import word_for
from mihub.site.terminology.compose import Composer
from mihub.site.terminology.contains import Contents
from mihub.site.terminology.entries import UNCLOSED, Entry, missing_import, too_costly
from mihub.site.terminology.issues import Refused
from mihub.site.terminology.sources import Sources

_DEFINITION_ONLY: Final = (
    "purpose",
    "compose",
    "description",
    "copyright",
    "publisher",
    "extension",
    "contained",
    "contact",
)
_ECHOED: Final = (
    ("excludeNested", "exclude_nested"),
    ("activeOnly", "active_only"),
    ("includeDesignations", "include_designations"),
    ("includeDefinition", "include_definition"),
    ("excludeNotForUI", "exclude_not_for_ui"),
    ("excludePostCoordinated", "exclude_post_coordinated"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """`unpaged`: codes in one answer when no count is asked; `page`: when one is; `walked`: looked at for one answer."""

    unpaged: int = 1_000
    page: int = 10_000
    walked: int = 250_000


def expand(sources: Sources, asked: Asked, value_set: Resource, limits: Limits) -> Resource:
    """The value set with its expansion. Raises `Refused`."""
    asked = with_value_set(asked, value_set)
    required = [*asked.supplements, *preparation.required_supplements(value_set)]
    sources = sources.with_supplements(required)
    preparation.check_supplements(required, sources)
    composer = Composer(sources, asked, limits.walked)
    preparation.check(value_set, composer.used.resolve, partial(missing_import, asked))
    page = _Page(composer.entries(value_set), asked, limits, value_set)
    entries, total = page.read(composer.size(value_set))
    contents = Contents(asked)
    nested = composer.notes.nested and page.whole and not asked.exclude_nested
    contains = contents.nested(entries) if nested else contents.flat(entries)
    expansion: Json = {
        "identifier": f"urn:uuid:{uuid.uuid4()}",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if composer.notes.unclosed:
        expansion["extension"] = [{"url": UNCLOSED, "valueBoolean": True}, *_reasons(composer.notes.unclosed)]
    if total is not None:
        expansion["total"] = total
    if asked.offset is not None:
        expansion["offset"] = asked.offset
    expansion["parameter"] = [*_echo(asked, value_set), *(_uri(*one) for one in composer.notes.parameters)]
    if composer.notes.versions_match:
        expansion["parameter"].append({"name": "versionsMatch", "valueBoolean": True})
    if contents.defined:
        expansion["property"] = list(contents.defined.values())
    if contains:
        expansion["contains"] = contains
    return {**_described(value_set, asked), "expansion": expansion}


class _Page:
    """The entries that were asked for; counts the others as far as the limits allow."""

    def __init__(self, entries: Iterator[Entry], asked: Asked, limits: Limits, value_set: Resource) -> None:
        self._entries = entries
        self._value_set = value_set
        self._offset = asked.offset or 0
        self._count = asked.count
        if asked.limit is not None and (asked.count is None or asked.limit < asked.count):
            limits = Limits(min(limits.unpaged, asked.limit), limits.page, limits.walked)
        self._limits = limits
        self.whole = self._offset == 0

    def read(self, size: int | None) -> tuple[list[Entry], int | None]:
        """The page and the number of all, None when counting them takes too long. `size`: that number, when it is known."""
        kept: list[Entry] = []
        seen = 0
        most = self._limits.unpaged if self._count is None else min(self._count, self._limits.page)
        try:
            for seen, entry in enumerate(self._entries, start=1):
                if seen > self._offset and len(kept) < most:
                    kept.append(entry)
                elif self._count is None and seen > self._offset:
                    raise too_costly(self._value_set, most)
                elif size is not None and seen > self._offset:
                    self.whole = False
                    return kept, size
        except Refused as error:
            # The page is there; only the end of the list is not.
            if error.found.code != "too-costly" or self._count is None or len(kept) < most:
                raise
            self.whole = False
            return kept, None
        self.whole = self.whole and len(kept) == seen
        return kept, seen


def _described(value_set: Resource, asked: Asked) -> Resource:
    """The value set's own elements, without its definition unless that is asked for."""
    left_out = {"id", "text", "meta", "expansion"}
    if not asked.include_definition:
        left_out.update(_DEFINITION_ONLY)
    return {name: value for name, value in value_set.items() if name not in left_out}


def _echo(asked: Asked, value_set: Resource) -> Iterator[Json]:
    if asked.text:
        yield {"name": "filter", "valueString": asked.text}
    languages = asked.working_languages
    if languages is not None:
        yield {"name": "displayLanguage", "valueCode": languages.text}
    for one in asked.designations:
        yield {"name": "designation", "valueString": one}
    for name, attribute in _ECHOED:
        value: Any = getattr(asked, attribute)
        if value is not None and name in asked.said:
            yield {"name": name, "valueBoolean": value}
    for name in ("offset", "count"):
        number = getattr(asked, name)
        if number is not None:
            yield {"name": name, "valueInteger": number}
    word = word_for(value_set, value_set)
    if word:
        yield _uri(f"warning-{word}", preparation.canonical(value_set))


def _reasons(systems: Iterable[str]) -> Iterator[Json]:
    for one in sorted(systems):
        # The ecosystem's own words, compared by its tests.
        text = f"This extension is based on a fragment of the code system {one}"
        yield {"url": f"{UNCLOSED}-reason", "valueString": text}


def _uri(name: str, value: str) -> Json:
    return {"name": name, "valueUri": value}
