"""search: GET [base]/Type?..., POST [base]/Type/_search. Source: https://hl7.org/fhir/R4/search.html."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import orjson

from mihub.core.fhir import Json
from mihub.core.fhir.bundle import search_entry, searchset
from mihub.core.fhir.outcome import warning_issue
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type
from mihub.site.api.page_link import Parameters, Place, seal_place, unseal_place
from mihub.site.api.reply import Reply, document
from mihub.site.api.summary import of_elements, summarised
from mihub.site.search.protocol import Page
from mihub.site.search.question import Question
from mihub.site.store.protocol import Version


def search_type(call: Call, resource_type: str, parameters: Parameters) -> Reply:
    """A page of matches. Raises `NotSupported`, `InvalidInput`, `Forbidden`."""
    known_type(resource_type)
    return search(
        call,
        resource_type,
        parameters,
        lambda p: call.site.parser.parse(resource_type, p, lenient=call.lenient),
    )


def search(call: Call, scope: str, parameters: Parameters, ask: Callable[[Parameters], Question]) -> Reply:
    """A page of what `ask` makes of the parameters; `scope` is the address of the search below the base."""
    place = Place()
    tokens = [text for name, text in parameters if name == "_page"]
    if tokens:
        parameters, place = unseal_place(call.site.page_key, scope, tokens[0])
    question = replace(ask(parameters), after=place.after or None)
    within = call.within(Action.COUNT if question.only_count else Action.READ)
    page = call.site.search.find(question, call.access, within)
    # Said only after the search was noted. Which types a role may see is no secret, which resources is.
    if not within.names(question.resource_type) and question.resource_type != "*":
        raise Forbidden(
            f"This role may not search {question.resource_type} here.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Sign in with a role that may, or ask the organisation.",
        )
    address = f"{call.base}/{scope}" if scope else call.base
    whole = f"{address}?{urlencode(parameters)}" if parameters else address
    places = {"previous": place.before(), "next": place.then(page.after) if page.after is not None else None}
    links = [("self", whole), ("first", whole)]
    for relation, other in places.items():
        if other is not None:
            token = seal_place(call.site.page_key, scope, parameters, other)
            links.append((relation, f"{address}?_page={token}"))
    return document(searchset(page.total, links, _entries(call.base, question, page)))


def _entries(base: str, question: Question, page: Page) -> list[Json]:
    entries = [
        _entry(base, version, "match", question.elements, question.summary) for version in page.matches
    ]
    entries += [_entry(base, version, "include", (), question.summary) for version in page.included]
    if question.ignored:
        issues = [
            warning_issue("A search parameter was ignored, as the request allows.") for _ in question.ignored
        ]
        entries.append(
            {"resource": {"resourceType": "OperationOutcome", "issue": issues}, "search": {"mode": "outcome"}}
        )
    return entries


def _entry(base: str, version: Version, mode: str, elements: tuple[str, ...], summary: str) -> Json:
    body: Any = orjson.Fragment(version.body or b"null")
    if elements or summary:
        resource = orjson.loads(version.body or b"{}")
        body = of_elements(resource, elements) if elements else summarised(resource, summary)
    return search_entry(f"{base}/{version.resource_type}/{version.id}", body, mode)
