"""What an operation has to say: issues with the ecosystem's codings, and the refusal that ends an operation.

Above: every operation. Below: `wording`. Source: http://hl7.org/fhir/tools/CodeSystem/tx-issue-type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from mihub.core.fhir import Json, Resource
from mihub.errors import MihubError
from mihub.site.terminology.wording import MESSAGES

ISSUE_TYPES: Final = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
MESSAGE_ID: Final = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue. `kind`: its tx-issue-type, "" for none; `where`: a FHIRPath, "" for the request as a whole."""

    severity: str
    code: str
    kind: str
    message_id: str
    text: str
    where: str = ""
    diagnostics: str = ""

    def as_json(self) -> Json:
        """An `OperationOutcome.issue`."""
        details: Json = {"text": self.text}
        if self.kind:
            details["coding"] = [{"system": ISSUE_TYPES, "code": self.kind}]
        issue: Json = {"severity": self.severity, "code": self.code, "details": details}
        if self.message_id:
            issue["extension"] = [{"url": MESSAGE_ID, "valueString": self.message_id}]
        if self.where:
            issue["expression"] = [self.where]
        if self.diagnostics:
            issue["diagnostics"] = self.diagnostics
        return issue


def issue(
    severity: str,
    code: str,
    kind: str,
    message_id: str,
    where: str = "",
    /,
    *,
    diagnostics: str = "",
    **facts: Any,
) -> Issue:
    """An issue whose text is the message with these facts."""
    text = MESSAGES[message_id].format(**facts)
    return Issue(severity, code, kind, message_id, text, where, diagnostics)


@dataclass(slots=True)
class Issues:
    """Issues in the order they came up, each once, and the sentences for `message`."""

    found: list[Issue] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def add(self, one: Issue, *, message: bool = True) -> None:
        """With `message` the text belongs into the summary sentence too."""
        if one not in self.found:
            self.found.append(one)
        if message and one.text not in self.messages:
            self.messages.append(one.text)

    @property
    def errors(self) -> bool:
        """Whether one of them is an error."""
        return any(one.severity == "error" for one in self.found)

    def outcome(self) -> Resource:
        """All as an OperationOutcome."""
        return {"resourceType": "OperationOutcome", "issue": [one.as_json() for one in self.found]}


class Refused(MihubError):
    """An operation that can not be answered; `found` says why in the ecosystem's words.

    `as_result`: $validate-code answers it with `result` false instead of a failed request.
    """

    http_status: ClassVar[int] = 422

    def __init__(
        self, found: Issue, *, status: int = 422, as_result: bool = False, unknown_system: str = ""
    ) -> None:
        super().__init__(found.text, where=found.where)
        self.found = found
        self.status = status
        self.as_result = as_result
        self.unknown_system = unknown_system

    def outcome(self) -> Resource:
        """As an OperationOutcome."""
        return {"resourceType": "OperationOutcome", "issue": [self.found.as_json()]}


def refused(
    code: str, kind: str, message_id: str, where: str = "", /, *, status: int = 422, **facts: Any
) -> Refused:
    """A refusal with one error."""
    return Refused(issue("error", code, kind, message_id, where, **facts), status=status)
