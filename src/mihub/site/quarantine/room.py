"""What people do with refused records: look, repair, try again, discard. Each action has one permission and one audit line.

Who may not see the record sees findings and places, never the text. Nothing is decided twice. Above: `apps` (commands and
the site's administration API). Below: `protocol`, `door`, `places`; how a text is imported again is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from mihub.core.audit.entry import ActionCode
from mihub.core.fhir import Resource
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.core.policy.actor import Access, Purpose, Role
from mihub.core.policy.restriction import withheld
from mihub.core.policy.rules import Action
from mihub.errors import Conflict, Forbidden, InvalidInput, TooLarge
from mihub.site.access.gate import Gate
from mihub.site.quarantine.door import Door
from mihub.site.quarantine.places import Line, lines, read_resource
from mihub.site.quarantine.protocol import (
    MAX_BODY_BYTES,
    OPEN_STATES,
    Asked,
    Found,
    Item,
    Overview,
    Quarantine,
    Trouble,
)
from mihub.site.store.protocol import Audit, Note
from mihub.site.validate.finding import Finding

_MOST_PATIENTS: Final = 50
_MOST_REASON: Final = 500
_KEEPERS: Final = frozenset({Role.SITE_ENGINEER, Role.SYSTEM})
_READERS: Final = _KEEPERS | {Role.DATA_PROTECTION_OFFICER}


@dataclass(frozen=True, slots=True)
class Tried:
    """What importing a text again gave: stored, or the reasons of now."""

    stored: bool
    findings: tuple[Finding, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One item as this person may see it. `text` is None for who may not see the record, and when none is kept."""

    item: Item
    may_see: bool
    may_act: bool
    text: list[Line] | None = None


@dataclass(slots=True)
class Retried:
    """How many were stored and how many are refused as before."""

    stored: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


# Imports a text again: the text, how its file was called, in whose name.
Again = Callable[[bytes, str, Access], Tried]


