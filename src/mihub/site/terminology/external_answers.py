"""What another terminology server says where this site can not know: kept, and never waited for twice when it is down.

After three failures in a row nobody asks for a minute. A failure is an answer (`unknown`, external-failed), never an error.
Above: `members`, `terminology`. Below: the `Fallback` that was configured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.errors import MihubError
from mihub.site.terminology.answers import parameter
from mihub.site.terminology.protocol import Fallback, Membership

_PASSED_ON: Final = frozenset(
    {
        "url", "valueSetVersion", "system", "version", "systemVersion", "code", "displayLanguage", "property", "filter", "count",
        "offset", "activeOnly", "excludeNested", "includeDesignations", "system-version", "check-system-version",
        "force-system-version",
    }
)  # fmt: skip
_CODED: Final = frozenset({"coding", "codeableConcept"})
_FAILURES: Final = 3
_PAUSE_SECONDS: Final = 60.0


class ExternalAnswers:
    """Asks the fallback, gently. Safe to use from any thread."""

    def __init__(self, fallback: Fallback, now: Callable[[], float] = time.monotonic) -> None:
        self._fallback = fallback
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._again_at = 0.0

    def ask(self, operation: str, parameters: Resource) -> Resource | None:
        """The answer, or None: it does not answer now, or is left in peace."""
        with self._lock:
            if self._failures >= _FAILURES and self._now() < self._again_at:
                return None
        try:
            answer = self._fallback.ask(operation, parameters)
        except MihubError:
            self._failed()
            return None
        with self._lock:
            self._failures = 0
        return answer

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._again_at = self._now() + _PAUSE_SECONDS

    def instead(self, operation: str, parameters: Resource) -> Resource | None:
        """The answer to an operation this site can not answer: only addresses, codes and what to show are passed on."""
        passed = [one for one in parameters.get("parameter") or [] if one.get("name") in _PASSED_ON]
        passed += [
            _without_display(one) for one in parameters.get("parameter") or [] if one.get("name") in _CODED
        ]
        answer = self.ask(operation, {"resourceType": "Parameters", "parameter": passed})
        return answer if answer is not None and answer.get("resourceType") != "OperationOutcome" else None

    def member(
        self, value_set: str, system: str, code: str, version: str, *, known_trouble: Membership
    ) -> Membership:
        """Whether the value set holds the code; `known_trouble` is what this site could say itself."""
        if not system:
            return known_trouble
        given = [("url", "Uri", value_set), ("system", "Uri", system), ("code", "Code", code)]
        given += [("systemVersion", "String", version)] if version else []
        parameters = [parameter(*one) for one in given]
        answer = self.ask("ValueSet/$validate-code", {"resourceType": "Parameters", "parameter": parameters})
        if answer is None:
            return Membership("unknown", "external-failed", dict(known_trouble.facts))
        values = {one.get("name"): one.get("valueBoolean") for one in answer.get("parameter") or []}
        if values.get("result") is True:
            return Membership("yes")
        names = {one.get("name") for one in answer.get("parameter") or []}
        if values.get("result") is None or names & {"x-unknown-system", "x-caused-by-unknown-system"}:
            return known_trouble
        return Membership("no", "not-in-value-set")


def _without_display(entry: Json) -> Json:
    """A Coding or CodeableConcept without what a person typed."""
    if isinstance(entry.get("valueCoding"), dict):
        return {**entry, "valueCoding": _bare(entry["valueCoding"])}
    concept = entry.get("valueCodeableConcept") or {}
    codings = [_bare(one) for one in concept.get("coding") or [] if isinstance(one, dict)]
    return {"name": entry["name"], "valueCodeableConcept": {"coding": codings}}


def _bare(coding: Json) -> Json:
    return {name: coding[name] for name in ("system", "version", "code") if name in coding}
