"""Shares over time as inline SVG made on the server: one line a series, days evenly spaced; classes only, no inline style.

A table with the same numbers belongs beside it. Series differ in dash and marker, never in colour alone. Above: `quality`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

MOST_SERIES: Final = 5
_WIDTH, _HEIGHT = 1040, 320
_LEFT, _RIGHT, _TOP = 56, 20, 16
_LEGEND_ROW = 24
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name and one share in percent for each day, None where there was nothing."""

    name: str
    percents: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """`labels`: one for each day, as people read it."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]

    def svg(self, title: str) -> Markup:
        """The picture; its title is read by screen readers, the numbers are in the table."""
        height = _HEIGHT + _LEGEND_ROW * len(self.series)
        parts = [
            Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
                _WIDTH, height, title
            ),
            *self._grid(),
            *self._days(),
        ]
        for number, one in enumerate(self.series):
            parts += self._line(number, one)
            parts += self._legend(number, one)
        return Markup("").join([*parts, Markup("</svg>")])

    @property
    def lowest(self) -> int:
        """Where the scale begins: at a ten below the smallest share, so that small differences can be seen."""
        seen = [percent for one in self.series for percent in one.percents if percent is not None]
        return max(0, min(90, int(min(seen, default=0) // 10) * 10))

    def _x(self, position: int) -> float:
        steps = max(1, len(self.labels) - 1)
        middle = (_WIDTH - _LEFT - _RIGHT) / 2 if len(self.labels) == 1 else 0
        return _LEFT + middle + position * (_WIDTH - _LEFT - _RIGHT) / steps

    def _y(self, percent: float) -> float:
        bottom = _HEIGHT - 40
        return bottom - (percent - self.lowest) / (100 - self.lowest) * (bottom - _TOP)

    def _grid(self) -> list[Markup]:
        step = (100 - self.lowest) / _TICKS
        levels = [self.lowest + step * number for number in range(_TICKS + 1)]
        return [
            Markup(
                '<line class="chart-grid" x1="{}" y1="{y:.1f}" x2="{}" y2="{y:.1f}"/>'
                '<text class="chart-axis" x="{}" y="{:.1f}" text-anchor="end">{}&#8239;%</text>'
            ).format(
                _LEFT,
                _WIDTH - _RIGHT,
                _LEFT - 8,
                self._y(level) + 5,
                f"{level:g}".replace(".", ","),
                y=self._y(level),
            )
            for level in levels
        ]

    def _days(self) -> list[Markup]:
        every = max(1, -(-len(self.labels) // 8))
        return [
            Markup('<text class="chart-axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                min(self._x(position), _WIDTH - 40), _HEIGHT - 14, label
            )
            for position, label in enumerate(self.labels)
            if position % every == 0
        ]

    def _line(self, number: int, one: Series) -> list[Markup]:
        points = [(self._x(at), self._y(value)) for at, value in enumerate(one.percents) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn = [Markup('<polyline class="chart-line chart-{}" points="{}"/>').format(number, path)]
        return [*drawn, *(_marker(number, x, y) for x, y in points)]

    def _legend(self, number: int, one: Series) -> list[Markup]:
        y = _HEIGHT + _LEGEND_ROW * number + 8
        return [
            Markup('<line class="chart-line chart-{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
                number, _LEFT, y, _LEFT + 48, y
            ),
            _marker(number, _LEFT + 24, y),
            Markup('<text class="chart-name" x="{}" y="{}">{}</text>').format(_LEFT + 60, y + 5, one.name),
        ]


def _marker(number: int, x: float, y: float) -> Markup:
    """A circle, square, triangle, diamond or cross, so that lines can be told apart without colour."""
    shapes: Sequence[str] = (
        "M -5 0 a 5 5 0 1 0 10 0 a 5 5 0 1 0 -10 0 z",
        "M -5 -5 h 10 v 10 h -10 z",
        "M 0 -6 L 6 5 H -6 z",
        "M 0 -7 L 7 0 L 0 7 L -7 0 z",
        "M -5 -2 h 3 v -3 h 4 v 3 h 3 v 4 h -3 v 3 h -4 v -3 h -3 z",
    )
    return Markup(
        '<path class="chart-mark chart-mark-{}" transform="translate({:.1f} {:.1f})" d="{}"/>'
    ).format(number, x, y, shapes[number % len(shapes)])
