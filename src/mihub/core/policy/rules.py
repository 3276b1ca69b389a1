"""Typed rules and how they are decided: what no rule permits is refused, and a denial beats every permission.

A decision names resource types; `restriction` turns it into a filter once the patient's id at the site is
known. Below: `actor`. Above: `catalogue` (the rules of the region), `site.access`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mihub.core.policy.actor import Access, MemberId, Purpose, Role
from mihub.core.policy.restriction import Restriction


class Action(StrEnum):
    """What can be asked of a record."""

    READ = "read"  # read, vread, history, search, $everything
    COUNT = "count"  # numbers without resources
    WRITE = "write"  # create, update
    DELETE = "delete"
    EXPORT = "export"  # whole tables as files that stay for others to fetch


class Reach(StrEnum):
    """How far a permission goes."""

    PATIENT = "patient"  # what belongs to the one patient that the access names
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record lies. `kind` as in the list of members, e.g. "hospital", "care-record"."""

    member: MemberId
    kind: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Every condition must hold; an empty set of `kinds` means every place.

    `organization`: where the actor belongs, seen from the record. `needs_relation`: the access must name
    patient and care relation.
    """

    id: str
    text: str
    source: str
    roles: frozenset[Role]
    purposes: frozenset[Purpose]
    actions: frozenset[Action]
    types: frozenset[str]
    reach: Reach
    organization: Literal["own", "other", "any"] = "any"
    kinds: frozenset[str] = frozenset()
    needs_relation: bool = False
    effect: Literal["permit", "deny"] = "permit"


@dataclass(frozen=True, slots=True)
class Decision:
    """Which types are open as a whole, which for the named patient only, and the rules that said so.

    `sees_withheld`: whatever the types, also what is labelled as not to be disclosed to patients.
    """

    open_types: frozenset[str]
    patient_types: frozenset[str]
    rules: tuple[str, ...]
    sees_withheld: bool

    def restriction(self, patient_id: str | None) -> Restriction:
        """The filter; without a patient id, nothing of the types that reach only one patient is allowed."""
        return Restriction(self.open_types, self.patient_types, patient_id, self.sees_withheld)


def decide(rules: Iterable[Rule], access: Access, place: Place, action: Action) -> Decision:
    """What `access` may do at `place`. Deterministic, without input or output."""
    spoken = [rule for rule in rules if applies(rule, access, place, action)]
    denied = _types(rule for rule in spoken if rule.effect == "deny")
    permits = [rule for rule in spoken if rule.effect == "permit"]
    everywhere = _types(rule for rule in permits if rule.reach is Reach.ALL) - denied
    patient = _types(rule for rule in permits if rule.reach is Reach.PATIENT) - denied - everywhere
    sees_withheld = access.actor.role is not Role.PATIENT
    return Decision(everywhere, patient, tuple(rule.id for rule in spoken), sees_withheld)


def applies(rule: Rule, access: Access, place: Place, action: Action) -> bool:
    """Do all conditions of the rule hold?"""
    actor = access.actor
    if actor.role not in rule.roles or access.purpose not in rule.purposes or action not in rule.actions:
        return False
    if rule.kinds and place.kind not in rule.kinds:
        return False
    if rule.organization != "any" and (actor.organization == place.member) != (rule.organization == "own"):
        return False
    if rule.needs_relation and not (access.subject and access.care_relation):
        return False
    return rule.reach is Reach.ALL or access.subject is not None


def _types(rules: Iterable[Rule]) -> frozenset[str]:
    return frozenset().union(*(rule.types for rule in rules))
