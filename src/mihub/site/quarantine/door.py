"""The one function that every write passes: judge the resource, say whether it may be stored.

A validator that cannot answer is a finding, never silence: with `reject` what could not be judged waits in quarantine.
Nothing here writes. Above: `gated_store` (the API), `site.ingest`. Below: `levels`, `site.validate.finding`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir import Resource
from mihub.errors import MihubError, Unprocessable
from mihub.site.quarantine.levels import Level, Levels
from mihub.site.store.protocol import Delete, Put, Written
from mihub.site.validate.finding import Finding, Severity, Validator

BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
ERRORS: Final[frozenset[Severity]] = frozenset({"error", "fatal"})
# Where a validator says that a claimed profile is not loaded.
_CLAIM: Final = re.compile(r"^[A-Za-z]+\.meta\.profile\[(\d+)\]$")
# What a validator may raise; apps give `Exception`, so that a fault of ours never ends an import.
Faults = tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation says about one resource. `source`: where it came from, a word such as `api` or `fhir-import`."""

    level: Level
    source: str
    resource_type: str
    resource_id: str
    profiles: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity error and fatal."""
        return tuple(found for found in self.findings if found.severity in ERRORS)

    @property
    def unknown(self) -> frozenset[str]:
        """The claimed profiles that are not loaded: against these nothing was checked."""
        return unknown_profiles(self.profiles, self.findings)

    @property
    def refuses(self) -> bool:
        """Whether the resource may not be stored."""
        return self.level == "reject" and any(found.severity in ERRORS for found in self.findings)


@dataclass(frozen=True, slots=True)
class Judged(Put):
    """A `Put` that has passed the door. Without verdict nothing was looked at, because the level of its type is off."""

    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Stored(Written):
    """What an entry did, with what validation says about it."""

    verdict: Verdict | None = None


class NotConformant(Unprocessable):
    """Resources that break a rule and may not be stored. `refused`: number of the entry in the list, verdict.

    `places`: how each entry is named in what was sent (`Bundle.entry[2].resource`); empty for a single resource.
    `resources`: what those entries would have stored; it never becomes part of a message.
    """

    def __init__(self, refused: Sequence[tuple[int, Verdict]], resources: Mapping[int, Resource]) -> None:
        errors = sum(len(verdict.errors) for _, verdict in refused)
        super().__init__(
            f"{errors} findings of the validation forbid storing this."
            if errors != 1
            else "A finding of the validation forbids storing this.",
            where=", ".join(sorted({verdict.resource_type for _, verdict in refused})),
            rule="setting validation (docs/reference/validation-in-use.md)",
            next_step="Correct what the findings name and send it again; what was sent waits in the quarantine.",
        )
        self.refused = tuple(refused)
        self.resources = dict(resources)
        self.places: dict[int, str] = {}

    def located(self) -> Iterator[tuple[str, Finding]]:
        """Every finding with the place of its resource in what was sent."""
        for number, verdict in self.refused:
            for found in verdict.findings:
                yield self.places.get(number, ""), found


class Door:
    """Judges with one validator and one setting. Safe from any thread if the validators are.

    `advisor` answers who asks for validation: it may say more, such as what HL7 only recommends.
    """

    def __init__(
        self,
        validator: Validator,
        levels: Levels,
        faults: Faults = (MihubError,),
        advisor: Validator | None = None,
    ) -> None:
        self._validator, self.levels, self._advisor = validator, levels, advisor or validator
        self._faults: Faults = (*faults, RecursionError)

    def judge(self, resource: Resource, source: str) -> Verdict | None:
        """What validation says, or None when this type is not looked at."""
        resource_type = str(resource.get("resourceType", ""))
        level = self.levels.of(resource_type)
        if level == "off":
            return None
        findings = self.findings(resource)
        return Verdict(level, source, resource_type, str(resource.get("id", "")), claimed(resource), findings)

    def through(self, entry: Put | Delete, source: str) -> Put | Delete:
        """The entry with its verdict; a deletion and what has passed already as they are."""
        if isinstance(entry, Judged | Delete):
            return entry
        return Judged(entry.resource, entry.if_match, entry.if_absent, self.judge(entry.resource, source))

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> tuple[Finding, ...]:
        """All findings, whatever the setting says: for `$validate`."""
        return self._ask(self._advisor, resource, profiles)

    def findings(self, resource: Resource) -> tuple[Finding, ...]:
        """What counts for storing, whatever the setting says."""
        return self._ask(self._validator, resource)

    def _ask(
        self, validator: Validator, resource: Resource, profiles: Sequence[str] = ()
    ) -> tuple[Finding, ...]:
        try:
            return tuple(validator.validate(resource, profiles))
        except self._faults as error:
            facts = {"error": type(error).__name__}
            place = str(resource.get("resourceType", ""))
            return (Finding("error", "exception", place, "validator-failed", "", facts),)


class SaysNothing:
    """The validator of a site whose setting is off, and of tests that are about something else."""

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """No finding."""
        return []


OPEN: Final = Door(SaysNothing(), Levels("off"))


def verdicts(entries: Sequence[Put | Delete]) -> Iterator[tuple[int, Verdict]]:
    """Every verdict with the number of its entry."""
    for number, entry in enumerate(entries):
        if isinstance(entry, Judged) and entry.verdict is not None:
            yield number, entry.verdict


def refusals(entries: Sequence[Put | Delete]) -> list[tuple[int, Verdict]]:
    """Those that forbid storing."""
    return [(number, verdict) for number, verdict in verdicts(entries) if verdict.refuses]


def unknown_profiles(profiles: Sequence[str], findings: Sequence[Finding]) -> frozenset[str]:
    """Those among the claimed profiles that the validator did not know."""
    found = (_CLAIM.search(one.location) for one in findings if one.rule == "profile-unknown")
    positions = (int(match[1]) for match in found if match is not None)
    return frozenset(profiles[at] for at in positions if at < len(profiles))


def claimed(resource: Resource) -> tuple[str, ...]:
    """The profiles in `meta.profile`; the base type's address when it claims none."""
    meta = resource.get("meta")
    listed = meta.get("profile") if isinstance(meta, dict) else None
    named = tuple(one for one in listed if isinstance(one, str) and one) if isinstance(listed, list) else ()
    return named or (f"{BASE}{resource.get('resourceType', '')}",)
