"""An error of ours as a FHIR OperationOutcome. Source: https://hl7.org/fhir/R4/operationoutcome.html."""

from __future__ import annotations

from mihub.core.fhir import Json, Resource
from mihub.errors import MihubError


def operation_outcome(error: MihubError) -> Resource:
    """One issue: what was wrong and the rule as text, the next step as diagnostics, the place as expression."""
    issue: Json = {
        "severity": "error",
        "code": error.issue_code,
        "details": {"text": error.what},
    }
    diagnostics = " ".join(
        part for part in (f"Rule: {error.rule}." if error.rule else "", error.next_step) if part
    )
    if diagnostics:
        issue["diagnostics"] = diagnostics
    if error.where:
        issue["expression"] = [error.where]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def information(text: str) -> Resource:
    """Something went well and there is a sentence to say about it."""
    issue = {"severity": "information", "code": "informational", "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def warning_issue(text: str) -> Json:
    """An issue about something that was ignored on request."""
    return {"severity": "warning", "code": "not-supported", "details": {"text": text}}
