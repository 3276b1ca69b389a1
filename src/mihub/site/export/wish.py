"""What a bulk export was asked for, as a value and as the JSON that is kept. Above: the whole room, `site.api`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Level = Literal["system", "patient", "group"]


@dataclass(frozen=True, slots=True)
class Wish:
    """`types` None: all there are. `filters`: type and the query that its resources must fit; one of several suffices.

    `patients`: whose resources, None for everybody's. `elements`: pairs of a type ("" for every one) and an element.
    `request` is the address of the kick-off; `names` are those of its parameters, for the audit.
    """

    level: Level = "system"
    types: tuple[str, ...] | None = None
    since: datetime | None = None
    filters: tuple[tuple[str, str], ...] = ()
    elements: tuple[tuple[str, str], ...] = ()
    patients: tuple[str, ...] | None = None
    request: str = ""
    names: str = ""

    @property
    def of_patients(self) -> bool:
        """Only what belongs to patients, or what that refers to."""
        return self.level != "system"


def asked(wish: Wish) -> dict[str, Any]:
    """As JSON."""
    return {**asdict(wish), "since": wish.since.isoformat() if wish.since else None}


def wish_of(kept: dict[str, Any]) -> Wish:
    """From JSON."""
    return Wish(
        level=kept["level"],
        types=None if kept["types"] is None else tuple(kept["types"]),
        since=datetime.fromisoformat(kept["since"]) if kept["since"] else None,
        filters=tuple((one[0], one[1]) for one in kept["filters"]),
        elements=tuple((one[0], one[1]) for one in kept["elements"]),
        patients=None if kept["patients"] is None else tuple(kept["patients"]),
        request=kept["request"],
        names=kept["names"],
    )
