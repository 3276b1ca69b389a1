"""Is a code in its own code system, and does its display fit? Asked of every Coding, bound or not.

Small complete code systems are read once; others ask terminology where it answers for systems. Answers are remembered,
bounded. Severities as HL7's Java validator. Above: `base`. Below: `codes`.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.codes import Codes
from mihub.site.validate.run import Run, Where

_MAX_REMEMBERED: Final = 200_000
_LANGUAGES: Final = frozenset({"en", "de", ""})


class CodingSystems:
    """The code systems of the definitions, each read at the first code that needs it."""

    def __init__(self, definitions: Definitions, codes: Codes) -> None:
        self._definitions = definitions
        self._codes = codes
        # system -> code -> the displays that fit; None: cannot be checked here
        self._systems: dict[str, dict[str, frozenset[str]] | None] = {}
        self._lock = threading.RLock()

    def check(self, system: str, code: str, coding: Json, where: Where, run: Run) -> None:
        """Note what is wrong with a code of a system."""
        known = self._systems.get(system, self)
        if known is self:
            known = self._read(system)
        if known is None:
            return
        displays = known.get(code)  # type: ignore[union-attr]  # `self` only stands for "not read yet"
        if displays is None:
            run.add("code-unknown", where, system=system)
            return
        display = coding.get("display")
        if display.__class__ is str and displays and _plain(display) not in displays:
            run.add("code-display", where, "warning", system=system)

    def _read(self, system: str) -> dict[str, frozenset[str]] | None:
        with self._lock:
            if system in self._systems:
                return self._systems[system]
            found = self._definitions.find(system, "CodeSystem")
            known: dict[str, frozenset[str]] | None = None
            if found is not None and found.resource.get("content") == "complete":
                known = dict(_concepts(found.resource.get("concept")))
            self._systems[system] = known
            return known


def _plain(text: str) -> str:
    """Case and runs of spaces do not make another display."""
    return " ".join(text.split()).casefold()


def _concepts(concepts: Any) -> list[tuple[str, frozenset[str]]]:
    found: list[tuple[str, frozenset[str]]] = []
    rest = list(concepts or ())
    while rest:
        one = rest.pop()
        names = [one.get("display"), *(row.get("value") for row in one.get("designation") or ())]
        if isinstance(one.get("code"), str):
            found.append((one["code"], frozenset(_plain(name) for name in names if isinstance(name, str))))
        rest += one.get("concept") or ()
    return found
