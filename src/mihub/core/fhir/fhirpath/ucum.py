"""UCUM units as a factor and dimensions: enough of UCUM to compare and multiply what FHIR data measures.

Metric prefixes, products, quotients, powers, annotations and 10*n. A unit with an offset or a logarithm (Cel,
[degF], pH) and one that is not listed stands for itself only: comparable with itself and nothing else.
Source: https://ucum.org/ucum (tables 1 to 3, customary units). Above: `quantity`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

MAX_CODE_CHARACTERS: Final = 100

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times the base units with their powers, ordered by name."""

    factor: Decimal
    dimensions: Dimensions


_PREFIXES: Final = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
# Atom -> (factor, expression in units above it); these take prefixes. Cel has an offset and stands for itself.
_METRIC: Final = {
    "m": ("1", ""), "g": ("1", ""), "s": ("1", ""), "rad": ("1", ""), "K": ("1", ""), "C": ("1", ""),
    "cd": ("1", ""), "mol": ("6.02214076e23", "1"), "Hz": ("1", "/s"), "N": ("1000", "g.m/s2"),
    "Pa": ("1", "N/m2"), "J": ("1", "N.m"), "W": ("1", "J/s"), "A": ("1", "C/s"), "V": ("1", "J/C"),
    "F": ("1", "C/V"), "Ohm": ("1", "V/A"), "S": ("1", "A/V"), "Wb": ("1", "V.s"), "T": ("1", "Wb/m2"),
    "H": ("1", "Wb/A"), "lm": ("1", "cd"), "lx": ("1", "lm/m2"), "Bq": ("1", "/s"), "Gy": ("1", "J/kg"),
    "Sv": ("1", "J/kg"), "l": ("1", "dm3"), "L": ("1", "dm3"), "bar": ("100000", "Pa"), "t": ("1000", "kg"),
    "cal": ("4.184", "J"), "eq": ("1", "mol"), "osm": ("1", "mol"), "kat": ("1", "mol/s"),
    "U": ("1", "umol/min"), "Ci": ("3.7e10", "Bq"), "u": ("1.6605402e-24", "g"), "eV": ("1.60217733e-19", "J"),
    "m[Hg]": ("133322", "Pa"), "m[H2O]": ("9806.65", "Pa"), "[iU]": ("1", "[iU]!"), "[IU]": ("1", "[iU]!"),
}  # fmt: skip
_PLAIN: Final = {
    "min": ("60", "s"), "h": ("60", "min"), "d": ("24", "h"), "wk": ("7", "d"), "a": ("365.25", "d"),
    "a_j": ("365.25", "d"), "mo": ("30.4375", "d"), "mo_j": ("30.4375", "d"), "%": ("0.01", "1"),
    "deg": ("0.01745329251994329577", "rad"), "[pi]": ("3.14159265358979323846", "1"),
    "[ppth]": ("0.001", "1"), "[ppm]": ("0.000001", "1"), "[ppb]": ("1e-9", "1"),
    "[in_i]": ("2.54", "cm"), "[ft_i]": ("12", "[in_i]"), "[yd_i]": ("3", "[ft_i]"), "[mi_i]": ("5280", "[ft_i]"),
    "[lb_av]": ("453.59237", "g"), "[oz_av]": ("28.349523125", "g"), "[gr]": ("64.79891", "mg"),
    "[stone_av]": ("14", "[lb_av]"), "[gal_us]": ("3.785411784", "l"), "[qt_us]": ("0.946352946", "l"),
    "[pt_us]": ("0.473176473", "l"), "[foz_us]": ("29.5735295625", "ml"), "[cup_us]": ("236.5882365", "ml"),
    "[tbs_us]": ("14.78676478125", "ml"), "[tsp_us]": ("4.92892159375", "ml"), "[drp]": ("0.05", "ml"),
    "[psi]": ("6894.757293168", "Pa"), "atm": ("101325", "Pa"), "[Cal]": ("1000", "cal"), "[nmi_i]": ("1852", "m"),
    "[ch_us]": ("20.11684", "m"), "[arb'U]": ("1", "[arb'U]!"), "[CFU]": ("1", "[CFU]!"), "[pH]": ("1", "[pH]!"),
}  # fmt: skip
_TERM: Final = re.compile(
    r"(?P<operator>[./]?)(?:(?P<group>\()|(?P<power_of_ten>10[*^](?P<ten>[+-]?\d{1,3})?)"
    r"|(?P<number>\d+)(?![^./()\s{])|(?P<atom>(?:\[[^\]\s]*\]|[A-Za-z_%'*^])+?)(?P<exponent>[+-]?\d{1,2})?(?=[./){]|$))"
    r"(?P<note>\{[^}]*\})?"
)
_NOTE: Final = re.compile(r"\{[^}]*\}")


