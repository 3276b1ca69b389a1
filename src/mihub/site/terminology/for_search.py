"""What a search asks of terminology (`site.search.codes`): the codes of a value set, and those below or above a code.

Answered by `$expand`, so that packages, code lists, the record and another server count. Above: `site.site`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mihub.core.fhir import Resource
from mihub.errors import MihubError, NotSupported
from mihub.site.search.codes import MOST_CODES, Code, too_many_codes
from mihub.site.terminology.terminology import Terminology


class CodesOfTerminology:
    """A `Codes` over a site's terminology."""

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology

    def members(self, value_set: str) -> frozenset[Code]:
        """See `Codes.members`."""
        # A value set that was stored a moment ago counts.
        self._terminology.refresh()
        known = self._terminology.codes_of(value_set)
        if known is not None and len(known) <= MOST_CODES:
            return known
        return self._expanded({"name": "url", "valueUri": value_set})

    def below(self, system: str, code: str) -> frozenset[Code]:
        """See `Codes.below`."""
        return self._branch(system, code, "is-a")

    def above(self, system: str, code: str) -> frozenset[Code]:
        """See `Codes.above`."""
        return self._branch(system, code, "generalizes")

    def _branch(self, system: str, code: str, operator: str) -> frozenset[Code]:
        criterion = {"property": "concept", "op": operator, "value": code}
        value_set = {
            "resourceType": "ValueSet", "status": "active",
            "compose": {"include": [{"system": system, "filter": [criterion]}]},
        }  # fmt: skip
        # The code itself counts even where its system does not know it.
        return self._expanded({"name": "valueSet", "resource": value_set}) | {(system, code)}

    def _expanded(self, of: Resource) -> frozenset[Code]:
        count = {"name": "count", "valueInteger": MOST_CODES + 1}
        try:
            found = self._terminology.expand({"resourceType": "Parameters", "parameter": [of, count]})
        except MihubError as error:
            raise NotSupported(
                "The value set or code system that the search names is not known here, or can not be listed.",
                rule=":in, :not-in, :below and :above ask the site's terminology",
                next_step="Load the package or code list that holds it.",
            ) from error
        expansion = found.get("expansion", {})
        codes = frozenset(_codes(expansion.get("contains", [])))
        if len(codes) > MOST_CODES or int(expansion.get("total", 0)) > MOST_CODES:
            raise too_many_codes()
        return codes


def _codes(entries: list[dict[str, Any]]) -> Iterator[Code]:
    for one in entries:
        if "code" in one:
            yield str(one.get("system", "")), str(one["code"])
        yield from _codes(one.get("contains", []))
