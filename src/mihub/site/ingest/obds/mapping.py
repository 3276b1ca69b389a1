"""Which file maps which kind of report, and how a report element gets its number.

Above: `reader`. Below: one file per kind of report.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mihub.site.ingest.obds.board import add_board
from mihub.site.ingest.obds.course import add_course
from mihub.site.ingest.obds.death import add_death
from mihub.site.ingest.obds.diagnosis import add_diagnosis
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.operation import add_operation
from mihub.site.ingest.obds.pathology import add_pathology
from mihub.site.ingest.obds.radiotherapy import add_radiotherapy
from mihub.site.ingest.obds.report import Report
from mihub.site.ingest.obds.systemic import add_systemic_therapy

# Report element -> its own id attribute (a diagnosis has none: there is one for each tumour), and what maps
# it.
_KINDS: Final[dict[str, tuple[str, Callable[[Report], None]]]] = {
    "Diagnose": ("", add_diagnosis),
    "Pathologie": ("Befund_ID", add_pathology),
    "OP": ("OP_ID", add_operation),
    "ST": ("ST_ID", add_radiotherapy),
    "SYST": ("SYST_ID", add_systemic_therapy),
    "Verlauf": ("Verlauf_ID", add_course),
    "Tod": ("Abschluss_ID", add_death),
    "Tumorkonferenz": ("Tumorkonferenz_ID", add_board),
}
REPORTS: Final = frozenset(_KINDS)
# One death for each tumour, whatever number it has.
_ONE_PER_TUMOUR: Final = frozenset({"Diagnose", "Tod"})


def report_number(node: Node, meldung: str, position: int) -> str:
    """What tells this report from others of its kind: its own id, else the Meldung's and the place in it."""
    if node.name in _ONE_PER_TUMOUR:
        return ""
    return node.attribute(_KINDS[node.name][0]) or f"{meldung}#{position}"


def map_report(report: Report) -> None:
    """Fill `report.resources`."""
    _KINDS[report.node.name][1](report)
