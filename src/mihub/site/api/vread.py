"""vread: GET [base]/Type/id/_history/n. Source: https://hl7.org/fhir/R4/http.html#vread."""

from __future__ import annotations

from mihub.core.policy.rules import Action
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.read import present
from mihub.site.api.reply import Reply, stored


def vread(call: Call, resource_type: str, resource_id: str, version_id: str) -> Reply:
    """One version. Raises `NotFound`, `Gone` for a version that deleted."""
    known_type(resource_type)
    if not version_id.isdecimal() or len(version_id) > 9:
        raise not_there(resource_type)
    version = call.site.store.vread(
        resource_type, resource_id, int(version_id), call.access, call.within(Action.READ)
    )
    return stored(present(version, resource_type))
