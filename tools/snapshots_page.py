"""Write docs/reference/snapshots.md from the packages of other people. Usage: snapshots_page.py FOLDER-OF-PACKAGES."""

from __future__ import annotations

import sys
from pathlib import Path

from mihub.apps.conformance.snapshots.run import cases
from mihub.apps.conformance.snapshots.table import page

_PAGE = Path(__file__).parents[1] / "docs/reference/snapshots.md"

if __name__ == "__main__":
    _PAGE.write_text(page(list(cases(Path(sys.argv[1])))), encoding="utf-8")
