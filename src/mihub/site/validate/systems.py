"""Is a code in its own code system, and does its display fit? Asked of every Coding, bound or not.

Terminology answers; what it said is remembered, bounded, so that the same code costs one look. Severities as HL7's
Java validator, but a display that differs is a warning: German displays of a site are no error. Above: `base`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.bindings import PASSING
from mihub.site.validate.codes import Answer, Codes
from mihub.site.validate.finding import Severity
from mihub.site.validate.names import shown_address
from mihub.site.validate.run import Run, Where, location
from mihub.site.validate.shapes import Check

_MAX_REMEMBERED: Final = 100_000
# What is said of a code: severity, rule, facts; None: nothing.
_Word = tuple[Severity, str, dict[str, str]]
# Stands for "not asked yet".
_UNASKED: Final[_Word] = ("information", "", {})


class CodingSystems:
    """The answers of one generation."""

    def __init__(self, codes: Codes, definitions: Definitions) -> None:
        self._codes = codes
        self._definitions = definitions
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
        word = self._said.get(key, _UNASKED)
        if word is _UNASKED:
            word = self._ask(key)
        if word is not None:
            severity, rule, facts = word
            run.add(rule, where, severity, **facts)

    def _ask(self, key: tuple[str, str, str, str]) -> _Word | None:
        system, code, version, display = key
        answer = self._codes.in_system(system, code, version=version, display=display)
        word = _word(answer, system, answer.verdict == "unknown" and self._is_value_set(system))
        if answer.why == PASSING:
            return word
        if len(self._said) >= _MAX_REMEMBERED:
            self._said.clear()
        self._said[key] = word
        return word

    def _is_value_set(self, system: str) -> bool:
        """A frequent slip: the address of the value set in place of the system's."""
        return self._definitions.find(system, "ValueSet") is not None


def _word(answer: Answer, system: str, value_set: bool) -> _Word | None:
    facts = {"system": shown_address(system)}
    if answer.verdict == "no":
        return "error", "code-unknown", facts
    if answer.verdict == "unknown":
        rule = "code-system-value-set" if value_set else "code-system-unknown"
        return "error" if value_set else "warning", rule, facts
    if answer.why == "display-differs":
        return "warning", "code-display", facts
    return ("warning", "code-inactive", facts) if answer.why == "inactive" else None


def remembered(check: Check) -> Check:
    """The check of a Coding, with its answer kept by content: most codings of a site are a few thousand different ones."""
    kept: dict[tuple[tuple[str, object], ...], tuple[_Word, ...]] = {}

    def quick(value: Json, where: Where, run: Run) -> None:
        key = tuple(value.items())
        try:
            words = kept.get(key)
        except TypeError:
            # Extensions and other lists are not remembered.
            check(value, where, run)
            return
        if words is None:
            _learn(check, value, key, where, run, kept)
            return
        for severity, rule, facts in words:
            run.add(rule, where, severity, **facts)

    return quick


def _learn(
    check: Check,
    value: Json,
    key: tuple[tuple[str, object], ...],
    where: Where,
    run: Run,
    kept: dict[tuple[tuple[str, object], ...], tuple[_Word, ...]],
) -> None:
    """Check, and keep the answer where all of it stands at the coding itself."""
    before = len(run.said)
    check(value, where, run)
    new, place = run.said[before:], location(where)
    plain = "id" not in value and not any(_equal_but_other(one) for _, one in key)
    if plain and all(one.location == place for one in new):
        if len(kept) >= _MAX_REMEMBERED:
            kept.clear()
        kept[key] = tuple((one.severity, one.rule, dict(one.facts)) for one in new)


def _equal_but_other(value: object) -> bool:
    """1 and true are equal as keys and different as JSON."""
    return isinstance(value, int | float)
