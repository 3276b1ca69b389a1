"""How fast a site knows what it was given: R4 core from the wheel, a shelf of packages, membership of a code.

Start-ups are taken in processes of their own, the best of three. The packages are those beside the shared data; without them
only R4 core is measured. Ceiling of a start: an interpreter that imports the JSON reader and nothing of ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

_HL7: Final = "http://hl7.org/fhir/"
_CEILING: Final = "import time; b = time.perf_counter(); import orjson; print(time.perf_counter() - b)"
_CORE: Final = f"""
import time; begin = time.perf_counter()
from mihub.core.fhir.definitions.core import core_definitions
known = core_definitions()
assert known.structure("{_HL7}StructureDefinition/Observation") and known.find("{_HL7}ValueSet/observation-status")
assert known.find("{_HL7}observation-status", "CodeSystem") and known.find("{_HL7}SearchParameter/clinical-code")
print(time.perf_counter() - begin)
"""
_SHELF: Final = """
import sys, time; begin = time.perf_counter()
from pathlib import Path
from mihub.site.packages.shelf import Shelf
shelf = Shelf.open(Path(sys.argv[1]))
assert shelf.find("http://fhir.de/StructureDefinition/identifier-kvid-10")
print(time.perf_counter() - begin)
"""
_LOOKUPS: Final = 100_000


def run() -> dict[str, Any]:
    """Seconds of a start, seconds of a load, and memberships per second."""
    result = {
        "core_ready_seconds": _best(_CORE),
        "ceiling_seconds": _best(_CEILING),
        "memberships_per_second": _memberships(),
    }
    packages = Path(os.environ.get("MIHUB_SHARED", "../shared")) / "packages"
    if not packages.is_dir():
        return result | {"skipped": "packages need the shared data (MIHUB_SHARED)"}
    with tempfile.TemporaryDirectory() as folder:
        return result | _shelf(packages, Path(folder) / "packages.sqlite")


def _shelf(packages: Path, file: Path) -> dict[str, Any]:
    from mihub.site.packages.shelf import Shelf

    shelf = Shelf.open(file)
    begin = time.perf_counter()
    shelf.add(packages)
    loaded = time.perf_counter() - begin
    known = sum(1 for kind in ("StructureDefinition", "ValueSet", "CodeSystem") for _ in shelf.all(kind))
    shelf.close()
    return {
        "load_packages_seconds": round(loaded, 2),
        "definitions": known,
        "shelf_ready_seconds": _best(_SHELF, str(file)),
        "file_mb": round(file.stat().st_size / 1e6, 1),
    }


def _best(program: str, *arguments: str) -> float:
    command = [sys.executable, "-c", program, *arguments]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(3)]  # noqa: S603  # ours
    return round(min(float(one.stdout) for one in runs), 3)


def _memberships() -> int:
    from mihub.core.fhir.definitions.core import core_definitions
    from mihub.site.terminology.terminology import Terminology

    site = Terminology(core_definitions())
    begin = time.perf_counter()
    for _ in range(_LOOKUPS):
        site.member(f"{_HL7}ValueSet/administrative-gender", f"{_HL7}administrative-gender", "male")
    return round(_LOOKUPS / (time.perf_counter() - begin))
