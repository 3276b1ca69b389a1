"""A timeline as inline SVG made on the server: lanes, bars, points, a line for today; classes only, no
inline style.

Points and bars differ in shape, planned things are hollow. A table with the same events in the same order
belongs beside it; long empty stretches are folded so that ten quiet years do not hide three busy weeks.
Undated marks are not drawn (the table has them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from markupsafe import Markup

_LABEL_WIDTH: Final = 150
_WIDTH: Final = 1040
_LANE_HEIGHT: Final = 38
_TOP: Final = 34
# A gap longer than this is drawn as if it were this long, and marked.
_FOLD_DAYS: Final = 240


@dataclass(frozen=True, slots=True)
class Mark:
    """One event. `start` and `end` are FHIR dates as written."""

    lane: str
    start: str
    end: str
    label: str
    is_planned: bool = False
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn: lanes with marks at least once, each mark with x positions."""

    lanes: tuple[tuple[str, str], ...]
    marks: tuple[tuple[Mark, float, float], ...]
    ticks: tuple[tuple[float, str], ...]
    folds: tuple[float, ...]
    today: float
    today_label: str

    @property
    def count(self) -> int:
        """How many events are drawn."""
        return len(self.marks)

    def svg(self, title: str) -> Markup:
        """The picture; its title is read by screen readers, the events are in the table."""
        height = _TOP + _LANE_HEIGHT * len(self.lanes) + 14
        parts = [
            Markup('<svg class="timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
                _WIDTH, height, title
            ),
            *self._rows(),
            *self._grid(height),
            *(self._mark(mark, left, right) for mark, left, right in self.marks),
            Markup("</svg>"),
        ]
        return Markup("").join(parts)

    def _rows(self) -> list[Markup]:
        rows = []
        for number, (_, label) in enumerate(self.lanes):
            top = _TOP + number * _LANE_HEIGHT
            css = "tl-lane-odd" if number % 2 else "tl-lane"
            rows.append(
                Markup(
                    '<rect class="{}" x="0" y="{}" width="{}" height="{}"/>'
                    '<text class="tl-label" x="8" y="{}">{}</text>'
                ).format(css, top, _WIDTH, _LANE_HEIGHT, top + 24, label)
            )
        return rows

    def _grid(self, height: int) -> list[Markup]:
        bottom = height - 14
        lines = [
            Markup(
                '<line class="tl-grid" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>'
                '<text class="tl-axis" x="{3:.1f}" y="20">{4}</text>'
            ).format(x, _TOP - 6, bottom, x + 4, label)
            for x, label in self.ticks
        ]
        lines += [
            Markup('<line class="tl-fold" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>').format(
                x, _TOP, bottom
            )
            for x in self.folds
        ]
        lines.append(
            Markup(
                '<line class="tl-today" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>'
                '<text class="tl-today-label" x="{3:.1f}" y="{4}" text-anchor="end">{5}</text>'
            ).format(self.today, _TOP - 6, bottom, self.today - 5, bottom + 11, self.today_label)
        )
        return lines

    def _mark(self, mark: Mark, left: float, right: float) -> Markup:
        row = [lane for lane, _ in self.lanes].index(mark.lane)
        middle = _TOP + row * _LANE_HEIGHT + _LANE_HEIGHT / 2
        title = Markup("<title>{}</title>").format(mark.label)
        if right - left >= 3:
            return Markup(
                '<rect class="tl-bar{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="14" rx="7">{}</rect>'
            ).format(" tl-open" if mark.is_running else "", left, middle - 7, max(right - left, 16), title)
        css = "tl-plan" if mark.is_planned else "tl-point"
        return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="7">{}</circle>').format(
            css, left, middle, title
        )


def drawing(
    marks: Sequence[Mark], lanes: Sequence[tuple[str, str]], today: date, today_label: str
) -> Drawing | None:
    """The drawing of all dated marks; None when there is none."""
    dated = [(mark, day_of(mark.start), day_of(mark.end)) for mark in marks]
    spans = [(mark, start, _end(mark, start, end, today)) for mark, start, end in dated if start is not None]
    if not spans:
        return None
    days = sorted({day for _, start, end in spans for day in (start, end)} | {today})
    places, folds = _places(days)
    return Drawing(
        tuple(lane for lane in lanes if any(mark.lane == lane[0] for mark, _, _ in spans)),
        tuple((mark, places[start], places[end]) for mark, start, end in spans),
        _ticks(days, places),
        folds,
        places[today],
        today_label,
    )


def day_of(text: str) -> date | None:
    """The day a FHIR date begins with; None when there is none."""
    padded = {4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text[:10])
    try:
        return date.fromisoformat(padded)
    except ValueError:
        return None


def _end(mark: Mark, start: date, end: date | None, today: date) -> date:
    if mark.is_running and (end is None or end > today):
        return max(start, today)
    return end if end is not None and end >= start else start


def _places(days: Sequence[date]) -> tuple[dict[date, float], tuple[float, ...]]:
    """x of every day that matters, with long gaps folded."""
    steps = [(after - before).days for before, after in pairwise(days)]
    drawn = [min(step, _FOLD_DAYS) for step in steps]
    total = max(sum(drawn), 1)
    width = _WIDTH - _LABEL_WIDTH - 40
    places, x = {days[0]: _LABEL_WIDTH + 14.0}, float(_LABEL_WIDTH + 14)
    folds = []
    for day, step, real in zip(days[1:], drawn, steps, strict=True):
        if real > _FOLD_DAYS:
            folds.append(x + width * step / total / 2)
        x += width * step / total
        places[day] = x
    return places, tuple(folds)


def _ticks(days: Sequence[date], places: dict[date, float]) -> tuple[tuple[float, str], ...]:
    """A label where a year (or, within two years, a quarter) begins, never closer than 56 units."""
    quarters = (days[-1] - days[0]).days <= 800
    ticks: list[tuple[float, str]] = []
    for first in _boundaries(days[0], days[-1], quarters):
        x = _between(first, days, places)
        if x <= _WIDTH - 70 and (not ticks or x - ticks[-1][0] >= 56):
            ticks.append((x, f"{first.month:02d}/{first.year}" if quarters else str(first.year)))
    return tuple(ticks)


def _boundaries(first: date, last: date, quarters: bool) -> list[date]:
    months = (1, 4, 7, 10) if quarters else (1,)
    found = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in months]
    return [day for day in found if first - timedelta(days=1) <= day <= last]


def _between(day: date, days: Sequence[date], places: dict[date, float]) -> float:
    before = max((known for known in days if known <= day), default=days[0])
    after = min((known for known in days if known >= day), default=days[-1])
    if before == after:
        return places[before]
    share = (day - before).days / (after - before).days
    return places[before] + share * (places[after] - places[before])
