"""What validation asks of terminology: is this code in that value set, is it in its system, does its display fit?

The site's terminology answers (`site.terminology.terminology.Terminology`); `packaged` answers from the definitions alone.
`unknown` is an answer: it becomes a warning that says what to load, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Verdict = Literal["yes", "no", "unknown"]


class Answer(Protocol):
    """What `member` says: `why` is a rule word, `facts` fill its sentence."""

    @property
    def verdict(self) -> Verdict: ...

    @property
    def why(self) -> str: ...

    @property
    def facts(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Said:
    """The plainest `Answer`."""

    verdict: Verdict
    why: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Codes(Protocol):
    """The part of a terminology that a validator needs. Safe from any thread."""

    def member(
        self, value_set: str, system: str, code: str, *, version: str = "", display: str = ""
    ) -> Answer:
        """Whether the value set (a canonical, perhaps with `|version`) holds the code. `system` "" for a bare code."""
        ...

    def in_system(self, system: str, code: str, *, version: str = "", display: str = "") -> Answer:
        """Whether a code is in its code system. `why` of a yes may be `display-differs` or `inactive`."""
        ...

    def codes_of(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """All codes of a small value set as (system, code); None when it is large, unknown, or not listable."""
        ...
