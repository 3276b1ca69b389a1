"""What an export of views was asked for and what it made, as a job keeps them: plain JSON. Above: `exports`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Output:
    """One file. `notes`: values that did not fit their columns, counted."""

    name: str
    file: str
    rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """`views`: name of the output and checked ViewDefinition."""

    views: list[tuple[str, dict[str, Any]]]
    form: str
    header: bool = True
    patients: tuple[str, ...] | None = None
    since: datetime | None = None
    names: str = ""
    tracking: str = ""


def asked(wish: Wish) -> dict[str, Any]:
    """As JSON."""
    return {
        **asdict(wish),
        "since": wish.since.isoformat() if wish.since else None,
        "patients": None if wish.patients is None else list(wish.patients),
    }


def wish_of(kept: dict[str, Any]) -> Wish:
    """From JSON."""
    return Wish(
        **{
            **kept,
            "views": [(name, document) for name, document in kept["views"]],
            "patients": None if kept["patients"] is None else tuple(kept["patients"]),
            "since": datetime.fromisoformat(kept["since"]) if kept["since"] else None,
        }
    )


def made(outputs: list[Output]) -> dict[str, Any]:
    """As JSON."""
    return {"outputs": [asdict(one) for one in outputs]}


def outputs_of(kept: dict[str, Any]) -> list[Output]:
    """From JSON."""
    return [Output(**{**one, "notes": tuple(one["notes"])}) for one in kept.get("outputs", [])]
