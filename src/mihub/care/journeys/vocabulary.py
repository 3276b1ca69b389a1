"""Which code means which kind of event: a table in `content/texts/event-kinds.yaml`, first match wins.

A kind such as `imaging.ct` names a text (`journey.event.imaging.ct`) and serves the pathway as evidence. No
text here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

FILE: Final = Path(__file__).resolve().parents[2] / "content" / "texts" / "event-kinds.yaml"


@dataclass(frozen=True, slots=True)
class KindRule:
    """A code of `system` (its last part, lower case) that starts with `prefix` means `kind`."""

    room: str
    system: str
    prefix: str
    kind: str


@cache
def rules(room: str) -> tuple[KindRule, ...]:
    """The rules of one room of the table (`condition`, `procedure`, `observation`, `report`, `modality`,
    ...).
    """
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(
        KindRule(room, str(entry["system"]), str(prefix), str(entry["kind"]))
        for entry in document["kinds"].get(room, ())
        for prefix in entry["codes"]
    )


def kind_of(room: str, codings: list[tuple[str, str, str]]) -> str | None:
    """The kind of the first rule that fits any of the codings; None when none does."""
    for rule in rules(room):
        for system, code, _ in codings:
            if _system(system) == rule.system and code.startswith(rule.prefix):
                return rule.kind
    return None


def _system(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2].lower()
