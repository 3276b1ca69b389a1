"""read: GET [base]/Type/id. Source: https://hl7.org/fhir/R4/http.html#read."""

from __future__ import annotations

from mihub.core.policy.rules import Action
from mihub.errors import Gone
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.reply import Reply, stored
from mihub.site.store.protocol import Version


def read(call: Call, resource_type: str, resource_id: str) -> Reply:
    """The current version. Raises `NotFound`, `Gone`."""
    known_type(resource_type)
    version = call.site.store.read(resource_type, resource_id, call.access, call.within(Action.READ))
    return stored(present(version, resource_type))


def present(version: Version | None, resource_type: str) -> Version:
    """The version when it holds content. Raises `NotFound`, `Gone`."""
    if version is None:
        raise not_there(resource_type)
    if version.body is None:
        raise Gone(
            f"This {resource_type} was deleted.", next_step="Read an older version through its history."
        )
    return version
