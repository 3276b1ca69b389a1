"""How far an export is and what it made, as a value and as the JSON that is kept. Above: `writing`, `exports`, `site.api`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["output", "deleted", "error"]


@dataclass(slots=True)
class File:
    """One NDJSON file: lines and bytes that are on the disk for certain."""

    kind: Kind
    resource_type: str
    name: str
    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One type of the selection: how many versions, how many bytes, and the file in which they are listed."""

    resource_type: str
    count: int
    size_bytes: int
    list_name: str


@dataclass(slots=True)
class Made:
    """`time`: the instant to which the export is complete, in ISO 8601. `within`: what the rules allowed when it was selected.

    `type_number` and `row`: the first listed version that is not in a file yet. `erased`: listed versions that are gone for good.
    """

    time: str = ""
    position: int = 0
    within: dict[str, Any] = field(default_factory=dict)
    listed: list[Listed] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    type_number: int = 0
    row: int = 0
    erased: int = 0

    @property
    def total_bytes(self) -> int:
        """Of all that was selected, without line feeds."""
        return sum(one.size_bytes for one in self.listed)

    @property
    def written_bytes(self) -> int:
        """Of resources, on the disk."""
        return sum(one.size_bytes for one in self.files if one.kind == "output")


def stored(made: Made) -> dict[str, Any]:
    """As JSON."""
    return asdict(made)


def made_of(kept: dict[str, Any]) -> Made:
    """From JSON; nothing kept yet gives an empty one."""
    if not kept:
        return Made()
    return Made(
        **{
            **kept,
            "listed": [Listed(**one) for one in kept["listed"]],
            "files": [File(**one) for one in kept["files"]],
        }
    )
