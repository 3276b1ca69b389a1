"""The seam for code systems: what the operations ask of a CodeSystem resource, a publisher's list or a grammar.

Engines: `in_memory` (CodeSystem resources; the reference), `lists` (publishers' files in SQLite), `grammars` (UCUM, MIME types,
languages). Reading only, safe from any thread; a provider never sees a patient. Source:
https://hl7.org/fhir/R4/codesystem.html and https://hl7.org/fhir/R4/codesystem-filter-operator.html.
Above: `compose`, `validate_code`, `lookup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mihub.core.fhir import Json, Resource
from mihub.errors import InvalidInput

Content = Literal["complete", "fragment", "example", "not-present", "supplement"]


class FilterRefused(InvalidInput):
    """A filter that the code system does not define, or a value that it can not hold (a bad pattern, no such code)."""


@dataclass(frozen=True, slots=True)
class Designation:
    """One more way to say a concept. `use`: a Coding, or None; `language`: BCP-47, "" when not said."""

    value: str
    language: str = ""
    use: Json | None = None
    # The `url|version` of the supplement that brought it, "" for the code system itself.
    source: str = ""
    extension: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a concept. `type` is the end of `value[x]`: code, string, boolean, Coding, decimal ..."""

    code: str
    value: Any
    type: str = "code"
    description: str = ""
    source: str = ""
    # The property's own address where it is not among the code system's (a supplement's property).
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept, without its place in the hierarchy.

    `abstract`: not for use in data (notSelectable). `inactive`: no longer for use. `status`: as the system words
    it (`retired`, `deprecated`), "" when active. `extension`: as the resource has it, for expansions.
    """

    code: str
    display: str = ""
    definition: str = ""
    designations: tuple[Designation, ...] = ()
    properties: tuple[Property, ...] = ()
    abstract: bool = False
    inactive: bool = False
    status: str = ""
    extension: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """A property a code system declares."""

    code: str
    type: str
    uri: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a code system says of itself. `language`: of its displays. `size`: number of codes, None when endless."""

    url: str
    version: str = ""
    name: str = ""
    title: str = ""
    language: str = ""
    content: Content = "complete"
    status: str = ""
    case_sensitive: bool = True
    # is-a, part-of, grouped-by, classified-with, "" when not said.
    hierarchy: str = ""
    size: int | None = 0
    properties: tuple[PropertyDefinition, ...] = ()
    # The canonical of the value set of all codes, "" when there is none.
    value_set: str = ""
    # `name#version` of the package or file it came from.
    package: str = ""
    # Its resource, where it has one (without `concept` when it is large): extensions, experimental, copyright.
    resource: Resource = field(default_factory=dict)


class CodeSystemProvider(Protocol):
    """One version of one code system.

    Codes given must be written as the system writes them: `normal(code)` first. Unknown codes answer None, empty or False.
    """

    @property
    def metadata(self) -> Metadata: ...

    def normal(self, code: str) -> str | None:
        """The code as the system writes it (case, spaces), or None when there is no such code."""
        ...

    def concept(self, code: str) -> Concept | None: ...

    def parents(self, code: str) -> Sequence[str]: ...

    def children(self, code: str) -> Sequence[str]:
        """Direct children, in the system's order."""
        ...

    def roots(self) -> Sequence[str]: ...

    def codes(self) -> Iterator[str]:
        """Every code in the system's order, parents before children. Raises `TooLarge` when endless."""
        ...

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        """Whether `ancestor` is above `descendant` or the same."""
        ...

    def filter(self, name: str, op: str, value: str) -> Iterable[str]:
        """Codes that hold it, in the system's order; `name`: a property, `concept`, `code`, `display`, `parent` or `child`.

        `op`: =, is-a, descendent-of, is-not-a, regex, in, not-in, generalizes, exists, child-of, descendent-leaf.
        Raises `FilterRefused`.
        """
        ...

    def matches(self, code: str, name: str, op: str, value: str) -> bool:
        """Whether this one code holds it, without listing the others. Raises `FilterRefused`."""
        ...

    def search(self, text: str) -> Iterable[str]:
        """Codes whose code, display or a designation holds every word of `text` (case does not matter)."""
        ...


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a code is in a value set, for the validator.

    `why`: "" for yes; else `not-in-value-set`, `unknown-code`, `unknown-system`, `unknown-version`, `unknown-value-set`,
    `not-enumerable` (content not present, nobody to ask), `invalid-value-set`, `display-differs` (verdict yes), `inactive`
    (verdict yes), `external-failed`. `facts` never hold a patient's value but the addresses of system and value set.
    """

    verdict: Literal["yes", "no", "unknown"]
    why: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Fallback(Protocol):
    """Another terminology server. Parameters in, the answer out; `Unavailable` when it can not be asked now."""

    def ask(self, operation: str, parameters: Resource) -> Resource:
        """`operation`: `ValueSet/$validate-code`, `ValueSet/$expand`, `CodeSystem/$lookup` ... Raises `Unavailable`."""
        ...
