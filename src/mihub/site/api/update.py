"""update: PUT [base]/Type/id or PUT [base]/Type?query, with If-Match. Source:
https://hl7.org/fhir/R4/http.html#update.
"""

from __future__ import annotations

import uuid

from mihub.core.fhir import Resource
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput
from mihub.site.api.call import Call, refusal_noted, version_of
from mihub.site.api.conditions import one_match
from mihub.site.api.create import check_type, written_reply
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.reply import Reply
from mihub.site.search.question import IdIn, Question
from mihub.site.store.protocol import Put


def update(
    call: Call, resource_type: str, resource_id: str, resource: Resource, if_match: str | None = None
) -> Reply:
    """Replace, or create at this id. Raises `PreconditionFailed`, `NotFound`, `Forbidden`."""
    check_type(known_type(resource_type), resource)
    if resource.get("id") != resource_id:
        raise InvalidInput("The id in the address and in the body differ.", where=f"{resource_type}.id")
    within = call.within(Action.WRITE)

    def entries() -> list[Put]:
        must_be_theirs(call, resource_type, resource_id, within)
        return [Put(resource, if_match=version_of(if_match))]

    with refusal_noted(call, "U", "update", resource_type, resource_id):
        written = call.site.store.write(entries, call.access, within)
    return written_reply(call, written[0])


def update_conditional(
    call: Call, resource_type: str, query: str, resource: Resource, if_match: str | None = None
) -> Reply:
    """Replace the only match, or create when there is none."""
    check_type(known_type(resource_type), resource)
    within = call.within(Action.WRITE)

    def entries() -> list[Put]:
        found = one_match(call, resource_type, query, within)
        named = resource.get("id")
        if found is not None and named not in (None, found):
            raise InvalidInput("The condition fits a resource with another id.", where=f"{resource_type}.id")
        if found is None and isinstance(named, str):
            must_be_theirs(call, resource_type, named, within)
        return [Put(resource | {"id": found or named or str(uuid.uuid4())}, if_match=version_of(if_match))]

    with refusal_noted(call, "U", "update", resource_type):
        written = call.site.store.write(entries, call.access, within)
    return written_reply(call, written[0])


def must_be_theirs(call: Call, resource_type: str, resource_id: str, within: Restriction) -> None:
    """Who may write one patient's resources only may not choose ids: a taken id would answer differently."""
    if resource_type not in within.patient_types:
        return
    if not call.site.search.ids(Question(resource_type, (IdIn((resource_id,)),)), within):
        raise not_there(resource_type)
