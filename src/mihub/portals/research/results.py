"""What a question's answers add up to, said honestly: a range, because suppressed counts are unknown.

A suppressed count lies between 0 and the site's limit less one; a site that has not answered is not in the
sum. The CSV holds exactly what the page shows. Source: `core.disclosure.cells`. Above: the question's page.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mihub.portals.research.asker import QuestionStatus, SiteStatus

_BELOW: Final = re.compile(r"<\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Sum:
    """At least `low` and at most `high` records match at the sites that gave a count or said "fewer than"."""

    low: int
    high: int
    counted: int
    suppressed: int
    without: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing was suppressed."""
        return self.low == self.high


def add_up(sites: tuple[SiteStatus, ...]) -> Sum:
    """The sum over all sites; zero to zero when none has answered."""
    counts = [site.count for site in sites if site.count is not None and not site.suppressed]
    limits = [below(site) for site in sites if is_suppressed(site)]
    return Sum(
        low=sum(counts),
        high=sum(counts) + sum(limit - 1 for limit in limits),
        counted=len(counts),
        suppressed=len(limits),
        without=len(sites) - len(counts) - len(limits),
    )


def is_suppressed(site: SiteStatus) -> bool:
    """Answered with "fewer than" instead of a number."""
    return site.state == "answered" and site.suppressed and bool(_BELOW.fullmatch(site.shown))


def below(site: SiteStatus) -> int:
    """The limit a suppressed answer names: 10 for "<10"."""
    match = _BELOW.fullmatch(site.shown)
    return int(match[1]) if match else 1


def shown(site: SiteStatus) -> str:
    """What a person reads for a site; a dash where there is no count."""
    return site.shown or "–"


def to_csv(question: QuestionStatus, columns: tuple[str, str, str, str], states: Mapping[str, str]) -> str:
    """The table as CSV (semicolon, byte order mark for spreadsheets). `columns`: site, count, state,
    milliseconds."""
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    for site in question.sites:
        duration = str(site.duration_ms) if site.state == "answered" else ""
        writer.writerow([_harmless(cell) for cell in (site.name, shown(site), states[site.state], duration)])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
