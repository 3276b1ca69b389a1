"""What an access may see, as a condition on the current resource `r`: `Restriction.allows` in SQL. Above: `postgres_history`,
`postgres_labels`. Below: `core.policy`.
"""

from __future__ import annotations

from typing import Any

from mihub.core.policy.restriction import EVERYTHING, Restriction

# A piece of SQL and its values, in the order of their places.
Sql = tuple[str, list[Any]]


def allowed(within: Restriction) -> Sql:
    """The condition; "true" for whoever may see everything."""
    if within == EVERYTHING:
        return "true", []
    free, values = "r.type = ANY(%s)", [sorted(within.open_types)]
    shown = "" if within.sees_withheld else " AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.rid = r.rid)"
    if within.patient_id is None or not within.patient_types:
        return free + shown, [*values]
    mine = "r.rid IN (SELECT m.rid FROM compartment m WHERE m.patient = %s)"
    return (
        f"({free} OR (r.type = ANY(%s) AND {mine})){shown}",
        [*values, sorted(within.patient_types), within.patient_id],
    )
