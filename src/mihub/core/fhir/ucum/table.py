"""The published table of prefixes and units, read from the package on first use.

Keeps definitions as text; `meaning` works them out. Source: third_party/ucum.tsv, whose notice stands beside it.
Above: `grammar`, `meaning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Final

_FILE: Final = "third_party/ucum.tsv"


@dataclass(frozen=True, slots=True)
class Atom:
    """One unit of the table: `value` times `unit`, on the scale `function` where it is not a ratio.

    A base unit has no `unit`; an arbitrary one is commensurable with itself only.
    """

    code: str
    metric: bool
    arbitrary: bool
    function: str
    value: Fraction
    unit: str
    name: str
    property: str


@dataclass(frozen=True, slots=True)
class Table:
    """All atoms and prefixes by code. `by_folded_code`: what a code in the wrong letter case may have meant."""

    version: str
    atoms: Mapping[str, Atom]
    prefixes: Mapping[str, Fraction]
    by_folded_code: Mapping[str, str]

    def split(self, symbol: str) -> tuple[str, str] | None:
        """Prefix (or empty) and atom of a symbol; None for one that the table does not give."""
        if symbol in self.atoms:
            return "", symbol
        for length in (2, 1):
            prefix, rest = symbol[:length], symbol[length:]
            if prefix in self.prefixes and rest in self.atoms and self.atoms[rest].metric:
                return prefix, rest
        return None


@cache
def table() -> Table:
    """The packaged table."""
    text = resources.files("mihub.core.fhir.ucum").joinpath(_FILE).read_text(encoding="utf-8")
    first, *lines = text.splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    prefixes = {code: Fraction(value) for kind, code, _, _, _, value, *_ in rows if kind == "prefix"}
    atoms = {row[1]: _atom(row) for row in rows if row[0] != "prefix"}
    folded = {code.casefold(): code for code in reversed(atoms)}
    return Table(first.split("version ")[1].split(",")[0], atoms, prefixes, folded)


def _atom(row: list[str]) -> Atom:
    _, code, metric, arbitrary, function, value, unit, name, measured = row
    return Atom(
        code, metric == "yes", arbitrary == "yes", function, Fraction(value or 1), unit, name, measured
    )
