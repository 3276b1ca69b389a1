"""The table that says how a criterion of the MII cohort language finds its facts.

Parsing is pure; `built_in` reads the two data files that ship with the package. An unknown kind is refused at
once. Source: `content/cohort/*.yaml`. Above: `from_ccdl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files

import yaml

from mihub.core.fhir import Json
from mihub.core.query.facts import KINDS
from mihub.core.query.nodes import AgeUnit
from mihub.core.query.units import Units
from mihub.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Context:
    """What one context of the cohort language means here."""

    kinds: tuple[str, ...]
    attributes: Mapping[str, str]
    current: bool


@dataclass(frozen=True, slots=True)
class Templates:
    """The whole table; `version` names it in answers."""

    version: str
    contexts: Mapping[str, Context]
    age_codes: frozenset[tuple[str, str]]
    gender_codes: frozenset[tuple[str, str]]
    gender_values: Mapping[str, str]
    prefix_systems: frozenset[str]
    systems: Mapping[str, tuple[str, ...]]
    component_systems: frozenset[str]
    units: Units
    age_units: Mapping[str, AgeUnit]

    def names_of(self, system: str) -> tuple[str, ...]:
        """All names under which the system's codes may be stored, the given one first."""
        return self.systems.get(system, (system,))


@cache
def built_in() -> Templates:
    """The tables of this package."""
    folder = files("mihub") / "content" / "cohort"
    read = [yaml.safe_load((folder / name).read_text("utf-8")) for name in ("templates.yaml", "units.yaml")]
    return parse(read[0], read[1])


def parse(table: Json, units: Json) -> Templates:
    """The tables as values. Raises `ConfigurationError` for an unknown kind of fact."""
    person = table["person"]
    groups = _groups(table["system_aliases"])
    prefixes = {name for system in table["prefix_systems"] for name in groups.get(system, (system,))}
    return Templates(
        version=str(table["version"]),
        contexts={name: _context(name, body) for name, body in table["contexts"].items()},
        age_codes=frozenset((system, code) for system, code in person["age"]),
        gender_codes=frozenset((system, code) for system, code in person["gender"]),
        gender_values=dict(person["gender_values"]),
        prefix_systems=frozenset(prefixes),
        systems=groups,
        component_systems=frozenset(table["component_systems"]),
        units=Units(
            {
                name: {unit: Fraction(str(factor)) for unit, factor in group.items()}
                for name, group in units["groups"].items()
            }
        ),
        age_units=dict(units["age_units"]),
    )


def _context(name: str, body: Json) -> Context:
    kinds = tuple(body["kinds"])
    if not set(kinds) <= set(KINDS):
        raise ConfigurationError(
            "The cohort templates name a kind of fact that does not exist.",
            where=f"contexts.{name}",
            rule="core.query.facts.KINDS",
            next_step="Correct content/cohort/templates.yaml.",
        )
    return Context(
        kinds=kinds, attributes=dict(body.get("attributes", {})), current=bool(body.get("current"))
    )


def _groups(aliases: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for system, others in aliases.items():
        names = (system, *others)
        groups.update(dict.fromkeys(names, names))
    return groups
