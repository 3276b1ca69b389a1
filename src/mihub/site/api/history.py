"""history: GET [base]/_history, /Type/_history and /Type/id/_history, newest first, with _since, _at and _count.

A page follows the change log, so what is written meanwhile neither repeats nor hides a version. Not supported: _list, other
orders. Source: https://hl7.org/fhir/R4/http.html#history.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from typing import Final
from urllib.parse import urlencode

import orjson

from mihub.core.fhir import Json
from mihub.core.fhir.bundle import of_type
from mihub.core.fhir.dates import Span, span, zone
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput, NotSupported
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.page_link import Parameters, seal, unseal
from mihub.site.api.reply import Reply, document
from mihub.site.search.parse import PageLimits
from mihub.site.store.history import speaks
from mihub.site.store.protocol import HistoryQuery, Past

_FORMATS: Final = frozenset({"_format", "_pretty"})


def history(call: Call, parameters: Parameters, resource_type: str = "", resource_id: str = "") -> Reply:
    """A page of versions. Raises `NotFound` for a resource that never was, `Forbidden`, `NotSupported`."""
    if resource_type:
        known_type(resource_type)
    if resource_type == "AuditEvent":
        raise NotSupported("Lines of the audit have one version.", where="AuditEvent/_history")
    scope = "/".join(part for part in (resource_type, resource_id, "_history") if part)
    before = None
    tokens = [text for name, text in parameters if name == "_page"]
    if tokens:
        parameters, place = unseal(call.site.page_key, scope, tokens[0])
        before = int(str(place[0]))
    limits = PageLimits(call.site.settings.page_size, call.site.settings.max_page_size)
    query = _query(parameters, zone(call.site.settings.time_zone), limits, lenient=call.lenient)
    query = replace(query, resource_type=resource_type, resource_id=resource_id, before=before)
    return _answer(call, query, parameters, scope)


def _answer(call: Call, query: HistoryQuery, parameters: Parameters, scope: str) -> Reply:
    within = call.within(Action.READ)
    page = call.site.store.history_page(query, call.access, within)
    if not query.resource_id and not speaks(within, query.resource_type):
        raise Forbidden(
            f"This role may not read the history of {query.resource_type or 'this record'} here.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Sign in with a role that may, or ask the organisation.",
        )
    if not page.there:
        raise not_there(query.resource_type)
    # A person who may not see every version is not told how many there are; of one page everything is seen.
    whole = query.before is None and page.before is None and query.count > 0
    total = page.total if page.total is not None else len(page.versions) if whole else None
    bundle = of_type("history", [_entry(call.base, one) for one in page.versions])
    address = f"{call.base}/{scope}"
    links = [{"relation": "self", "url": f"{address}?{urlencode(parameters)}" if parameters else address}]
    if page.before is not None:
        token = seal(call.site.page_key, scope, parameters, (page.before,))
        links.append({"relation": "next", "url": f"{address}?_page={token}"})
    return document(bundle | ({} if total is None else {"total": total}) | {"link": links})


def _query(parameters: Parameters, local: tzinfo, limits: PageLimits, *, lenient: bool) -> HistoryQuery:
    query = HistoryQuery(count=limits.default, names=" ".join(sorted({name for name, _ in parameters}))[:500])
    for name, text in parameters:
        if name == "_since":
            query = replace(query, since=_moments(name, text, local)[0])
        elif name == "_at":
            query = replace(query, current_in=_moments(name, text, local))
        elif name == "_count":
            query = replace(query, count=_count(text, limits))
        elif name not in _FORMATS and (name, text) != ("_sort", "-_lastUpdated") and not lenient:
            raise NotSupported(
                "A history takes _since, _at and _count, and is ordered with the newest first.",
                rule="https://hl7.org/fhir/R4/http.html#history",
                next_step="Leave the other parameters out, or send Prefer: handling=lenient.",
            )
    return query


def _moments(name: str, text: str, local: tzinfo) -> Span:
    try:
        # A "+" that a client did not encode arrives as a space.
        return span(text.replace(" ", "+"), local)
    except InvalidInput as error:
        error.where = name
        raise


def _count(text: str, limits: PageLimits) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidInput("_count takes a whole number.", where="_count")
    return min(int(text), limits.maximum)


def _entry(base: str, past: Past) -> Json:
    version = past.version
    address = f"{version.resource_type}/{version.id}"
    method = "DELETE" if version.body is None else "PUT"
    status = "204" if version.body is None else "201" if past.made else "200"
    entry: Json = {
        "fullUrl": f"{base}/{address}",
        "request": {"method": method, "url": address},
        "response": {
            "status": status,
            "etag": f'W/"{version.version_id}"',
            "lastModified": version.last_updated.isoformat(timespec="milliseconds"),
        },
    }
    if version.body is not None:
        entry["resource"] = orjson.Fragment(version.body)
    return entry
