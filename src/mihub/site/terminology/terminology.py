"""The terminology of one site: every operation as Parameters in, a resource out, whoever asks (HTTP, validator, portals).

Composes, decides nothing. Safe to use from any thread. An operation that can not be answered raises `Refused`
(the ecosystem's words) or another error of ours. Above: `site.api.terminology`, `site.validate`, `apps`.
Below: one file per operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.terminology import asked as requests
from mihub.site.terminology.answers import coded_entries, refused_answer
from mihub.site.terminology.asked import Asked, entries, first, text
from mihub.site.terminology.built_in import built_in
from mihub.site.terminology.closure import ClosureTables, MemoryTables, closure
from mihub.site.terminology.coded import Coded, coded
from mihub.site.terminology.expand import Limits, expand
from mihub.site.terminology.external_answers import ExternalAnswers
from mihub.site.terminology.implicit import all_of
from mihub.site.terminology.issues import Issue, Refused
from mihub.site.terminology.kept_resources import KeptResources
from mihub.site.terminology.languages import Languages, parse
from mihub.site.terminology.lookup import lookup, subsumes
from mihub.site.terminology.members import Members
from mihub.site.terminology.named import code_system_of, value_set_of
from mihub.site.terminology.protocol import CodeSystemProvider, Fallback, Membership
from mihub.site.terminology.r4 import as_r4
from mihub.site.terminology.shelf import Shelf
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.translate import translate
from mihub.site.terminology.validate_code import validate

_NOTHING_TO_VALIDATE: Final = (
    "Unable to find code to validate (looked for coding | codeableConcept | code+system |"
    " code+inferSystem in parameters"
)
_UNKNOWN_SYSTEM: Final = frozenset({"x-unknown-system", "x-caused-by-unknown-system"})
_LIMITS: Final = Limits()


class Terminology:
    """`language`: what displays are shown in when nobody asks, where there is one in it; "" for the system's own.

    `refresh` is called before each operation, so that what was just stored is known; membership does not wait for it.
    """

    def __init__(
        self,
        definitions: Definitions,
        lists: Iterable[CodeSystemProvider] = (),
        fallback: Fallback | None = None,
        *,
        language: str = "",
        limits: Limits = _LIMITS,
        tables: ClosureTables | None = None,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self._shelf = Shelf(definitions, lists, tuple(built_in(definitions)))
        self._external = ExternalAnswers(fallback) if fallback is not None else None
        self._members = Members(self._shelf, self._external)
        self._language: Languages | None = parse(language) if language else None
        self._limits = limits
        self._kept = KeptResources()
        self.refresh = refresh
        self._tables = tables if tables is not None else MemoryTables()

    def expand(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """ValueSet/$expand."""
        return self._or_elsewhere(
            "ValueSet/$expand", parameters, lambda: self._expand(parameters, accept_language)
        )

    def _expand(self, parameters: Resource, accept_language: str) -> Resource:
        sources, asked = self._request(parameters, accept_language)
        value_set = value_set_of(parameters, sources, asked)
        return as_r4(expand(sources, asked, value_set, self._limits))

    def validate_code(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """ValueSet/$validate-code."""
        return self._or_elsewhere(
            "ValueSet/$validate-code", parameters, lambda: self._validate_code(parameters, accept_language)
        )

    def _validate_code(self, parameters: Resource, accept_language: str) -> Resource:
        sources, asked = self._request(parameters, accept_language)
        value_set = value_set_of(parameters, sources, asked)
        what = coded(parameters, of_code_system=False, infer=bool(asked.infer_system))
        if what is None:
            raise Refused(Issue("error", "invalid", "", "", _NOTHING_TO_VALIDATE))
        return self._validated(sources, asked, value_set, what)

    def validate_code_in_system(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """CodeSystem/$validate-code."""
        sources, asked = self._request(parameters, accept_language)
        what = coded(parameters, of_code_system=True)
        if what is None or not what.codings:
            raise Refused(Issue("error", "invalid", "", "", _NOTHING_TO_VALIDATE), status=400)
        try:
            system = code_system_of(parameters, sources, asked, what)
        except Refused as error:
            if error.as_result:
                return refused_answer(error, coded_entries(what, sources))
            raise
        value_set = all_of(system)
        return self._validated(sources, asked, value_set, what, internal=True)

    def member(
        self, value_set: str, system: str, code: str, *, version: str = "", display: str = ""
    ) -> Membership:
        """Whether the value set (a canonical) holds the code, fast; `system` "" for a bare code."""
        return self._members.member(value_set, system, code, version=version, display=display)

    def codes_of(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """All codes of a small value set as (system, code); None when it is large, unknown, or can not be listed."""
        return self._members.codes_of(value_set)

    def in_system(self, system: str, code: str, *, version: str = "", display: str = "") -> Membership:
        """Whether the code is in its code system."""
        return self._members.in_system(system, code, version=version, display=display)

    def systems(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every code system that is known, with its versions."""
        sources = Sources(self._shelf)
        return [(url, tuple(sources.versions(url))) for url in sorted(set(self._shelf.systems()))]

    def lookup(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """CodeSystem/$lookup."""

        def here() -> Resource:
            sources, asked = self._request(parameters, accept_language)
            return lookup(parameters, sources, asked)

        return self._or_elsewhere("CodeSystem/$lookup", parameters, here)

    def subsumes(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """CodeSystem/$subsumes."""
        sources, asked = self._request(parameters, accept_language)
        return subsumes(parameters, sources, asked)

    def translate(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """ConceptMap/$translate."""
        sources, _ = self._request(parameters, accept_language)
        return translate(parameters, sources)

    def closure(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """ConceptMap/$closure."""
        sources, _ = self._request(parameters, accept_language)
        return closure(parameters, sources, self._tables)

    def batch_validate_code(self, parameters: Resource, *, accept_language: str = "") -> Resource:
        """$batch-validate-code: each `validation` is a request of its own over what is said for all."""
        shared = [one for one in entries(parameters) if one.get("name") != "validation"]
        out: list[Json] = []
        for one in entries(parameters):
            if one.get("name") == "validation" and isinstance(one.get("resource"), dict):
                own = list(entries(one["resource"]))
                names = {entry.get("name") for entry in own}
                common = [
                    entry
                    for entry in shared
                    if entry.get("name") not in names or entry.get("name") == "tx-resource"
                ]
                request = {"resourceType": "Parameters", "parameter": [*common, *own]}
                out.append({"name": "validation", "resource": self._one_of_batch(request, accept_language)})
        return {"resourceType": "Parameters", "parameter": out}

    def _or_elsewhere(self, operation: str, parameters: Resource, here: Callable[[], Resource]) -> Resource:
        """What this site says; where a code system is not known here, what the other server says, if there is one."""
        try:
            answer = here()
        except Refused as error:
            found = self._elsewhere(operation, parameters) if error.unknown_system else None
            if found is None:
                raise
            return found
        if {one.get("name") for one in answer.get("parameter") or []} & _UNKNOWN_SYSTEM:
            return self._elsewhere(operation, parameters) or answer
        return answer

    def _elsewhere(self, operation: str, parameters: Resource) -> Resource | None:
        return self._external.instead(operation, parameters) if self._external is not None else None

    def _one_of_batch(self, request: Resource, accept_language: str) -> Resource:
        of_system = first(request, "url", "valueSet") is None
        try:
            if of_system:
                return self.validate_code_in_system(request, accept_language=accept_language)
            return self.validate_code(request, accept_language=accept_language)
        except Refused as error:
            return error.outcome()

    def _request(self, parameters: Resource, accept_language: str) -> tuple[Sources, Asked]:
        self.refresh()
        asked = requests.read(parameters, accept_language, self._language)
        return Sources(self._shelf, self._own(parameters), asked.supplements), asked

    def _own(self, parameters: Resource) -> Sequence[Resource]:
        """Resources that came along, now or earlier under the same cache-id."""
        sent = [one["resource"] for one in entries(parameters) if isinstance(one.get("resource"), dict)]
        own = [one for one in sent if one.get("resourceType") in ("CodeSystem", "ValueSet", "ConceptMap")]
        cache_id = text(parameters, "cache-id")
        return self._kept.add(cache_id, own) if cache_id else own

    def _validated(
        self, sources: Sources, asked: Asked, value_set: Resource, what: Coded, *, internal: bool = False
    ) -> Resource:
        asked = requests.with_value_set(asked, value_set)
        try:
            return validate(sources, asked, value_set, what, internal=internal)
        except Refused as error:
            if error.as_result:
                return refused_answer(error, coded_entries(what, sources))
            raise