@lru_cache(maxsize=4096)
def unit(code: str) -> Unit:
    """The meaning of a UCUM code; a code this table does not know stands for itself."""
    meant = _parsed(_NOTE.sub("", code) or "1") if len(code) <= MAX_CODE_CHARACTERS else None
    return meant or Unit(Decimal(1), ((code, 1),))


def multiply(left: Unit, right: Unit, power: int = 1) -> Unit:
    """left · right^power."""
    dimensions = dict(left.dimensions)
    for name, exponent in right.dimensions:
        dimensions[name] = dimensions.get(name, 0) + exponent * power
    kept = tuple(sorted((name, exponent) for name, exponent in dimensions.items() if exponent))
    return Unit(left.factor * right.factor**power, kept)


def code_of(dimensions: Dimensions) -> str:
    """A UCUM code for these base units; `1` for none."""
    over = ".".join(f"{name}{_power(exponent)}" for name, exponent in dimensions if exponent > 0)
    under = "".join(f"/{name}{_power(-exponent)}" for name, exponent in dimensions if exponent < 0)
    return (over + under) or "1"


def _power(exponent: int) -> str:
    return "" if exponent == 1 else str(exponent)


def _parsed(code: str) -> Unit | None:
    found = Unit(Decimal(1), ())
    position = 0
    while position < len(code):
        match = _TERM.match(code, position)
        if (
            match is None
            or (position and not match["operator"])
            or (match["operator"] == "." and not position)
        ):
            return None
        term, position = _term(code, match)
        if term is None:
            return None
        found = multiply(found, term, -1 if match["operator"] == "/" else 1)
    return found


def _term(code: str, match: re.Match[str]) -> tuple[Unit | None, int]:
    if match["group"]:
        # UCUM codes of records nest once at most; a deeper one stands for itself.
        end = code.find(")", match.end())
        return (_parsed(code[match.end() : end]) if end > 0 else None), end + 1
    if match["power_of_ten"]:
        return Unit(Decimal(10) ** int(match["ten"] or 1), ()), match.end()
    if match["number"]:
        return Unit(Decimal(match["number"]), ()) if int(match["number"]) else None, match.end()
    atom, exponent = _atom(match["atom"]), int(match["exponent"] or 1)
    if atom is None or abs(exponent) > 20:
        return None, match.end()
    return multiply(Unit(Decimal(1), ()), atom, exponent), match.end()


@lru_cache(maxsize=1024)
def _atom(name: str) -> Unit | None:
    if name in _PLAIN:
        return _defined(name, *_PLAIN[name])
    if name in _METRIC:
        return _defined(name, *_METRIC[name])
    for length in (1, 2):
        prefix, rest = name[:length], name[length:]
        if prefix in _PREFIXES and rest in _METRIC:
            metric = _defined(rest, *_METRIC[rest])
            return Unit(metric.factor.scaleb(_PREFIXES[prefix]), metric.dimensions) if metric else None
    return None


def _defined(name: str, factor: str, expression: str) -> Unit | None:
    if expression == "" or expression.endswith("!"):
        return Unit(Decimal(factor), ((expression[:-1] or name, 1),))
    if expression == "1":
        return Unit(Decimal(factor), ())
    base = _parsed(expression)
    return Unit(Decimal(factor) * base.factor, base.dimensions) if base else None
