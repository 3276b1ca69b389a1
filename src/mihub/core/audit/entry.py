"""One line of the audit: who did what to whose record, for which purpose, and how it ended.

Holds names of search parameters, never their values. The actor is noted as they were then.
Above: store (writes it), `event` (renders it).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# FHIR AuditEvent.action: create, read, update, delete, execute (a search).
ActionCode = Literal["C", "R", "U", "D", "E"]
# FHIR AuditEvent.outcome: success, or refused by rule.
OutcomeCode = Literal["0", "4"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`patient` and `resource_id` are "" when there is none or more than one; `count` is how many resources
    it covers.
    """

    id: int
    recorded: datetime
    actor_id: str
    actor_name: str
    role: str
    organization: str
    purpose: str
    care_relation: str
    action: ActionCode
    interaction: str
    resource_type: str
    resource_id: str
    patient: str
    count: int
    outcome: OutcomeCode
    parameters: str
