"""Does a resource match search parameters? The in-memory client's reading of the R4 search rules.

Supported: OR by comma, AND by repetition, modifiers `:not :missing :exact :contains :identifier`, `_has`
no, one chained step, date prefixes on whole-precision comparison. Source:
https://hl7.org/fhir/R4/search.html. Above: `memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mihub.care.client.parameters import SEARCH_PARAMETERS, SearchParameter
from mihub.core.fhir import Resource
from mihub.errors import NotSupported

# Finds the resource behind a relative reference, for chained parameters; None when it is not here.
Resolve = Callable[[str], Resource | None]
_PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")


def matches(resource: Resource, name: str, value: str, resolve: Resolve) -> bool:
    """Whether one parameter holds. Raises `NotSupported` for a parameter that is not listed."""
    head, _, chained = name.partition(".")
    base, _, modifier = head.partition(":")
    parameter = SEARCH_PARAMETERS.get(base)
    if parameter is None:
        raise NotSupported(
            f"The search parameter {base!r} is not known here.",
            rule="https://hl7.org/fhir/R4/search.html",
            next_step="Use a parameter of the capability statement.",
        )
    found = [value for path in parameter.paths for value in elements(resource, path.split("."))]
    if chained:
        return any(_chained(reference, chained, value, resolve) for reference in found)
    if modifier == "missing":
        return (not found) == (value == "true")
    hit = any(_one(parameter, modifier, candidate, part) for candidate in found for part in value.split(","))
    return not hit if modifier == "not" else hit


def elements(value: Any, steps: list[str]) -> Iterator[Any]:
    """All values at a dotted path; lists are walked through."""
    if isinstance(value, list):
        for item in value:
            yield from elements(item, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from elements(value[steps[0]], steps[1:])


def _chained(reference: Any, name: str, value: str, resolve: Resolve) -> bool:
    target = resolve(reference.get("reference", "")) if isinstance(reference, dict) else None
    return target is not None and matches(target, name, value, resolve)


def _one(parameter: SearchParameter, modifier: str, candidate: Any, wanted: str) -> bool:
    if parameter.kind == "reference":
        return _reference(candidate, modifier, wanted)
    if parameter.kind == "date":
        return _date(candidate, wanted)
    if parameter.kind == "string":
        return _string(candidate, modifier, wanted)
    if parameter.kind == "uri":
        return isinstance(candidate, str) and candidate.split("|")[0] == wanted.split("|")[0]
    return _token(candidate, wanted)


def _token(candidate: Any, wanted: str) -> bool:
    system, bar, code = wanted.partition("|")
    if not bar:
        system, code = "*", wanted
    return any(
        (not code or code == found_code) and system in ("*", found_system)
        for found_system, found_code in _codes(candidate)
    )


def _codes(candidate: Any) -> Iterator[tuple[str, str]]:
    if isinstance(candidate, bool):
        yield "", "true" if candidate else "false"
    elif isinstance(candidate, str):
        yield "", candidate
    elif isinstance(candidate, dict):
        for coding in candidate.get("coding", ()):
            yield str(coding.get("system", "")), str(coding.get("code", ""))
        if "code" in candidate or "value" in candidate:
            yield str(candidate.get("system", "")), str(candidate.get("code", candidate.get("value")))


def _reference(candidate: Any, modifier: str, wanted: str) -> bool:
    if not isinstance(candidate, dict):
        return False
    if modifier == "identifier":
        return _token(candidate.get("identifier"), wanted)
    target = str(candidate.get("reference", "")).split("/_history/")[0]
    full = f"{modifier}/{wanted}" if modifier else wanted
    return bool(target) and (target == full or target.endswith(f"/{full}"))


def _string(candidate: Any, modifier: str, wanted: str) -> bool:
    if not isinstance(candidate, str):
        return False
    if modifier == "exact":
        return candidate == wanted
    if modifier == "contains":
        return wanted.casefold() in candidate.casefold()
    return candidate.casefold().startswith(wanted.casefold())


def _date(candidate: Any, wanted: str) -> bool:
    prefix, moment = (wanted[:2], wanted[2:]) if wanted[:2] in _PREFIXES else ("eq", wanted)
    start, end = _bounds(candidate)
    low, high = _padded(moment, first=True), _padded(moment, first=False)
    if prefix in ("gt", "sa"):
        return (end if prefix == "gt" else start) > high
    if prefix in ("lt", "eb"):
        return (start if prefix == "lt" else end) < low
    if prefix == "ge":
        return end >= low
    if prefix == "le":
        return start <= high
    inside = low <= start and end <= high
    return not inside if prefix == "ne" else inside


def _bounds(candidate: Any) -> tuple[str, str]:
    if isinstance(candidate, dict):
        start, end = candidate.get("start"), candidate.get("end")
        return _padded(start, first=True) if start else "", _padded(end, first=False) if end else "9999"
    return _padded(str(candidate), first=True), _padded(str(candidate), first=False)


def _padded(moment: str, *, first: bool) -> str:
    """A comparable text: the first or last second of what was said; the offset is left out (a test's clock
    is one clock).
    """
    text = moment[:19]
    filler = "0000-01-01T00:00:00" if first else "9999-12-31T23:59:59"
    return text + filler[len(text) :]
