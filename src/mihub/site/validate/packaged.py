"""Terminology from the definitions alone: value sets that list codes or whole small code systems. The stand-in for a site's own.

Answers `unknown` for everything it would have to compute (filters, hierarchies, grammars): the site's terminology does
that. Source: https://hl7.org/fhir/R4/valueset.html#compositions. Implements `codes.Codes`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.codes import Said

MAX_LISTED: Final = 20_000
_Codes = frozenset[tuple[str, str]]


class PackagedCodes:
    """Implements `Codes`; what was listed once is kept."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._listed: dict[str, _Codes | None] = {}
        self._systems: dict[str, _Codes | None] = {}
        # system -> code -> the displays that fit
        self._names: dict[str, dict[str, frozenset[str]] | None] = {}
        self._lock = threading.RLock()

    def codes_of(self, value_set: str) -> _Codes | None:
        """All codes, or None when they cannot be listed here."""
        if value_set not in self._listed:
            with self._lock:
                # A value set that includes itself finds "cannot be listed" and ends.
                self._listed[value_set] = None
                self._listed[value_set] = self._list(value_set)
        return self._listed[value_set]

    def member(self, value_set: str, system: str, code: str, *, version: str = "", display: str = "") -> Said:
        """By the list, where there is one."""
        codes = self.codes_of(value_set)
        if codes is None:
            known = self._definitions.find(value_set, "ValueSet") is not None
            why = "not-enumerable" if known else "unknown-value-set"
            return Said("unknown", why, {"value_set": value_set, "system": system})
        inside = (system, code) in codes if system else any(code == one for _, one in codes)
        return Said("yes" if inside else "no", "" if inside else "not-in-value-set")

    def in_system(self, system: str, code: str, *, version: str = "", display: str = "") -> Said:
        """By the code system's own list, where it is complete."""
        names = self._displays(system)
        if names is None:
            known = self._definitions.find(system, "CodeSystem") is not None
            return Said("unknown", "not-enumerable" if known else "unknown-system", {"system": system})
        fitting = names.get(code)
        if fitting is None:
            return Said("no", "unknown-code", {"system": system})
        if display and fitting and _plain(display) not in fitting:
            return Said("yes", "display-differs", {"system": system})
        return Said("yes")

    def _displays(self, system: str) -> dict[str, frozenset[str]] | None:
        with self._lock:
            if system not in self._names:
                found = self._definitions.find(system, "CodeSystem")
                complete = found is not None and found.resource.get("content") == "complete"
                self._names[system] = _named(found.resource) if found is not None and complete else None
            return self._names[system]

    def _list(self, value_set: str) -> _Codes | None:
        found = self._definitions.find(value_set, "ValueSet")
        compose = found.resource.get("compose") if found is not None else None
        if not isinstance(compose, dict):
            return None
        codes: set[tuple[str, str]] = set()
        for row in compose.get("include") or ():
            part = self._part(row)
            if part is None:
                return None
            codes |= part
        for row in compose.get("exclude") or ():
            part = self._part(row)
            if part is None:
                return None
            codes -= part
        return frozenset(codes) if len(codes) <= MAX_LISTED else None

    def _part(self, row: Json) -> _Codes | None:
        if row.get("filter"):
            return None
        system = row.get("system")
        part: _Codes | None = None
        if isinstance(system, str):
            if row.get("concept"):
                part = frozenset((system, str(one.get("code"))) for one in row["concept"])
            else:
                part = self.system(system, str(row.get("version") or ""))
            if part is None:
                return None
        for inner in row.get("valueSet") or ():
            listed = self.codes_of(inner)
            if listed is None:
                return None
            part = listed if part is None else part & listed
        return part

    def system(self, url: str, version: str = "") -> _Codes | None:
        """All codes of a complete code system."""
        canonical = f"{url}|{version}" if version else url
        if canonical not in self._systems:
            found = self._definitions.find(canonical, "CodeSystem") or self._definitions.find(
                url, "CodeSystem"
            )
            complete = found is not None and found.resource.get("content") == "complete"
            self._systems[canonical] = (
                frozenset((url, code) for code in _all(found.resource))
                if found is not None and complete
                else None
            )
        return self._systems[canonical]


def _all(system: Resource) -> list[str]:
    return [one["code"] for one in _concepts(system)]


def _concepts(system: Resource) -> Iterator[Json]:
    rest: list[Any] = list(system.get("concept") or ())
    while rest:
        one = rest.pop()
        if isinstance(one.get("code"), str):
            yield one
        rest += one.get("concept") or ()


def _plain(text: str) -> str:
    """Case and runs of spaces do not make another display."""
    return " ".join(text.split()).casefold()


def _named(system: Resource) -> dict[str, frozenset[str]]:
    found = {}
    for one in _concepts(system):
        names = [one.get("display"), *(row.get("value") for row in one.get("designation") or ())]
        found[one["code"]] = frozenset(_plain(name) for name in names if isinstance(name, str))
    return found
