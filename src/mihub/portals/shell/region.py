"""What the portal knows of its region: members with names and phones, and, in demo mode, who may sign in as
whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mihub.core.policy.actor import MemberId, Role
from mihub.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation as people see it."""

    id: MemberId
    name: str
    kind: str = ""
    place: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Persona:
    """One demo sign-in. `patient_number` is the local patient number at `member`; empty for staff."""

    id: str
    role: Role
    name: str
    member: MemberId
    patient_number: str
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Region:
    """`document` is region.json as written, for rooms that need more of it."""

    members: tuple[Member, ...]
    personas: tuple[Persona, ...]
    document: Mapping[str, Any]

    def member(self, member_id: str) -> Member:
        """The member, or one that shows its bare id when it is not listed (data may name former members)."""
        return next(
            (member for member in self.members if member.id == member_id),
            Member(MemberId(member_id), member_id),
        )

    def persona(self, persona_id: str) -> Persona | None:
        """The persona with this id."""
        return next((persona for persona in self.personas if persona.id == persona_id), None)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Region:
        """From region.json. Raises `ConfigurationError` naming the entry that cannot be used."""
        return cls(
            tuple(_member(entry) for entry in document.get("members", ())),
            tuple(_persona(number, entry) for number, entry in enumerate(document.get("personas", ()))),
            document,
        )

    @classmethod
    def load(cls, path: Path) -> Region:
        """From a file."""
        return cls.parse(orjson.loads(path.read_bytes()))


def _member(entry: Mapping[str, Any]) -> Member:
    return Member(
        MemberId(str(entry.get("id", ""))),
        str(entry.get("name", "")),
        str(entry.get("kind", "")),
        str(entry.get("place", "")),
        str(entry.get("phone", "")),
    )


def _persona(number: int, entry: Mapping[str, Any]) -> Persona:
    try:
        return Persona(
            str(entry["id"]),
            Role(entry["role"]),
            str(entry["name"]),
            MemberId(str(entry["member"])),
            str(entry.get("patient_number") or ""),
            dict(entry.get("label") or {}),
        )
    except (KeyError, ValueError) as error:
        raise ConfigurationError(
            "A sign-in of the region cannot be used.",
            where=f"region.json personas[{number}]",
            rule="id, role, name, member are needed",
        ) from error
