"""The policy codes of the MII broad consent: which exist, which are in force, how long they last.

A code that is not in force is refused where it is asked for and permits nothing where it is found. Source:
the table `content/consent/policies.yaml`. Above: `provisions`, `ruling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import NewType

import yaml

from mihub.core.fhir import Json
from mihub.errors import Unprocessable

# The last number of a code of the system: "8" is "use medical data for research".
PolicyCode = NewType("PolicyCode", str)


@dataclass(frozen=True, slots=True)
class PolicyCatalogue:
    """The codes of one code system. `modules` maps a module to the codes of its parts."""

    system: str
    prefix: str
    last_suffix: int
    inactive: frozenset[PolicyCode]
    modules: Mapping[PolicyCode, frozenset[PolicyCode]]
    validity_years: Mapping[PolicyCode, int]
    default_years: int
    use: PolicyCode
    collect: PolicyCode
    retrospective: frozenset[PolicyCode]

    def code(self, text: str) -> PolicyCode | None:
        """The code of a suffix or of a full identifier; None for anything else."""
        suffix = text.removeprefix(self.prefix)
        known = suffix.isascii() and suffix.isdecimal() and not suffix.startswith("0")
        return PolicyCode(suffix) if known and 1 <= int(suffix) <= self.last_suffix else None

    def required(self, texts: Iterable[str]) -> frozenset[PolicyCode]:
        """The codes that a question asks for. Raises `Unprocessable` for an unknown or inactive one."""
        return frozenset(self._in_force(text) for text in texts)

    def denied_by(self, code: PolicyCode) -> frozenset[PolicyCode]:
        """What a deny of this code denies: itself and, for a module, its parts."""
        return self.modules.get(code, frozenset()) | {code}

    def last_day(self, code: PolicyCode, start: date) -> date:
        """The last day on which a permission given on `start` can hold."""
        year = start.year + self.validity_years.get(code, self.default_years)
        if year > date.max.year:
            return date.max
        # Peers write both the same day and the day before; the later is taken, 29 February becomes the 28th.
        leap_day = (start.month, start.day) == (2, 29)
        return start.replace(year=year, day=28) if leap_day else start.replace(year=year)

    def _in_force(self, text: str) -> PolicyCode:
        code = self.code(text)
        if code is None or code in self.inactive:
            raise Unprocessable(
                "The question asks for a consent code that is "
                + ("unknown." if code is None else "no longer in force."),
                where=f"consent code {text[-12:]}" if code else "consent code",
                rule=f"{self.system}, codes in force",
                next_step="Ask for a code that is in force, such as 8 (use for research).",
            )
        return code


@cache
def broad_consent() -> PolicyCatalogue:
    """The catalogue that ships with the package."""
    folder = files("mihub") / "content" / "consent"
    return parse(yaml.safe_load((folder / "policies.yaml").read_text("utf-8")))


def parse(table: Json) -> PolicyCatalogue:
    """The table as a value."""
    return PolicyCatalogue(
        system=table["system"],
        prefix=table["prefix"],
        last_suffix=table["last_suffix"],
        inactive=_codes(table["inactive"]),
        modules={PolicyCode(module): _codes(parts) for module, parts in table["modules"].items()},
        validity_years={PolicyCode(code): years for code, years in table["validity_years"].items()},
        default_years=table["default_years"],
        use=PolicyCode(table["use"]),
        collect=PolicyCode(table["collect"]),
        retrospective=_codes(table["retrospective"]),
    )


def _codes(texts: Iterable[str]) -> frozenset[PolicyCode]:
    return frozenset(PolicyCode(text) for text in texts)
