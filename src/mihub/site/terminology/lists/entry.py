"""What a publisher's file says, read but not yet kept: one entry per concept, a head per list, and what was odd on the way.

The middle form between the parsers (`claml`, `rf2`, `loinc` ...) and `loading`. No file, no database here. Entries stream: a
parser never holds a whole large list. Above: `loading`. Source of the uses: https://hl7.org/fhir/R4/codesystem.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

# What a wording is to its concept; the number is how it is kept. 0 is the display.
USES: Final = ("display", "preferred", "synonym", "fully-specified", "short", "long", "inclusion")
# Found by a search, never offered as a designation.
HIDDEN_USES: Final = frozenset({"inclusion"})
MAX_EXAMPLES = 5

Kind = Literal["codes", "synonyms", "definitions"]


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say a concept. `use`: one of `USES`; `language`: BCP-47, "" means the language of the list."""

    text: str
    use: str = "synonym"
    language: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept as its publisher wrote it.

    `parents`: codes of the same list. `leads_to`: codes of another list for which this entry is one more name
    (Alpha-ID to ICD-10-GM). `place`: "file, line 12", for the account.
    """

    code: str
    display: str
    parents: tuple[str, ...] = ()
    wordings: tuple[Wording, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    definition: str = ""
    leads_to: tuple[str, ...] = ()
    abstract: bool = False
    inactive: bool = False
    status: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class PropertyKind:
    """A property that entries of a list may carry. `type`: code, string, boolean or integer."""

    code: str
    type: str = "string"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a list beside its concepts.

    `key`: the system's short name in `systems`, "" for a site's own. `kind`: `synonyms` lead to another list's codes and are
    no code system, `definitions` belong to a package and are only searched.
    """

    url: str
    version: str
    title: str
    key: str = ""
    language: str = "de"
    notice: str = ""
    publisher: str = ""
    kind: Kind = "codes"
    hierarchy: str = "is-a"
    case_sensitive: bool = True
    # The system whose codes the entries lead to, "" when none.
    leads_to: str = ""
    # Names of the files, for the account; never a folder.
    files: str = ""
    properties: tuple[PropertyKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of oddity: how often, and where first. The entries it befell were left out or mended as `what` says."""

    what: str
    count: int
    examples: tuple[str, ...]


@dataclass(slots=True)
class Problems:
    """Collects oddities while a list streams. Holds a handful of places per kind, whatever the size of the list."""

    _found: dict[str, list[str]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, place: str, times: int = 1) -> None:
        """One more of a kind. `place` names file, line or code."""
        self._counts[what] = self._counts.get(what, 0) + times
        kept = self._found.setdefault(what, [])
        if len(kept) < MAX_EXAMPLES and place:
            kept.append(place)

    def all(self) -> tuple[Problem, ...]:
        """In the order in which they first appeared."""
        return tuple(Problem(what, count, tuple(self._found[what])) for what, count in self._counts.items())


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list, ready to be kept: its head, its entries (read once, lazily) and where oddities are noted meanwhile."""

    head: Head
    entries: Iterator[Entry]
    problems: Problems
