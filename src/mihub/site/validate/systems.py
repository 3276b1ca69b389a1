"""Is a code in its own code system, and does its display fit? Asked of every Coding, bound or not.

Terminology answers; what it said is remembered, bounded, so that the same code costs one look. Severities as HL7's
Java validator, but a display that differs is a warning: German displays of a site are no error. Above: `base`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json
from mihub.site.validate.codes import Answer, Codes
from mihub.site.validate.finding import Severity
from mihub.site.validate.run import Run, Where

_MAX_REMEMBERED: Final = 100_000
# What is said of a code: severity, rule, facts; None: nothing.
_Word = tuple[Severity, str, dict[str, str]]


class CodingSystems:
    """The answers of one generation."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._said: dict[tuple[str, str, str, str], _Word | None] = {}

    def check(self, system: str, code: str, coding: Json, where: Where, run: Run) -> None:
        """Note what is wrong with a code of a system."""
        version, display = coding.get("version"), coding.get("display")
        key = (
            system,
            code,
            version if version.__class__ is str else "",
            display if display.__class__ is str else "",
        )
        word = self._said[key] if key in self._said else self._ask(key)
        if word is not None:
            severity, rule, facts = word
            run.add(rule, where, severity, **facts)

    def _ask(self, key: tuple[str, str, str, str]) -> _Word | None:
        system, code, version, display = key
        word = _word(self._codes.in_system(system, code, version=version, display=display), system)
        if len(self._said) >= _MAX_REMEMBERED:
            self._said.clear()
        self._said[key] = word
        return word


def _word(answer: Answer, system: str) -> _Word | None:
    facts = {"system": system if len(system) < 200 else "?"}
    if answer.verdict == "no":
        return "error", "code-unknown", facts
    if answer.verdict == "unknown":
        return "warning", "code-system-unknown", facts
    if answer.why == "display-differs":
        return "warning", "code-display", facts
    return ("warning", "code-inactive", facts) if answer.why == "inactive" else None
