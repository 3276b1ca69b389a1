"""What a validator says: one finding, its place, the rule that spoke, and a sentence for a person.

`rule` is a short stable word (`cardinality-min`, `binding-required`, `invariant:obs-6`, `slice-closed` ...): the key of
the sentences in `content/findings` (German and English), of the summaries per rule, and of the judged tables. `facts` fill the
sentence; they come from the profile (a limit, an address, a type), never from the resource: a finding may be logged.
Above: `site.api`, `site.quarantine`, `apps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mihub.core.fhir import Resource

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `location`: FHIRPath from the resource (`Patient.name[0].family`); `code`: FHIR issue type."""

    severity: Severity
    code: str
    location: str
    rule: str
    profile: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Validator(Protocol):
    """The seam the rest of the site knows."""

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """Against R4, the profiles the resource claims in `meta.profile`, and those named here.

        A profile nobody knows is a finding of its own, never silence. Empty: nothing to say.
        """
        ...
