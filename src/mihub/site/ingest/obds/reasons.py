"""The sentences about reports in the account: refused, left out, older, not mapped. Never a value of a
report.

Above: `reader`, `meldung`. Below: `rules` (violations).
"""

from __future__ import annotations

from typing import Final

from mihub.site.ingest.obds.rules import Violation
from mihub.site.ingest.report import Reason

_RULE: Final = "oBDS 3.0 schema"
_NEXT: Final = "Correct the report in the tumour documentation and export it again."
# A report with very many violations is not a list of typing errors; the first ones tell enough.
REASONS_PER_REPORT: Final = 5


def refused(file: str, line: int, what: str) -> Reason:
    """Why a report or a patient's reports are not loaded."""
    return Reason(file, what, _RULE, _NEXT, line=line)


def violated(file: str, found: Violation) -> Reason:
    """A violation as a reason."""
    return refused(file, found.line, f"{found.path} {found.what}.")


def left_out(file: str, found: Violation) -> Reason:
    """A violation that costs only one part of a report."""
    return _note(file, found.line, f"{found.path} {found.what}; this part is left out, the rest is loaded.")


def replaced(file: str, line: int) -> Reason:
    """A report that changes nothing."""
    return _note(file, line, "A later version of this report is loaded already; this one changes nothing.")


def not_mapped(file: str, line: int, element: str) -> Reason:
    """An element that the core data set has no place for."""
    return _note(file, line, f"{element} has no home in the MII oncology module and is left out.")


def _note(file: str, line: int, what: str) -> Reason:
    return Reason(file, what, _RULE, "Nothing to do, or correct the report and export it again.", line=line)
