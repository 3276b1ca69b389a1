"""How alike two filters are: the Dice coefficient of their set bits, on Python's whole numbers.

Below: nothing. Above: `score`, `solve`.
"""

from __future__ import annotations


def dice(one: int, other: int) -> float:
    """2 |A ∩ B| / (|A| + |B|), between 0 and 1; 0 for two empty filters."""
    total = one.bit_count() + other.bit_count()
    return 2.0 * (one & other).bit_count() / total if total else 0.0
