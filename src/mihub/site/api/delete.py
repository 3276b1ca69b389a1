"""delete: DELETE [base]/Type/id or DELETE [base]/Type?query. Source: https://hl7.org/fhir/R4/http.html#delete."""

from __future__ import annotations

from mihub.core.policy.rules import Action
from mihub.errors import Forbidden
from mihub.site.api.call import Call, refusal_noted, version_of
from mihub.site.api.conditions import one_match
from mihub.site.api.faults import known_type
from mihub.site.api.reply import Reply
from mihub.site.store.protocol import Delete


def delete(call: Call, resource_type: str, resource_id: str, if_match: str | None = None) -> Reply:
    """204, also when it was not there. Raises `Forbidden`, `PreconditionFailed`."""
    entry = Delete(known_type(resource_type), resource_id, version_of(if_match))
    with refusal_noted(call, "D", "delete", resource_type, resource_id):
        may_delete(call, resource_type)
        written = call.site.store.write([entry], call.access, call.within(Action.DELETE))
    return Reply(204, None, written[0].version)


def delete_conditional(call: Call, resource_type: str, query: str, if_match: str | None = None) -> Reply:
    """The only match; 204 also without one. Raises `PreconditionFailed` when there are more."""
    known_type(resource_type)
    within = call.within(Action.DELETE)

    def entries() -> list[Delete]:
        found = one_match(call, resource_type, query, within)
        return [Delete(resource_type, found, version_of(if_match))] if found else []

    with refusal_noted(call, "D", "delete", resource_type):
        may_delete(call, resource_type)
        written = call.site.store.write(entries, call.access, within)
    return Reply(204, None, written[0].version if written else None)


def may_delete(call: Call, resource_type: str) -> None:
    """Raises `Forbidden` unless the role may delete every resource of the type: then no answer tells what
    exists.
    """
    if resource_type not in call.within(Action.DELETE).open_types:
        raise Forbidden(
            f"This role may not delete {resource_type} here.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Mark it entered-in-error instead, or ask the organisation.",
        )
