"""A cohort as a person builds it: groups of lines. Include: every group, in each at least one line.
Exclude: any group whose
lines all hold.

Values only; no form and no document here. Neighbours: `documents` (CCDL), `cohort_form` (the page's form).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, Literal

Kind = Literal["diagnosis", "procedure", "lab", "age", "sex", "consent"]
Side = Literal["in", "ex"]

KINDS: Final[tuple[Kind, ...]] = ("diagnosis", "procedure", "lab", "age", "sex", "consent")
NUMERIC: Final[frozenset[Kind]] = frozenset({"lab", "age"})
DATED: Final[frozenset[Kind]] = frozenset({"diagnosis", "procedure", "lab"})
COMPARISONS: Final = ("ge", "gt", "le", "lt", "eq", "between")
MOST_GROUPS: Final = 12
MOST_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One criterion. `codes` are alternatives; `comparison` is empty when no value is asked; `upper` only
    for between."""

    kind: Kind
    codes: tuple[str, ...] = ()
    comparison: str = ""
    value: Decimal | None = None
    upper: Decimal | None = None
    unit: str = ""
    after: date | None = None
    before: date | None = None


Groups = tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The whole definition; `title` is what the researcher calls it."""

    title: str = ""
    include: Groups = ()
    exclude: Groups = ()

    def groups(self, side: Side) -> Groups:
        """The groups of one side."""
        return self.include if side == "in" else self.exclude

    def with_groups(self, side: Side, groups: Groups) -> Cohort:
        """The cohort with one side replaced."""
        return replace(self, include=groups) if side == "in" else replace(self, exclude=groups)

    def with_line(self, side: Side, group: int, line: Line) -> Cohort:
        """One more line in a group; a group beyond the last is a new one. At the bounds nothing changes."""
        groups = self.groups(side)
        if group >= len(groups):
            return self.with_groups(side, (*groups, (line,))) if len(groups) < MOST_GROUPS else self
        if len(groups[group]) >= MOST_LINES:
            return self
        changed = (*groups[group], line)
        return self.with_groups(side, (*groups[:group], changed, *groups[group + 1 :]))

    def without_line(self, side: Side, group: int, place: int) -> Cohort:
        """One line less; a group without lines goes with it."""
        groups = list(self.groups(side))
        if group < len(groups):
            rest = tuple(line for at, line in enumerate(groups[group]) if at != place)
            groups[group : group + 1] = [rest] if rest else []
        return self.with_groups(side, tuple(groups))

    def with_code(self, side: Side, group: int, place: int, code: str) -> Cohort:
        """One more code in a line, with its usual unit where the line has none; a code stands once."""
        groups = self.groups(side)
        if group >= len(groups) or place >= len(groups[group]):
            return self
        line = groups[group][place]
        codes = line.codes if code in line.codes else (*line.codes, code)
        lines = tuple(
            replace(line, codes=codes) if at == place else each for at, each in enumerate(groups[group])
        )
        return self.with_groups(side, (*groups[:group], lines, *groups[group + 1 :]))
