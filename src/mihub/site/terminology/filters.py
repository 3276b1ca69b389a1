"""The filters of a value set over a code system in memory: property, operator, value -> a test of one code.

Source: https://hl7.org/fhir/R4/codesystem-filter-operator.html and R5's child-of, descendent-leaf.
Above: `in_memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from mihub.site.terminology.concepts import codes_for
from mihub.site.terminology.patterns import whole
from mihub.site.terminology.protocol import Concept, FilterRefused, Metadata

Test = Callable[[str], bool]


class Hierarchy(Protocol):
    """What a filter needs of a code system."""

    @property
    def metadata(self) -> Metadata: ...
    def normal(self, code: str) -> str | None: ...
    def concept(self, code: str) -> Concept | None: ...
    def parents(self, code: str) -> Sequence[str]: ...
    def children(self, code: str) -> Sequence[str]: ...
    def ancestors(self, code: str) -> set[str]: ...
    def descendants(self, code: str) -> set[str]: ...


def test(system: Hierarchy, name: str, op: str, value: str) -> Test:
    """The test. Raises `FilterRefused` for an operator or property that the system does not have."""
    if not value and op != "exists":
        raise FilterRefused("A filter has no value.", where=f"filter {name} {op}")
    if op in _OF_CONCEPTS and name in ("concept", "code"):
        return _OF_CONCEPTS[op](system, system.normal(value) or value)
    values = _values(system, name)
    if op == "regex":
        fits = whole(value)
        return lambda code: any(fits(text) for text in values(code))
    if op == "=":
        return lambda code: value in values(code)
    if op in ("in", "not-in"):
        return _in(values, value, op == "in")
    if op == "exists":
        return _exists(values, value)
    raise FilterRefused(
        "A filter's operator is not known for this property.",
        where=f"filter {name} {op}",
        rule="filter operator",
    )


def _in(values: Callable[[str], list[str]], value: str, inside: bool) -> Test:
    listed = {part.strip() for part in value.split(",")}
    return lambda code: bool(listed.intersection(values(code))) is inside


def _exists(values: Callable[[str], list[str]], value: str) -> Test:
    if value not in ("true", "false"):
        raise FilterRefused("The filter `exists` takes true or false.", where="filter exists")
    return lambda code: bool(values(code)) is (value == "true")


def _values(system: Hierarchy, name: str) -> Callable[[str], list[str]]:
    """All values one property has at a code, as text; derived ones (code, display, parent, child) too."""
    if name in ("code", "concept"):
        return lambda code: [code]
    if name == "display":
        return lambda code: [text for text in [_of(system, code).display] if text]
    if name == "definition":
        return lambda code: [text for text in [_of(system, code).definition] if text]
    if name == "designation":
        return lambda code: [one.value for one in _of(system, code).designations]
    if name == "parent":
        return lambda code: list(system.parents(code))
    if name == "child":
        return lambda code: list(system.children(code))
    return _property_values(system, name)


def _property_values(system: Hierarchy, name: str) -> Callable[[str], list[str]]:
    names = {name} | {one.code for one in system.metadata.properties if one.uri == name}
    if name in ("status", "inactive", "notSelectable"):
        names |= codes_for(system.metadata, name)

    def values(code: str) -> list[str]:
        found = [_text(one.value) for one in _of(system, code).properties if one.code in names]
        if not found and name == "inactive":
            return ["true" if _of(system, code).inactive else "false"]
        return found

    return values


def _of(system: Hierarchy, code: str) -> Concept:
    return system.concept(code) or Concept(code)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.get("code", "")) if isinstance(value, dict) else str(value)


def _is_a(system: Hierarchy, value: str) -> Test:
    below = system.descendants(value) | {value}
    return below.__contains__


def _descendent_of(system: Hierarchy, value: str) -> Test:
    below = system.descendants(value) - {value}
    return below.__contains__


def _is_not_a(system: Hierarchy, value: str) -> Test:
    below = system.descendants(value) | {value}
    return lambda code: code not in below


def _generalizes(system: Hierarchy, value: str) -> Test:
    above = system.ancestors(value) | {value}
    return above.__contains__


def _child_of(system: Hierarchy, value: str) -> Test:
    return frozenset(system.children(value)).__contains__


def _descendent_leaf(system: Hierarchy, value: str) -> Test:
    leaves = {code for code in system.descendants(value) if not system.children(code)}
    return leaves.__contains__


_OF_CONCEPTS: Final[dict[str, Callable[[Hierarchy, str], Test]]] = {
    "is-a": _is_a,
    "descendent-of": _descendent_of,
    "is-not-a": _is_not_a,
    "generalizes": _generalizes,
    "child-of": _child_of,
    "descendent-leaf": _descendent_leaf,
}
