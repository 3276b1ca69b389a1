"""patch: PATCH [base]/Type/id or PATCH [base]/Type?query, as JSON Patch or FHIRPath Patch, with If-Match.

The patch is applied to the version that was read and written only onto that version; when somebody else was faster it is
applied anew. Source: https://hl7.org/fhir/R4/http.html#patch. Above: `app`, `batch`. Below: `core.fhir.patch`.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.patch import fhirpath_patched, json_patched
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput, PreconditionFailed, Unprocessable
from mihub.site.api.call import Call, refusal_noted, version_of
from mihub.site.api.conditions import one_match
from mihub.site.api.create import written_reply
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.read import present
from mihub.site.api.reply import Reply
from mihub.site.api.update import must_be_theirs
from mihub.site.store.protocol import Put, Version

JSON_PATCH: Final = "application/json-patch+json"
_ATTEMPTS: Final = 5


def patch(
    call: Call, resource_type: str, resource_id: str, instructions: Any, if_match: str | None = None
) -> Reply:
    """The resource after the instructions: an array is a JSON Patch, Parameters a FHIRPath Patch.

    Raises `NotFound`, `Gone`, `PreconditionFailed`, `InvalidInput`, `Unprocessable`.
    """
    known_type(resource_type)
    within = call.within(Action.WRITE)
    wanted = version_of(if_match)
    for attempt in range(_ATTEMPTS):
        with refusal_noted(call, "U", "patch", resource_type, resource_id):
            must_be_theirs(call, resource_type, resource_id, within)
            found = call.site.store.read(resource_type, resource_id, call.access, within)
            version = present(found, resource_type)
            put = Put(patched(version, instructions), if_match=wanted or version.version_id)
            try:
                return written_reply(call, call.site.store.write([put], call.access, within)[0])
            except PreconditionFailed:
                if wanted is not None or attempt == _ATTEMPTS - 1:
                    raise
    raise not_there(resource_type)


def patch_conditional(
    call: Call, resource_type: str, query: str, instructions: Any, if_match: str | None = None
) -> Reply:
    """As `patch` for the only match. Raises `NotFound` without one."""
    found = one_match(call, known_type(resource_type), query, call.within(Action.WRITE))
    if found is None:
        raise not_there(resource_type)
    return patch(call, resource_type, found, instructions, if_match)


def patched(version: Version, instructions: Any) -> Resource:
    """The resource of a version after the instructions; it stays the resource it is."""
    before: Resource = orjson.loads(version.body or b"{}")
    after = (
        json_patched(before, instructions)
        if isinstance(instructions, list)
        else _by_parameters(before, instructions)
    )
    if not isinstance(after, dict) or (after.get("resourceType"), after.get("id")) != (
        version.resource_type,
        version.id,
    ):
        raise Unprocessable(
            "A patch can not change what the resource is.",
            where=version.resource_type,
            rule="resourceType and id stay",
            next_step="Create another resource instead.",
        )
    return after


def instructions_in(resource: Resource) -> Any:
    """The instructions of an entry of a bundle: Parameters, or a Binary that holds a JSON Patch."""
    if resource.get("resourceType") != "Binary":
        return resource
    if resource.get("contentType") != JSON_PATCH:
        raise InvalidInput(
            "The Binary holds no JSON Patch.",
            where="Binary.contentType",
            rule=JSON_PATCH,
            next_step="Name its type.",
        )
    try:
        return orjson.loads(base64.b64decode(str(resource.get("data")), validate=True))
    except (binascii.Error, orjson.JSONDecodeError):
        raise InvalidInput(
            "The Binary's data are no JSON.",
            where="Binary.data",
            rule="base64 of a JSON Patch",
            next_step="Encode it anew.",
        ) from None


def _by_parameters(before: Resource, instructions: Any) -> Resource:
    if not isinstance(instructions, dict):
        raise InvalidInput(
            "A patch is an array or a Parameters resource.", rule="JSON Patch or FHIRPath Patch"
        )
    return fhirpath_patched(before, instructions)
