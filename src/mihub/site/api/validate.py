"""$validate: POST [base]/$validate, [base]/Type/$validate, [base]/Type/id/$validate; every finding, nothing is stored.

The body is Parameters (resource, mode, profile) or the bare resource; `profile` and `mode` may stand in the address. For a
stored resource without a body the record's own version is validated. Not supported: mode `profile` (what a resource means
without a profile of its own), `usageContext`. Source: https://hl7.org/fhir/R4/resource-operation-validate.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput, NotSupported
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type
from mihub.site.api.page_link import Parameters
from mihub.site.api.read import present
from mihub.site.api.reply import Reply, document
from mihub.site.quarantine.told import outcome
from mihub.site.validate.finding import Finding

_MODES: Final = ("create", "update", "delete")
_IGNORED: Final = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class _Asked:
    resource: Resource | None
    profiles: tuple[str, ...]
    mode: str


def validate(
    call: Call, given: Resource | None, parameters: Parameters, resource_type: str = "", resource_id: str = ""
) -> Reply:
    """200 with an OperationOutcome, whatever it finds. Raises `InvalidInput` when nothing could be validated."""
    if resource_type:
        known_type(resource_type)
    asked = _asked(given, parameters)
    stored = _stored(call, resource_type, resource_id) if resource_id else None
    if asked.mode == "delete":
        return document(outcome(_deletable(resource_type, resource_id), call.language))
    resource = asked.resource if asked.resource is not None else stored
    if resource is None:
        raise InvalidInput(
            "There is no resource to validate.",
            where="$validate",
            rule="Parameters with a parameter resource, or the resource itself",
            next_step="Send the resource in the body.",
        )
    if resource_type and resource.get("resourceType") != resource_type:
        raise InvalidInput(
            f"The address asks for {resource_type}, the body holds another type.",
            where="resourceType",
            next_step="Send the resource to the address of its own type.",
        )
    found = [
        *_identity(resource, asked.mode, resource_id),
        *call.site.door.validate(resource, asked.profiles),
    ]
    return document(outcome([("", one) for one in found], call.language))


def _asked(given: Resource | None, parameters: Parameters) -> _Asked:
    resource, profiles, mode = given, [], ""
    for name, text in parameters:
        if name == "profile":
            profiles.append(text)
        elif name == "mode":
            mode = text
        elif name not in _IGNORED:
            raise NotSupported("$validate takes profile and mode in its address.", where="$validate")
    if given is not None and given.get("resourceType") == "Parameters":
        resource = None
        for name, value in _parameters(given):
            if name == "resource" and isinstance(value, dict):
                resource = value
            elif name == "profile" and isinstance(value, str):
                profiles.append(value)
            elif name == "mode" and isinstance(value, str):
                mode = value
    if mode and mode not in _MODES:
        raise NotSupported(
            "$validate does not know this mode.",
            where="mode",
            rule=", ".join(_MODES),
            next_step="Leave mode out, or name one of them.",
        )
    return _Asked(resource, tuple(dict.fromkeys(profiles)), mode)


def _parameters(given: Resource) -> list[tuple[str, Any]]:
    listed = given.get("parameter")
    if not isinstance(listed, list):
        return []
    kinds = ("resource", "valueUri", "valueCanonical", "valueCode", "valueString", "valueUrl")
    return [
        (str(one.get("name", "")), next((one[kind] for kind in kinds if kind in one), None))
        for one in listed
        if isinstance(one, dict)
    ]


def _stored(call: Call, resource_type: str, resource_id: str) -> Resource | None:
    found = call.site.store.read(resource_type, resource_id, call.access, call.within(Action.READ))
    resource: Resource = orjson.loads(present(found, resource_type).body or b"null")
    return resource


def _identity(resource: Resource, mode: str, resource_id: str) -> list[Finding]:
    """What an update asks of the id, before the content."""
    own, resource_type = resource.get("id"), str(resource.get("resourceType", ""))
    if mode == "update" and not own:
        return [Finding("error", "required", f"{resource_type}.id", "update-without-id")]
    if mode == "update" and resource_id and own != resource_id:
        return [Finding("error", "value", f"{resource_type}.id", "update-of-another-id")]
    return []


def _deletable(resource_type: str, resource_id: str) -> list[tuple[str, Finding]]:
    """A deletion needs a resource that is there; `_stored` has seen to that."""
    if resource_type in RESOURCE_TYPES and ID.fullmatch(resource_id):
        return []
    return [("", Finding("error", "required", "", "delete-without-id"))]
