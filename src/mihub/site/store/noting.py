"""Which lines of the audit an interaction leaves: one for each patient concerned, so that each can be told.

Above: both engines. Below: `core.audit`. Names of search parameters are kept, values never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mihub.core.audit.entry import ActionCode, OutcomeCode
from mihub.core.policy.restriction import Restriction
from mihub.site.store.deciding import Step
from mihub.site.store.protocol import Effect, Note

_CODES: Final[dict[Effect, ActionCode]] = {"created": "C", "updated": "U", "deleted": "D"}
_INTERACTIONS: Final[dict[Effect, str]] = {"created": "create", "updated": "update", "deleted": "delete"}


def notes_of_write(steps: Sequence[Step], first: int, last: int) -> list[Note]:
    """One line per patient and kind of change; it names the resource when there is exactly one."""
    groups: dict[tuple[str, Effect], list[Step]] = {}
    for step in steps:
        for patient in step.patients or ("",):
            groups.setdefault((patient, step.effect), []).append(step)
    return [
        Note(
            _CODES[effect], _INTERACTIONS[effect], _one([step.key[0] for step in group]),
            group[0].key[1] if len(group) == 1 else "", patient, len(group), first=first, last=last,
        )
        for (patient, effect), group in groups.items()
    ]  # fmt: skip


def notes_of_read(
    interaction: str, key: tuple[str, str], patients: Iterable[str], *, allowed: bool
) -> list[Note]:
    """Of one resource; of what is not there or not allowed as well."""
    outcome: OutcomeCode = "0" if allowed else "4"
    return [Note("R", interaction, *key, patient, outcome=outcome) for patient in sorted(patients) or [""]]


def notes_of_search(
    interaction: str,
    resource_type: str,
    patients: Iterable[str],
    count: int,
    parameters: str,
    *,
    allowed: bool,
) -> list[Note]:
    """Of a page of results: one line for each patient on it, or one without a patient."""
    outcome: OutcomeCode = "0" if allowed else "4"
    return [
        Note("E", interaction, resource_type, "", patient, count, outcome, parameters)
        for patient in sorted(patients) or [""]
    ]


def notes_of_audit(patient: str, count: int, within: Restriction) -> list[Note]:
    """Of a look into the audit itself."""
    allowed = within.names("AuditEvent")
    return notes_of_search("search-type", "AuditEvent", [patient], count, "", allowed=allowed)


def _one(types: list[str]) -> str:
    return types[0] if len(set(types)) == 1 else ""
