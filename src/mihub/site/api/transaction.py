"""transaction: all entries of a bundle or none, in the order that FHIR gives: DELETE, POST, PUT and PATCH, GET.

Ids and conditions are resolved while no other writer can change the record. Other rooms of the site call
`execute`. Source: https://hl7.org/fhir/R4/http.html#transaction. Below: `bundle_entry`, `links`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.bundle import of_type
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput, MihubError
from mihub.site.api.bundle_entry import Request, at, requests
from mihub.site.api.call import Call, refusal_noted, version_of
from mihub.site.api.conditions import one_match
from mihub.site.api.create import outcome_of_write
from mihub.site.api.delete import may_delete
from mihub.site.api.faults import not_there
from mihub.site.api.links import linked
from mihub.site.api.patch import instructions_in, patched
from mihub.site.api.read import present
from mihub.site.api.retrieve import retrieve
from mihub.site.api.update import must_be_theirs
from mihub.site.quarantine.door import NotConformant
from mihub.site.site import Site
from mihub.site.store.protocol import Delete, Put, Written

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}
_CONDITIONAL = re.compile(rb'"reference":"[A-Za-z]+\?')
_ENTRY = re.compile(r"entry (\d+)(.*)", re.DOTALL)


@dataclass
class _Work:
    """What the writer found out while it held the record: where each entry goes, and what needs no writing."""

    call: Call
    within: Restriction
    new_id: Callable[[int], str]
    keys: dict[int, str] = field(default_factory=dict)  # entry number -> Type/id
    existing: set[int] = field(default_factory=set)  # entries whose If-None-Exist found one
    order: list[int] = field(default_factory=list)  # entry numbers as they were given to the store


def execute(site: Site, bundle: Resource, access: Access, *, base: str = "") -> Resource:
    """The transaction-response bundle. Raises `MihubError`s that name the entry; then nothing was written."""
    return run(Call(site, access, base), bundle)


def run(call: Call, bundle: Resource, *, new_id: Callable[[int], str] | None = None) -> Resource:
    """As `execute`, for a request. `new_id`: by the number of its entry, the id of what is created."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise InvalidInput(
            "This is no transaction.", where="Bundle.type", rule="a Bundle of type transaction"
        )
    asked = requests(bundle, call.site.settings.max_bundle_entries)
    changes = sorted((one for one in asked if one.method in _ORDER), key=lambda one: _ORDER[one.method])
    work = _Work(call, call.within(Action.WRITE), new_id or (lambda _: str(uuid.uuid4())))
    with refusal_noted(call, "U", "transaction", "", whole=lambda: call.sent or orjson.dumps(bundle)):
        for one in changes:
            if one.method == "DELETE":
                with at(one.number):
                    may_delete(call, one.resource_type)
        written = _written(work, changes) if changes else {}
    answers = [_answer(work, one, written.get(one.number)) for one in asked]
    return of_type("transaction-response", answers)


def _written(work: _Work, changes: list[Request]) -> dict[int, Written]:
    call = work.call
    # A delete was allowed for its whole type above; the store then needs to let it through as well.
    deletes = frozenset(one.resource_type for one in changes if one.method == "DELETE")
    within = Restriction(work.within.open_types | deletes, work.within.patient_types, work.within.patient_id)
    try:
        # What needs no look into the record is prepared and validated before the record is held: others write meanwhile.
        entries = (lambda: _entries(work, changes)) if _looks_up(work, changes) else _entries(work, changes)
        written = call.site.store.write(entries, call.access, within)
    except NotConformant as error:
        error.places = {number: f"Bundle.entry[{work.order[number]}].resource" for number, _ in error.refused}
        raise
    except MihubError as error:
        match = _ENTRY.fullmatch(error.where)
        if match and int(match[1]) < len(work.order):
            error.where = f"Bundle.entry[{work.order[int(match[1])]}]{match[2]}"
        raise
    return dict(zip(work.order, written, strict=True))


def _looks_up(work: _Work, changes: list[Request]) -> bool:
    """Does any entry depend on what the record holds?"""
    return bool(work.within.patient_types) or any(
        one.method == "PATCH"
        or one.query
        or one.if_none_exist
        or (one.resource is not None and _CONDITIONAL.search(orjson.dumps(one.resource)))
        for one in changes
    )


