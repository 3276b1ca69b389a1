"""One person's chances, reproducible from the region's seed and the person's number.

Never share a `Dice` between people: a person must come out the same whether alone or among 100,000.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from one stream that depends only on the words it was made of."""

    def __init__(self, *words: object) -> None:
        # A text seed is hashed by SHA-512 inside `random`, the same on every platform and version.
        self._random = random.Random(":".join(str(word) for word in words))  # noqa: S311  (reproducible, not secret)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all alike."""
        return options[int(self._random.random() * len(options))]

    def weighted(self, weights: Mapping[str, float]) -> str:
        """One key, in proportion to its weight; the order of the mapping is part of the result."""
        point = self._random.random() * sum(weights.values())
        for key, weight in weights.items():
            point -= weight
            if point < 0:
                return key
        return next(reversed(list(weights)))

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self._random.random() * (high - low + 1))

    def bell(self, mean: float, spread: float, low: float, high: float) -> float:
        """A normal draw, cut to the limits."""
        return min(high, max(low, self._random.gauss(mean, spread)))

    def waiting_days(self, mean_days: float) -> int:
        """Days until an event of constant hazard, at least one."""
        return max(1, round(self._random.expovariate(1 / mean_days)))

    def day(self, first: date, last: date) -> date:
        """A day in between, both ends included; `first` when the span is empty."""
        return first + timedelta(days=self.whole(0, max(0, (last - first).days)))

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Up to `count` different options, in the order of the list."""
        chosen = sorted(self._random.sample(range(len(options)), min(count, len(options))))
        return [options[position] for position in chosen]
