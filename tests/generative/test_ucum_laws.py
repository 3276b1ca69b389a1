"""UCUM's algebra, and a second opinion: ucumvert (MIT), which reads the same published table by another grammar.

ucumvert is not installed with the project; without it the laws alone are checked.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mihub.core.fhir import ucum
from mihub.core.fhir.ucum import UcumError
from mihub.core.fhir.ucum.conversion import from_base, in_base
from mihub.core.fhir.ucum.grammar import Annotation, Factor, Group, Symbol, Term, read, written
from mihub.core.fhir.ucum.table import table

# Where ucumvert (0.3.2 with pint 0.25.3) and we differ. We give what the published table says in every case.
_MOLE = "pint keeps the mole as a base; UCUM's mole is the number 6.02214076·10²³"
_GAUSS = "pint gives the Gaussian system's dimensions; the table defines it by Wb and A"
_BRITISH = "ucumvert maps it to a unit of pint of like name; the table derives it from [in_br] = 2.539998 cm"
_OWN = "pint's own, newer or rounder value; the table's differs in the digits"
_MISREAD = "ucumvert maps it to another unit of pint: a prefix or a like name"
JUDGED = {
    "mol": _MOLE, "eq": _MOLE, "osm": _MOLE, "kat": _MOLE, "U": _MOLE, "Mx": _GAUSS, "G": _GAUSS, "Oe": _GAUSS,
    **dict.fromkeys(["[in_br]", "[ft_br]", "[rd_br]", "[ch_br]", "[lk_br]", "[fth_br]", "[pc_br]", "[yd_br]", "[mi_br]",
                     "[nmi_br]", "[kn_br]", "[acr_br]"], _BRITISH),
    **dict.fromkeys(["[didot]", "[cicero]", "cal_[15]", "[Btu]", "m[Hg]", "[in_i'H2O]", "[in_i'Hg]", "[PRU]", "[wood'U]"],
                    _OWN),
    **dict.fromkeys(["'", "''", "[cft_i]", "[cyd_i]", "[Cal]", "g%", "[LPF]"], _MISREAD),
}  # fmt: skip
METRIC = sorted(code for code, atom in table().atoms.items() if atom.metric)
ATOMS = sorted(table().atoms)
EXPONENTS = st.sampled_from([1, 1, 1, 2, 3, -1, -2, 9])
NOTES = st.sampled_from(["", "", "", "{a}", "{1.73_m2}"])
SYMBOLS = st.one_of(
    st.builds(Symbol, st.just(""), st.sampled_from(ATOMS), EXPONENTS, NOTES),
    st.builds(Symbol, st.sampled_from(sorted(table().prefixes)), st.sampled_from(METRIC), EXPONENTS, NOTES),
)


def terms(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Term]:
    parts = st.tuples(st.sampled_from(["/", "."]), inner)
    return st.lists(parts, min_size=1, max_size=3).map(lambda found: Term(tuple(found)))


LEAVES = st.one_of(
    SYMBOLS, st.builds(Factor, st.integers(1, 999), NOTES), st.builds(Annotation, st.just("{x}"))
)
TERMS = terms(st.recursive(LEAVES, lambda inner: st.builds(Group, terms(inner), NOTES), max_leaves=4))
RATIOS = st.sampled_from(
    ["g", "mg", "kg", "[lb_av]", "L", "dL", "[foz_us]", "m", "mm[Hg]", "kPa", "U/L", "kat/L", "10*9/L", "/uL", "Cel", "K",
     "[degF]", "[degRe]", "%", "mol", "wk", "min", "a", "mg/dL", "g/L", "J", "kcal", "m[IU]/mL", "[IU]/L"]
)  # fmt: skip
VALUES = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6)


@settings(max_examples=300, deadline=None)
@given(TERMS)
def test_what_is_written_is_read_again(term: Term) -> None:
    code = written(term)
    assume(len(code) <= 200)
    # An exponent of a symbol that ends in 10* or 10^ is written like any other.
    assert read(code) == term


@settings(max_examples=300, deadline=None)
@given(VALUES, RATIOS, RATIOS)
def test_there_and_back_again_is_exact(value: Decimal, one: str, other: str) -> None:
    source, target = ucum.parse(one), ucum.parse(other)
    assume(source.dimensions == target.dimensions)
    there = from_base(in_base(value, source), target)
    back = from_base(there * target.factor if not target.function else in_base_of(there, other), source)
    assert back == Fraction(value)


def in_base_of(number: Fraction, code: str) -> Fraction:
    """As `in_base`, for a number that no decimal writes."""
    unit = ucum.parse(code)
    zero = in_base(Decimal(0), unit)
    return zero + number * (in_base(Decimal(1), unit) - zero)


@settings(max_examples=50, deadline=None)
@given(TERMS, TERMS)
def test_a_product_has_the_factors_and_powers_of_both(one: Term, other: Term) -> None:
    codes = written(one), written(other)
    assume(all(len(code) <= 90 for code in codes))
    left, right = (ucum.parse(f"({code})") for code in codes)
    product = ucum.parse(f"({codes[0]}).({codes[1]})")
    quotient = ucum.parse(f"({codes[0]})/({codes[1]})")
    assert product.factor == left.factor * right.factor
    assert quotient.factor == left.factor / right.factor
    assert ucum.multiply(quotient, right).dimensions == left.dimensions


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("mgdulkL10*^./(){}[]-+2s'% µ"), max_size=25))
def test_any_text_is_a_unit_or_refused_in_our_words(code: str) -> None:
    reason = ucum.is_valid(code)
    if reason is None:
        assert ucum.parse(code).factor > 0
    else:
        with pytest.raises(UcumError) as refused:
            ucum.parse(code)
        assert reason.startswith(refused.value.what)


@pytest.fixture(scope="module")
def registry() -> Any:
    module = pytest.importorskip("ucumvert", reason="the second opinion ucumvert is not installed")
    return module.PintUcumRegistry()


def test_every_ratio_has_the_value_that_ucumvert_gives_it(registry: Any) -> None:
    differ = set()
    for code, atom in table().atoms.items():
        unit = ucum.parse(code)
        if unit.ratio and not atom.arbitrary:
            # pint's base unit of mass is the kilogram.
            ours = float(unit.factor / Fraction(1000) ** dict(unit.dimensions).get("g", 0))
            if abs(registry.from_ucum(code).to_base_units().magnitude - ours) > 1e-6 * ours:
                differ.add(code)
    assert differ == set(JUDGED)
