"""Who did what: GET [base]/AuditEvent?patient=... rendered from the audit of the store.

Supported: patient, entity (Type/id), date, _count. Newest first. AuditEvents are never written through the
API.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from urllib.parse import urlencode

from mihub.core.audit.event import audit_event
from mihub.core.fhir.bundle import search_entry, searchset
from mihub.core.fhir.dates import zone
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput, NotSupported
from mihub.site.api.call import Call
from mihub.site.api.page_link import Parameters
from mihub.site.api.reply import Reply, document
from mihub.site.search.values import date_value
from mihub.site.store.protocol import AuditQuery

_IGNORED = frozenset({"_format", "_pretty", "_total"})


def audit_events(call: Call, parameters: Parameters) -> Reply:
    """A page of AuditEvents. Raises `NotSupported`, `InvalidInput`, `Forbidden`."""
    query = _query(parameters, zone(call.site.settings.time_zone), call.site.settings.max_page_size)
    within = call.within(Action.READ)
    found = call.site.store.audit(query, call.access, within)
    if not within.names("AuditEvent"):
        raise Forbidden(
            "This role may not read the audit here.", rule="access rules (docs/reference/roles.md)"
        )
    links = [("self", f"{call.base}/AuditEvent")]
    if len(found) == query.limit:
        kept = [(name, text) for name, text in parameters if name != "_before"]
        rest = urlencode([*kept, ("_before", found[-1].id)])
        links.append(("next", f"{call.base}/AuditEvent?{rest}"))
    member = call.site.settings.member
    entries = [
        search_entry(f"{call.base}/AuditEvent/{entry.id}", audit_event(entry, member), "match")
        for entry in found
    ]
    return document(searchset(None, links, entries))


def _query(parameters: Parameters, local: tzinfo, most: int) -> AuditQuery:
    query = AuditQuery()
    for name, text in parameters:
        if name == "patient":
            query = replace(query, patient=text.removeprefix("Patient/"))
        elif name == "entity":
            query = _about(query, text)
        elif name == "date":
            query = _dated(query, text, local)
        elif name in ("_count", "_before"):
            query = _numbered(query, name, text, most)
        elif name not in _IGNORED and (name, text) != ("_sort", "-date"):
            raise NotSupported(
                "The audit is searched by patient, entity, date and _count, newest first.", where="AuditEvent"
            )
    return query


def _about(query: AuditQuery, entity: str) -> AuditQuery:
    # "entity=Patient/x" asks for everything that concerns the patient, not for reads of the Patient resource
    # only.
    if entity.startswith("Patient/"):
        return replace(query, patient=entity.removeprefix("Patient/"))
    return replace(query, entity=entity)


def _dated(query: AuditQuery, text: str, local: tzinfo) -> AuditQuery:
    value = date_value(text, local)
    if value.prefix in ("ne", "ap"):
        raise NotSupported(
            "The audit's date takes eq, ge, gt, sa, le, lt and eb.", where="date", next_step="Give a range."
        )
    if value.prefix in ("ge", "eq"):
        query = replace(query, since=value.low)
    if value.prefix in ("gt", "sa"):
        query = replace(query, since=value.high)
    if value.prefix in ("le", "eq"):
        query = replace(query, until=value.high)
    if value.prefix in ("lt", "eb"):
        query = replace(query, until=value.low)
    return query


def _numbered(query: AuditQuery, name: str, text: str, most: int) -> AuditQuery:
    if not text.isdecimal() or len(text) > 18:
        raise InvalidInput(f"The parameter {name} takes a number.", where=name)
    if name == "_before":
        return replace(query, before_id=int(text))
    return replace(query, limit=max(1, min(int(text), most)))