class QuarantineRoom:
    """The actions on what was refused."""

    def __init__(self, quarantine: Quarantine, door: Door, gate: Gate, audit: Audit, again: Again) -> None:
        self._quarantine, self._door, self._gate, self._audit, self._again = (
            quarantine,
            door,
            gate,
            audit,
            again,
        )

    def find(self, asked: Asked, access: Access) -> Found:
        """A page of items without any text. Raises `Forbidden`."""
        self._may_read(access)
        return self._quarantine.find(asked)

    def overview(self, access: Access) -> Overview:
        """Numbers. Raises `Forbidden`."""
        self._may_read(access)
        return self._quarantine.overview()

    def show(self, item_id: int, access: Access) -> Seen:
        """One item; the text with its marked places only for who may see the record, and then it is noted."""
        self._may_read(access)
        item = self._quarantine.read(item_id)
        acts, sees = self.may_act(access), self.may_see(item, access)
        body = self._quarantine.body(item_id) if sees else None
        if body is None:
            return Seen(item, sees, acts)
        resource = read_resource(body)
        if resource is not None and withheld(resource) and not self._sees_withheld(access):
            return Seen(item, False, acts)
        self._note("R", "quarantine-read", item, access, resource)
        return Seen(item, True, acts, lines(body, [found.location for found in item.refused.findings]))

    def text(self, item_id: int, access: Access) -> bytes:
        """The kept text as bytes, noted. Raises `Forbidden`, `Conflict` when none is kept."""
        self._may_read(access)
        item = self._quarantine.read(item_id)
        if not self.may_see(item, access):
            raise Forbidden(
                "This role may not see the record.", rule="access rules (docs/reference/roles.md)"
            )
        body = self._body(item)
        self._note("R", "quarantine-read", item, access, read_resource(body))
        return body

    def repair(self, item_id: int, body: bytes, access: Access) -> Item:
        """Put a corrected text; it is validated at once, and stored only when it is tried. Raises `InvalidInput`."""
        self._must_act(access)
        item = self._quarantine.read(item_id)
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge("The corrected text is too large.", rule="64 MiB", next_step="Send it in parts.")
        if not body.strip():
            raise InvalidInput("The corrected text is empty.", next_step="Send the whole record, corrected.")
        findings = self._held_against(item, body)
        self._quarantine.repair(item_id, body, findings, access.actor.id)
        self._note("U", "quarantine-repair", item, access, read_resource(body))
        return self._quarantine.read(item_id)

    def retry(self, item_id: int, access: Access) -> Tried:
        """Import the text again, the corrected one if there is one. Raises `Conflict` when it is decided already."""
        self._must_act(access)
        item = self._quarantine.read(item_id)
        if item.state not in OPEN_STATES:
            raise Conflict(
                "This record is decided already.", rule="only what waits or is repaired is tried again"
            )
        body = self._body(item)
        tried = self._again(body, item.refused.file or f"quarantine {item_id}", access)
        self._quarantine.retried(
            item_id, access.actor.id, stored=tried.stored, findings=tried.findings, troubles=tried.troubles
        )
        self._note("E", "quarantine-retry", item, access, None)
        return tried

    def retry_all(self, asked: Asked, access: Access) -> Retried:
        """Try all open items that fit, oldest first; those without a kept text stay as they are."""
        self._must_act(access)
        done = Retried()
        fitting = self._quarantine.find(
            Asked((), asked.rule, asked.resource_type, asked.profile, asked.source, 0)
        )
        for item in reversed(fitting.items):
            if not item.has_body:
                continue
            try:
                tried = self.retry(item.id, access)
            except Conflict:
                # Trying another one has settled it, or somebody else has.
                continue
            (done.stored if tried.stored else done.refused).append(item.id)
        return done

    def discard(self, item_id: int, reason: str, access: Access) -> None:
        """Give it up with a reason; the text is forgotten. Raises `InvalidInput` without a reason."""
        self._must_act(access)
        if not 3 <= len(reason.strip()) <= _MOST_REASON:
            raise InvalidInput(
                "Say in a few words why the record is given up.",
                rule=f"3 to {_MOST_REASON} characters, no name of a patient",
                next_step="For example: test data of the laboratory",
            )
        item = self._quarantine.read(item_id)
        self._quarantine.discard(item_id, access.actor.id, reason.strip())
        self._note("D", "quarantine-discard", item, access, None)

    def may_read(self, access: Access) -> bool:
        """Findings, places and numbers: the site's own engineer, its programs, data protection, and who sees records."""
        own = access.actor.organization == self._gate.place.member
        if access.purpose is Purpose.RESEARCH or access.actor.role is Role.PATIENT:
            return False
        return (own and access.actor.role in _READERS) or self._reads_records(access)

    def may_see(self, item: Item, access: Access) -> bool:
        """The text: who may read every record of that type here. What is no single resource may hold anything."""
        named = item.refused.resource_type
        wanted = named if item.refused.kind == "resource" and named in RESOURCE_TYPES else "Patient"
        return wanted in self._gate.restriction(access, Action.READ).open_types

    def sees_examples(self, access: Access) -> bool:
        """Whether the names of single resources may be shown."""
        return self._reads_records(access)

    def may_act(self, access: Access) -> bool:
        """Repair, retry, discard: the site's own engineer and programs, and who may write records here."""
        own = access.actor.organization == self._gate.place.member
        if own and access.actor.role in _KEEPERS and access.purpose is not Purpose.RESEARCH:
            return True
        return "Patient" in self._gate.restriction(access, Action.WRITE).open_types

    def _reads_records(self, access: Access) -> bool:
        return "Patient" in self._gate.restriction(access, Action.READ).open_types

    def _sees_withheld(self, access: Access) -> bool:
        return self._gate.restriction(access, Action.READ).sees_withheld

    def _may_read(self, access: Access) -> None:
        if not self.may_read(access):
            raise _not_allowed()

    def _must_act(self, access: Access) -> None:
        if not self.may_act(access):
            raise _not_allowed()

    def _body(self, item: Item) -> bytes:
        body = self._quarantine.body(item.id)
        if body is None:
            raise Conflict(
                "The text of this record is not kept.",
                rule="what is decided is forgotten, what is larger than 64 MiB is not kept",
                next_step="Import its file again, or put the corrected text with: mihub quarantine repair",
            )
        return body

    def _held_against(self, item: Item, body: bytes) -> tuple[Finding, ...]:
        """The findings of a corrected text; it must be the same record."""
        resource = read_resource(body)
        refused = item.refused
        if refused.kind != "resource" or resource is None:
            return ()
        named = (resource.get("resourceType"), resource.get("id"))
        if refused.resource_type and named[0] != refused.resource_type:
            raise _another_record()
        if refused.resource_id and named[1] != refused.resource_id:
            raise _another_record()
        return self._door.findings(resource)

    def _note(
        self, action: ActionCode, interaction: str, item: Item, access: Access, resource: Resource | None
    ) -> None:
        kind, number = item.refused.resource_type or "Basic", item.refused.resource_id
        patients = sorted(set(patients_of(resource)))[:_MOST_PATIENTS] if resource is not None else []
        self._audit.note([Note(action, interaction, kind, number, one) for one in patients or [""]], access)


def patients_of(value: Any) -> Iterable[str]:
    """Whose data a text holds, as far as it says so: a Patient's own id, and every reference to one."""
    if isinstance(value, dict):
        if value.get("resourceType") == "Patient" and isinstance(value.get("id"), str):
            yield value["id"]
        literal = value.get("reference")
        if isinstance(literal, str) and literal.startswith("Patient/"):
            yield literal.removeprefix("Patient/").partition("/")[0]
        for inner in value.values():
            yield from patients_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from patients_of(inner)


def _not_allowed() -> Forbidden:
    return Forbidden(
        "This is for those who keep this site's record.",
        rule="quarantine (docs/reference/validation-in-use.md)",
        next_step="Sign in as engineer of this site.",
    )


def _another_record() -> InvalidInput:
    return InvalidInput(
        "The corrected text is another record: its type or id differs.",
        rule="a repair keeps resourceType and id",
        next_step="Discard this one, and import the other record as a file.",
    )
