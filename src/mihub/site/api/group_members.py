"""Whose resources a request means that names patients or groups. Above: `views`, `views_export`, `export`."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from mihub.core.policy.restriction import Restriction
from mihub.errors import NotFound
from mihub.site.api.call import Call
from mihub.site.search.question import IdIn, Question


class Unresolved(NotFound):
    """A filter names what is not there. The operation itself is: the specifications want 400."""

    http_status = 400


def patients_of(
    call: Call, patients: tuple[str, ...] | None, groups: tuple[str, ...] | None, within: Restriction
) -> tuple[str, ...] | None:
    """Whose resources are meant, sorted; None when it is everybody's. Raises `Unresolved` for who may not be known."""
    chosen: set[str] | None = None
    if patients is not None:
        chosen = set(call.site.search.ids(Question("Patient", (IdIn(patients),)), within))
        if chosen != set(patients):
            raise Unresolved("There is no such Patient.", where="patient", next_step="Check the reference.")
    if groups is not None:
        members = {one for group in groups for one in _members(call, group, within)}
        chosen = members if chosen is None else chosen & members
    return None if chosen is None else tuple(sorted(chosen))


def _members(call: Call, group: str, within: Restriction) -> Iterator[str]:
    version = call.site.store.read("Group", group, call.access, within)
    if version is None or version.body is None:
        raise Unresolved("There is no such Group.", where="group", next_step="Check the reference.")
    members = orjson.loads(version.body).get("member", [])
    for member in members if isinstance(members, list) else []:
        entity = member.get("entity") if isinstance(member, dict) else None
        reference = entity.get("reference") if isinstance(entity, dict) else None
        if (
            isinstance(reference, str)
            and reference.startswith("Patient/")
            and member.get("inactive") is not True
        ):
            yield reference.removeprefix("Patient/").partition("/")[0]
