"""Which resource a condition means: `If-None-Exist`, `PUT Type?query`, references `Type?query`.

Asked while no other writer can change the record. Source: https://hl7.org/fhir/R4/http.html#cond-update.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from mihub.core.policy.restriction import Restriction
from mihub.errors import InvalidInput, PreconditionFailed
from mihub.site.api.call import Call


def one_match(call: Call, resource_type: str, query: str, within: Restriction) -> str | None:
    """The id of the only match, None without one. Raises `PreconditionFailed` when there are more."""
    parameters = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    question = call.site.parser.parse(resource_type, parameters)
    # `_count=1` alone is no criterion: it would fit whatever stands alone in the record.
    if not question.conditions:
        raise InvalidInput(
            "A condition has no criteria.", where=resource_type, rule="conditional interactions"
        )
    found = call.site.search.ids(question, within)
    if len(found) > 1:
        raise PreconditionFailed(
            f"The condition fits {len(found)} resources of type {resource_type}.",
            rule="a condition fits at most one",
            next_step="Use a criterion that identifies one, such as identifier=system|value.",
        )
    return found[0] if found else None
