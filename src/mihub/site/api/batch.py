"""batch: every entry for itself; one that fails answers with its own outcome. Source:
https://hl7.org/fhir/R4/http.html#transaction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.bundle import of_type
from mihub.errors import InvalidInput, MihubError
from mihub.site.api.bundle_entry import Request, at, requests
from mihub.site.api.call import Call
from mihub.site.api.create import create
from mihub.site.api.delete import delete, delete_conditional
from mihub.site.api.patch import instructions_in, patch, patch_conditional
from mihub.site.api.reply import Reply
from mihub.site.api.retrieve import retrieve
from mihub.site.api.transaction import run
from mihub.site.api.update import update, update_conditional
from mihub.site.quarantine.told import outcome_of

_WRITES: Final = frozenset({"POST", "PUT", "PATCH"})


def bundle(call: Call, given: Resource) -> Resource:
    """POST [base]: a batch or a transaction."""
    if given.get("resourceType") == "Bundle" and given.get("type") == "transaction":
        return run(call, given)
    if given.get("resourceType") != "Bundle" or given.get("type") != "batch":
        raise InvalidInput(
            "Only a batch or a transaction can be sent here.",
            where="Bundle.type",
            next_step="Send single resources to the address of their type.",
        )
    # Each entry is kept for itself when it is refused, not as the whole batch.
    call = replace(call, sent=b"")
    asked = requests(given, call.site.settings.max_bundle_entries)
    return of_type("batch-response", [one(call, request) for request in asked])


def one(call: Call, request: Request, *, new_id: str = "") -> Json:
    """The answer of one entry; never raises for what it asks. `new_id`: what it creates gets this id, once."""
    try:
        with at(request.number):
            reply = _reply(call, request, new_id)
    except MihubError as error:
        return {"response": {"status": str(error.http_status), "outcome": outcome_of(error, call.language)}}
    response: Json = {"status": str(reply.status)}
    if reply.location:
        response["location"] = reply.location
    if reply.version is not None:
        response["etag"] = reply.etag
        response["lastModified"] = reply.version.last_updated.isoformat(timespec="milliseconds")
    answer: Json = {"response": response}
    if reply.body is not None and call.wants_outcome and request.method in _WRITES:
        response["outcome"] = orjson.Fragment(reply.body)
    elif reply.body is not None and not call.minimal:
        answer["resource"] = orjson.Fragment(reply.body)
    return answer


def _reply(call: Call, request: Request, new_id: str) -> Reply:
    resource = request.resource or {}
    if request.method == "POST":
        return create(call, request.resource_type, resource, request.if_none_exist, new_id=new_id)
    if request.method == "PUT" and request.id:
        return update(call, request.resource_type, request.id, resource, request.if_match)
    if request.method == "PUT":
        return update_conditional(call, request.resource_type, request.query, resource, request.if_match)
    if request.method == "PATCH":
        instructions = instructions_in(resource)
        if request.id:
            return patch(call, request.resource_type, request.id, instructions, request.if_match)
        return patch_conditional(call, request.resource_type, request.query, instructions, request.if_match)
    if request.method == "DELETE" and not request.id:
        return delete_conditional(call, request.resource_type, request.query, request.if_match)
    if request.method == "DELETE":
        return delete(call, request.resource_type, request.id, request.if_match)
    return retrieve(call, request.path, request.query)
