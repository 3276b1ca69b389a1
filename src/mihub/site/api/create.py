"""create: POST [base]/Type, with If-None-Exist. Source: https://hl7.org/fhir/R4/http.html#create."""

from __future__ import annotations

import uuid

import orjson

from mihub.core.fhir import Resource
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput
from mihub.site.api.call import Call, refusal_noted
from mihub.site.api.conditions import one_match
from mihub.site.api.faults import known_type
from mihub.site.api.read import read
from mihub.site.api.reply import Reply, stored
from mihub.site.quarantine.door import Stored
from mihub.site.quarantine.told import outcome
from mihub.site.store.protocol import Put, Written


def create(
    call: Call, resource_type: str, resource: Resource, if_none_exist: str = "", *, new_id: str = ""
) -> Reply:
    """The new resource under an id of ours, or the one that fits the condition.

    `new_id`: an id that was chosen before, under which nothing is made twice.
    """
    check_type(known_type(resource_type), resource)
    within = call.within(Action.WRITE)
    existing: list[str] = []

    def entries() -> list[Put]:
        found = one_match(call, resource_type, if_none_exist, within) if if_none_exist else None
        if found is not None:
            existing.append(found)
            return []
        return [Put(resource | {"id": new_id or str(uuid.uuid4())}, if_absent=bool(new_id))]

    with refusal_noted(call, "C", "create", resource_type):
        written = call.site.store.write(entries, call.access, within)
    if existing:
        return read(call, resource_type, existing[0])
    return written_reply(call, written[0])


def written_reply(call: Call, written: Written) -> Reply:
    """200 or 201 with the stored version, or without its body when the client prefers that."""
    if call.wants_outcome:
        return _told(call, written)
    if written.version is None:
        # The content was the same: the version that is already there is the answer.
        return read(call, written.resource_type, written.id)
    status = 201 if written.effect == "created" else 200
    reply = stored(written.version, status, location=True)
    return Reply(status, None, reply.version, reply.location) if call.minimal else reply


def _told(call: Call, written: Written) -> Reply:
    """What validation says about the stored resource, instead of the resource."""
    version = written.version
    if version is None:
        version = read(call, written.resource_type, written.id).version
    status = 201 if written.effect == "created" else 200
    location = f"{written.resource_type}/{written.id}/_history/{written.version_id}"
    return Reply(status, orjson.dumps(outcome_of_write(call, written)), version, location)


def outcome_of_write(call: Call, written: Written) -> Resource:
    """Every finding of a write that was accepted; `All OK` when there is none."""
    verdict = written.verdict if isinstance(written, Stored) else None
    return outcome([("", found) for found in verdict.findings] if verdict else [], call.language)


def check_type(resource_type: str, resource: Resource) -> None:
    """Raises `InvalidInput` when address and content name different types."""
    if resource.get("resourceType") != resource_type:
        raise InvalidInput(
            f"The address asks for {resource_type}, the body holds another type.",
            where="resourceType",
            next_step="Send the resource to the address of its own type.",
        )
