"""What only the site's own engineer sees: exact numbers, attrition, and what consent and units leave out.

Never sent anywhere: nothing in `core.wire` can carry it. Neighbours: `room` makes it, the site's pages show
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mihub.core.fhir import Json
from mihub.core.query.explain import Attrition


@dataclass(frozen=True, slots=True)
class LocalCount:
    """The same question, counted in the open.

    `before_consent` and `with_consent` are exact; `would_show` is what the hub would read, were it the first
    question of its project. `refused` says how many patients with a Consent are left out for which reason.
    `not_compared` holds measured values that could not be compared because of their unit.
    """

    before_consent: int
    with_consent: int
    would_show: str
    min_cell: int
    position: int
    duration_ms: int
    query: str
    attrition: Attrition
    attrition_with_consent: Attrition
    refused: Mapping[str, int]
    not_compared: Mapping[str, int]

    def to_json(self) -> Json:
        """A JSON object for the site's own pages and command line."""
        return {
            "before_consent": self.before_consent,
            "with_consent": self.with_consent,
            "would_show": self.would_show,
            "min_cell": self.min_cell,
            "position": self.position,
            "duration_ms": self.duration_ms,
            "query": self.query,
            "attrition": self.attrition.to_json(),
            "attrition_with_consent": self.attrition_with_consent.to_json(),
            "refused": dict(self.refused),
            "not_compared": dict(self.not_compared),
        }
