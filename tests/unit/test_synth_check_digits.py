"""Check digits, held against a second implementation written from the same rules in another way, and known
numbers.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mihub.synth import check_digits

_DIGITS = st.text("0123456789", min_size=8, max_size=8)


def _luhn_like(digits: str, weights: str) -> int:
    total = 0
    for digit, weight in zip(digits, weights, strict=True):
        total += sum(int(char) for char in str(int(digit) * int(weight)))
    return total % 10


@given(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), _DIGITS)
def test_the_insurance_number_ends_in_the_digit_of_the_second_implementation(
    letter: str, digits: str
) -> None:
    number = check_digits.kvnr(letter, digits)
    expanded = str("ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter) + 1).zfill(2) + digits
    assert number == f"{letter}{digits}{_luhn_like(expanded, '1212121212')}"


def test_a_known_insurance_number_is_valid() -> None:
    assert check_digits.kvnr("A", "12345678") == "A123456780"


@given(st.text("0123456789", min_size=8, max_size=8))
def test_the_institution_code_ends_in_the_digit_of_the_second_implementation(first_eight: str) -> None:
    assert check_digits.iknr(first_eight)[-1] == str(_luhn_like(first_eight[2:], "212121"))


def test_a_known_institution_code_is_valid() -> None:
    assert check_digits.iknr("10951900") == "109519005"


@given(st.text("0123456789", min_size=6, max_size=6))
def test_the_physician_number_is_divisible_with_its_check_digit(first_six: str) -> None:
    number = check_digits.lanr(first_six, "01")
    weighted = sum(
        int(digit) * weight for digit, weight in zip(number[:7], (4, 9, 4, 9, 4, 9, 1), strict=True)
    )
    assert (len(number), number[-2:], weighted % 10) == (9, "01", 0)
