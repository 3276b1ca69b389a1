"""A pathway as a value, parsed from its data file and checked at once: phases, steps, owners, due times,
evidence.

An evidence name such as `imaging` covers the fact kinds `imaging` and `imaging.…`. Files:
`mihub/content/pathways`. Above: `state` computes against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mihub.errors import ConfigurationError

_STEP_KEYS: Final = frozenset(
    {"id", "title", "owner", "evidence", "after", "within_days", "only_if", "unless"}
)


@dataclass(frozen=True, slots=True)
class Step:
    """One duty. `after` and `within_days` give its due day; without them it is due when its phase has begun.

    `only_if`: applies only when one of these facts is there; `unless`: does not apply once one of these is
    there.
    """

    id: str
    title: Mapping[str, str]
    owner: str
    evidence: tuple[str, ...]
    after: str = ""
    within_days: int | None = None
    only_if: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps that belong together, in order."""

    id: str
    title: Mapping[str, str]
    text: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Pathway:
    """One versioned pathway. `is_verified` is false until somebody named in `approver` answers for it."""

    canonical: str
    version: str
    title: Mapping[str, str]
    applies_to: tuple[str, ...]
    source: tuple[str, ...]
    approver: str
    is_verified: bool
    phases: tuple[Phase, ...]


def parse_pathway(document: Mapping[str, Any], where: str) -> Pathway:
    """From the YAML of a pathway file. Raises `ConfigurationError` naming phase and step."""
    try:
        approver = str(document.get("approver") or "")
        phases = tuple(_phase(entry, where) for entry in document["phases"])
        pathway = Pathway(
            str(document["id"]),
            str(document["version"]),
            _both(document["title"], where),
            tuple(document["applies_to"]),
            tuple(document.get("source", ())),
            approver,
            bool(document.get("verified")) and bool(approver),
            phases,
        )
    except KeyError as error:
        raise _broken(where, f"the key {error.args[0]!r} is missing") from error
    ids = [step.id for phase in phases for step in phase.steps]
    if len(ids) != len(set(ids)):
        raise _broken(where, "two steps have the same id")
    return pathway


def _phase(entry: Mapping[str, Any], where: str) -> Phase:
    place = f"{where} phase {entry.get('id', '?')}"
    steps = tuple(_step(step, place) for step in entry["steps"])
    return Phase(str(entry["id"]), _both(entry["title"], place), _both(entry["text"], place), steps)


def _step(entry: Mapping[str, Any], where: str) -> Step:
    place = f"{where} step {entry.get('id', '?')}"
    unknown = set(entry) - _STEP_KEYS
    if unknown:
        raise _broken(place, f"the key {sorted(unknown)[0]!r} is unknown")
    if ("after" in entry) != ("within_days" in entry):
        raise _broken(place, "`after` and `within_days` belong together")
    if not entry["evidence"]:
        raise _broken(place, "a step without evidence can never be done")
    return Step(
        str(entry["id"]),
        _both(entry["title"], place),
        str(entry["owner"]),
        tuple(entry["evidence"]),
        str(entry.get("after", "")),
        entry.get("within_days"),
        tuple(entry.get("only_if", ())),
        tuple(entry.get("unless", ())),
    )


def _both(value: Any, where: str) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or set(value) != {"de", "en"}:
        raise _broken(where, "a text needs `de` and `en`")
    return {str(language): str(text) for language, text in value.items()}


def _broken(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"A pathway cannot be used: {why}.",
        where=where,
        rule="keys of a pathway file (core.journey.pathway)",
        next_step="Correct the file.",
    )
