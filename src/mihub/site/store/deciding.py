"""What a list of entries will do, decided in order on the current state, before anything is written.

Both engines execute the same plan, so that they can not differ in what counts as created, unchanged or
refused. Pure: no clock, no database. Below: `content`, `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from mihub.core.fhir import Resource
from mihub.core.policy.restriction import Restriction
from mihub.errors import Forbidden, MihubError, NotFound, PreconditionFailed
from mihub.site.store.content import digest, key_of
from mihub.site.store.protocol import Delete, Effect, Entries, Put, Version, Written
from mihub.site.store.rows import NO_ROWS, Indexer, IndexRows

Key = tuple[str, str]
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Current:
    """What the store knows about a resource; `digest` is None when it is deleted."""

    version_id: int
    digest: bytes | None
    patients: tuple[str, ...] = ()
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One new version. `resource` is None when it deletes; `patients` are those it concerns, before or after."""

    key: Key
    version_id: int
    effect: Effect
    resource: Resource | None
    digest: bytes | None
    rows: IndexRows
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What each entry answers, and the versions to make."""

    written: list[Written]
    steps: list[Step]

    def answers(self, versions: Sequence[Version]) -> list[Written]:
        """What the entries answer once the versions of the steps, in the same order, are made."""
        made = iter(versions)
        return [
            one if one.effect == "unchanged" else replace(one, version=next(made)) for one in self.written
        ]


def keys_of(entries: Entries) -> list[Key]:
    """Type and id of each entry. Raises `InvalidInput` naming the entry."""
    return [_at(index, _key, entry) for index, entry in enumerate(entries)]


def check(resource: Resource, index: Indexer) -> None:
    """Raises what a write of this resource raises because of its content."""
    key_of(resource)
    digest(resource)
    index(resource)


def decide(
    entries: Entries, keys: list[Key], current: Mapping[Key, Current], index: Indexer, within: Restriction
) -> Plan:
    """The plan. Raises what `Store.write` raises, with the number of the entry."""
    state = dict(current)
    plan = Plan([], [])
    for number, (entry, key) in enumerate(zip(entries, keys, strict=True)):
        now = state.get(key)
        step = _at(number, _step, entry, key, now, index, within)
        if step is None:
            plan.written.append(Written(*key, now.version_id if now else 0, "unchanged"))
            continue
        state[key] = Current(step.version_id, step.digest, step.rows.patients, step.rows.withheld)
        plan.steps.append(step)
        plan.written.append(Written(*key, step.version_id, step.effect))
    return plan


def _key(entry: Put | Delete) -> Key:
    return key_of(entry.resource) if isinstance(entry, Put) else (entry.resource_type, entry.id)


def _step(
    entry: Put | Delete, key: Key, now: Current | None, index: Indexer, within: Restriction
) -> Step | None:
    there = now if now is not None and now.digest is not None else None
    if there is not None and not within.allows(key[0], there.patients, withheld=there.withheld):
        raise NotFound(f"There is no such {key[0]}.", rule="access rules", next_step="Check the id.")
    if entry.if_match is not None and (there is None or there.version_id != entry.if_match):
        raise PreconditionFailed(
            f"The {key[0]} is not at the version that the request expects.",
            rule="If-Match",
            next_step="Read the current version, apply the change to it and send it again.",
        )
    following = now.version_id + 1 if now else 1
    if isinstance(entry, Delete):
        return _removal(key, following, there)
    return _replacement(entry, key, following, there, index, within)


def _removal(key: Key, version_id: int, there: Current | None) -> Step | None:
    if there is None:
        return None
    return Step(key, version_id, "deleted", None, None, NO_ROWS, there.patients)


def _replacement(
    entry: Put, key: Key, version_id: int, there: Current | None, index: Indexer, within: Restriction
) -> Step | None:
    if there is not None and entry.if_absent:
        return None
    content = digest(entry.resource)
    if there is not None and there.digest == content:
        return None
    rows = index(entry.resource)
    allowed = within.allows(key[0], rows.patients, withheld=rows.withheld)
    concerned = {*rows.patients, *(there.patients if there is not None else ())}
    if not allowed or not within.belongs(key[0], concerned):
        raise Forbidden(
            f"This access may not write this {key[0]}.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Write only what concerns the patient of this access, or sign in with another role.",
        )
    effect: Effect = "created" if there is None else "updated"
    return Step(key, version_id, effect, entry.resource, content, rows, rows.patients)


def _at(number: int, call: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    try:
        return call(*arguments, **named)
    except MihubError as error:
        place = f"entry {number}"
        error.where = f"{place}, {error.where}" if error.where else place
        raise