def _entries(work: _Work, changes: list[Request]) -> list[Put | Delete]:
    for one in changes:
        with at(one.number):
            _place(work, one)
    _refuse_repetitions(work, changes)
    addresses = {one.full_url: work.keys[one.number] for one in changes if one.full_url}
    entries: list[Put | Delete] = []
    for one in changes:
        if one.number in work.existing:
            continue
        work.order.append(one.number)
        with at(one.number):
            entries.append(_entry(work, one, addresses))
    return entries


def _place(work: _Work, one: Request) -> None:
    """Decide which id the entry is about."""
    call, resource_type, resource_id = work.call, one.resource_type, one.id
    if one.method == "POST":
        found = one_match(call, resource_type, one.if_none_exist, work.within) if one.if_none_exist else None
        if found is not None:
            work.existing.add(one.number)
        resource_id = found or work.new_id(one.number)
    elif one.method == "PUT" and not resource_id:
        found = one_match(call, resource_type, one.query, work.within)
        named = (one.resource or {}).get("id")
        if found is None and isinstance(named, str):
            must_be_theirs(call, resource_type, named, work.within)
        resource_id = found or str(named or work.new_id(one.number))
    elif one.method == "DELETE" and not resource_id:
        found = one_match(call, resource_type, one.query, call.within(Action.DELETE))
        if found is None:
            # Nothing to delete is no fault; the entry is answered without a write.
            work.existing.add(one.number)
        resource_id = found or ""
    elif one.method == "PATCH" and not resource_id:
        resource_id = one_match(call, resource_type, one.query, work.within) or ""
        if not resource_id:
            raise not_there(resource_type)
    elif one.method in ("PUT", "PATCH"):
        must_be_theirs(call, resource_type, resource_id, work.within)
    work.keys[one.number] = f"{resource_type}/{resource_id}"


def _entry(work: _Work, one: Request, addresses: dict[str, str]) -> Put | Delete:
    resource_type, _, resource_id = work.keys[one.number].partition("/")
    if one.method == "DELETE" or one.resource is None:
        return Delete(resource_type, resource_id, version_of(one.if_match))
    given = one.resource
    if one.method == "PATCH":
        found = work.call.site.store.read(resource_type, resource_id, work.call.access, work.within)
        given = patched(present(found, resource_type), instructions_in(one.resource))
    resource = linked(
        given,
        one.full_url,
        addresses,
        lambda kind, query: one_match(work.call, kind, query, work.within),
    )
    return Put(resource | {"id": resource_id}, if_match=version_of(one.if_match))


def _refuse_repetitions(work: _Work, changes: list[Request]) -> None:
    seen: dict[str, int] = {}
    for one in changes:
        key = work.keys[one.number]
        if key in seen and not {one.number, seen[key]} & work.existing:
            raise InvalidInput(
                "Two entries change the same resource.",
                where=f"Bundle.entry[{one.number}]",
                rule=f"one change a resource; the other is Bundle.entry[{seen[key]}]",
                next_step="Send one of them, or send two bundles.",
            )
        seen.setdefault(key, one.number)


def _answer(work: _Work, one: Request, written: Written | None) -> Json:
    if one.method not in _ORDER:
        with at(one.number):
            reply = retrieve(work.call, one.path, one.query)
        return {"resource": orjson.Fragment(reply.body or b"null"), "response": {"status": str(reply.status)}}
    if written is None and one.method == "DELETE":
        return {"response": {"status": "204"}}
    if written is None:
        return {"response": {"status": "200", "location": work.keys[one.number]}}
    status = {"created": "201", "deleted": "204"}.get(
        written.effect, "204" if one.method == "DELETE" else "200"
    )
    response: Json = {"status": status}
    if one.method != "DELETE":
        response["location"] = f"{work.keys[one.number]}/_history/{written.version_id}"
        response["etag"] = f'W/"{written.version_id}"'
    if work.call.wants_outcome and one.method != "DELETE":
        response["outcome"] = outcome_of_write(work.call, written)
    if written.version is not None:
        response["lastModified"] = written.version.last_updated.isoformat(timespec="milliseconds")
    return {"response": response}
