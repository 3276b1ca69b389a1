"""Check digits of German identifiers: insurance number, institution code, physician number.

Sources: KVNR § 290 SGB V, guideline of the GKV-Spitzenverband (letter as two digits, weights 1 and 2, cross
sums, mod 10); IKNR: ARGE-IK (digits 3 to 8, weights 2 and 1, cross sums, mod 10); LANR: KBV (weights 4 and
9, ten's complement).
"""

from __future__ import annotations


def _cross_sum(number: int) -> int:
    return number // 10 + number % 10


def kvnr(letter: str, digits: str) -> str:
    """The ten characters of an insurance number from its letter and its eight digits."""
    numbers = [int(char) for char in f"{ord(letter) - 64:02d}{digits}"]
    total = sum(_cross_sum(number * (1 + place % 2)) for place, number in enumerate(numbers))
    return f"{letter}{digits}{total % 10}"


def iknr(first_eight: str) -> str:
    """The nine digits of an institution code; digits 1 and 2 (kind of institution) do not count."""
    total = sum(_cross_sum(int(char) * (2 - place % 2)) for place, char in enumerate(first_eight[2:]))
    return f"{first_eight}{total % 10}"


def lanr(first_six: str, specialty: str) -> str:
    """The nine digits of a physician number: six, check digit, two for the specialty."""
    total = sum(int(char) * (4 if place % 2 == 0 else 9) for place, char in enumerate(first_six))
    return f"{first_six}{(10 - total % 10) % 10}{specialty}"
