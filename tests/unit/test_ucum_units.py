"""UCUM: which codes are units, what they measure, and values from one to another."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources

import pytest

from mihub.core.fhir import ucum
from mihub.core.fhir.ucum import UcumError
from mihub.core.fhir.ucum.table import table

# What laboratories and wards of the core data set write.
LABORATORY = """
    mmol/L umol/L nmol/L pmol/L fmol/L mg/dL g/dL g/L ug/L ng/mL pg/mL ng/L ug/mL mg/L U/L kU/L m[IU]/L m[IU]/mL u[IU]/mL
    [IU]/mL [IU]/L k[IU]/L k[IU]/mL 10*9/L 10*12/L 10*6/L 10*3/uL 10*6/uL /uL /mL /[HPF] /[LPF] % {score} {ratio} {index}
    mL/min mL/min/{1.73_m2} mL/min/1.73.m2{} mm[Hg] kPa [pH] pg fL um mm cm m kg g kg/m2 m2 cm2 s min h d wk mo a /min
    {Beats}/min L/min mL/kg/h mL/d g/(24.h) mmol/(24.h) mosm/kg mmol/mol mg/g mg/mmol ug/mg Cel [degF] [in_i] [lb_av] Gy cGy
    mSv kBq MBq kcal kJ {INR} {titer} {TSI} {S_CO_Ratio} {#} {cells}/uL 10*3{copies}/mL [arb'U]/mL [CFU]/mL [EU]/mL
    ug{FEU}/mL mg{creat}/dL {rlu} {CAE'U} {AU} [GPL'U]/mL [MPL'U]/mL meq/L L mL uL dL/g mL/dL dB[SPL] Hz 1 [drp] [Ch]
    10*6.[IU] {Zahl} ug/min mg/h mmol/kg ug/kg/min J/L W/kg kg/{h} mm/h ms uV mV/mm [ppm] [ppb] kat/L nkat/L ukat/L
    dyn.s/cm5 dyn.s.cm-5 m/s cm/s L/s kPa/L/s Ohm {Pack}.a {PackYears} [diop] deg [hnsf'U] g% mg% cm[H2O] bar mbar
    """


@pytest.mark.parametrize("code", LABORATORY.split())
def test_what_laboratories_write_is_a_unit(code: str) -> None:
    assert ucum.is_valid(code) is None


@pytest.mark.parametrize(
    ("code", "place", "reason"),
    [
        ("", None, "The unit is empty. Write 1 for no unit."),
        ("mmHg", 1, "Here stands no unit of UCUM. UCUM writes mm[Hg]."),
        ("kg/IU", 4, "Here stands no unit of UCUM. UCUM writes [IU]."),
        ("IE/l", 1, "Here stands no unit of UCUM. UCUM writes [IU]."),
        ("MMOL/L", 1, "Here stands no unit of UCUM. Use a code of the UCUM table; letter case counts."),
        ("mL/MIN", 4, "Here stands no unit of UCUM. UCUM writes min."),
        ("µg/L", 1, "UCUM writes u here."),
        ("m²", 2, "UCUM writes 2 here."),
        ("mg / dL", 3, "A unit holds no spaces."),
        ("2mg", 2, "This cannot follow in a unit."),
        ("mg/", 4, "The unit ends too early."),
        ("(mg", 1, "A parenthesis is not closed."),
        ("mg)", 3, "This cannot follow in a unit."),
        ("m0", 2, "An exponent is between 1 and 99, or negative."),
        ("m1234", 2, "An exponent is between 1 and 99, or negative."),
        ("0.m", 1, "A factor of a unit cannot be zero."),
        ("{a b}", 1, "An annotation {...} holds printable ASCII without spaces and braces."),
        ("m{", 2, "An annotation {...} holds printable ASCII without spaces and braces."),
        ("kmin", 1, "Here stands no unit of UCUM. Use a code of the UCUM table; letter case counts."),
        ("(" * 11 + "m" + ")" * 11, 11, "Parentheses are nested deeper than 10."),
        ("m" * 201, None, "A unit has at most 200 characters."),
    ],
)
def test_what_is_no_unit_is_told_with_its_place(code: str, place: int | None, reason: str) -> None:
    assert ucum.is_valid(code) == reason
    with pytest.raises(UcumError) as refused:
        ucum.parse(code)
    assert refused.value.position == (None if place is None else place - 1)
    assert not code or len(code) < 3 or code not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        ("100", "mg/dL", "g/L", "1"), ("5.5", "mmol/L", "umol/mL", "5.5"), ("120", "mm[Hg]", "kPa", "15.99864"),
        ("37", "Cel", "[degF]", "98.6"), ("98.6", "[degF]", "Cel", "37"), ("0", "Cel", "K", "273.15"),
        ("-40", "Cel", "[degF]", "-40"), ("37000", "mCel", "Cel", "37"), ("20", "[degRe]", "Cel", "25"),
        ("7", "[pH]", "mol/L", "1E-7"), ("100", "nmol/L", "[pH]", "7"), ("20", "dB", "1", "100"), ("3", "B", "dB", "30"),
        ("2", "B[SPL]", "Pa", "0.0002"), ("8", "bit_s", "1", "256"), ("1", "[ft_i]", "m", "0.3048"),
        ("1", "[lb_av]", "g", "453.59237"), ("1", "wk", "h", "168"), ("1", "a", "d", "365.25"), ("12", "mo", "a", "1"),
        ("1", "[IU]/mL", "k[iU]/L", "1"), ("5", "%", "1", "0.05"), ("1", "10*9/L", "10*3/uL", "1"),
        ("1", "mol", "1", "602214076000000000000000"), ("60", "/min", "Hz", "1"), ("1", "KiBy", "By", "1024"),
        ("3", "[ft_i]", "[yd_i]", "1"), ("1", "[drp]", "mL", "0.05"),
        ("1", "U/L", "ukat/L", "0.01666666666666666666666666666666667"),
        ("1", "l", "L", "1"), ("90", "mL/min/{1.73_m2}", "mL/min", "90"), ("1", "[m/s2/Hz^(1/2)]", "m2/s3", "1"),
        ("45", "deg", "'", "2700"), ("7.0000", "g", "g", "7.0000"),
    ],
)  # fmt: skip
def test_values_are_converted_exactly(value: str, source: str, target: str, wanted: str) -> None:
    assert ucum.convert(Decimal(value), source, target) == Decimal(wanted)
    assert ucum.commensurable(source, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mg/dL", "mmol/L"), ("[IU]", "[arb'U]"), ("[IU]", "1"), ("Cel/min", "K/min"), ("J/Cel", "J/K"), ("g", "m"),
        ("[hp_X]", "[hp_C]"), ("Cel2", "K2"),
    ],
)  # fmt: skip
def test_units_of_two_kinds_are_not_converted(source: str, target: str) -> None:
    assert not ucum.commensurable(source, target)
    with pytest.raises(UcumError, match="The two units do not measure the same"):
        ucum.convert(Decimal(1), source, target)


@pytest.mark.parametrize("code", ["Cel/min", "J/Cel", "2.[pH]"])
def test_a_product_with_a_scale_stands_for_itself(code: str) -> None:
    assert ucum.is_valid(code) is None
    assert ucum.convert(Decimal("1.50"), code, code) == Decimal("1.50")
    with pytest.raises(UcumError, match="an offset or a logarithm cannot be part of a product"):
        ucum.canonical(Decimal(1), code)


def test_equal_amounts_have_one_canonical_form() -> None:
    assert ucum.canonical(Decimal(100), "mg/dL") == (Decimal(1000), "g/m3")
    assert ucum.canonical(Decimal(1), "g/L") == (Decimal(1000), "g/m3")
    assert ucum.canonical(Decimal(1), "mm[Hg]") == (Decimal("133322"), "g/m/s2")
    assert ucum.canonical(Decimal("36.6"), "Cel") == (Decimal("309.75"), "K")
    assert ucum.canonical(Decimal(3), "{score}") == (Decimal(3), "1")


@pytest.mark.parametrize(
    ("value", "source", "target", "reason"),
    [
        ("0", "mol/L", "[pH]", "An amount of zero or less has no logarithm"),
        ("1E+5", "[pH]", "mol/L", "The number is beyond what this scale measures"),
        ("1E+5000", "g", "mg", "A value beyond 10 to the power of 1000 cannot be converted"),
        ("NaN", "g", "mg", "A value beyond 10 to the power of 1000 cannot be converted"),
    ],
)
def test_what_a_scale_cannot_hold_is_refused(value: str, source: str, target: str, reason: str) -> None:
    with pytest.raises(UcumError, match=reason):
        ucum.convert(Decimal(value), source, target)


def test_every_unit_of_the_table_has_a_meaning() -> None:
    assert len(table().atoms) == 312
    assert len(table().prefixes) == 24
    for code in table().atoms:
        assert ucum.parse(code).factor > 0


def test_the_table_travels_with_its_notice() -> None:
    folder = resources.files("mihub.core.fhir.ucum").joinpath("third_party")
    assert "subject" in folder.joinpath("UCUM_short_license.txt").read_text(encoding="utf-8")
    assert table().version == "2.2 of 2024-06-17"
