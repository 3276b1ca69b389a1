"""How many MII resources per second one core validates against their profiles, beside parsing the same bytes.

The resources are the MII test data, the packages those beside it; without them the part says so. Cold numbers are taken in a
process of their own: from nothing to the first verdict, and to the last profile compiled.
"""

from __future__ import annotations

import os
import resource as process
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import orjson

ROUNDS: Final = 5


def run() -> dict[str, Any]:
    """Measure; `{"skipped": why}` where the data are not at hand."""
    data = _data()
    if data is None:
        return {"skipped": "needs the MII test data and packages (MIHUB_SHARED)"}
    with tempfile.TemporaryDirectory() as folder:
        shelf = Path(folder) / "packages.sqlite"
        from mihub.site.packages.shelf import Shelf

        begin = time.perf_counter()
        opened = Shelf.open(shelf)
        opened.add(data.parent / "packages")
        opened.close()
        loaded = time.perf_counter() - begin
        # A first process fills what the shelf keeps (snapshots it had to make); the second finds it.
        _cold(data, shelf)
        return {"load_packages_seconds": round(loaded, 2), **_cold(data, shelf)}


def _data() -> Path | None:
    shared = os.environ.get("MIHUB_SHARED")
    for place in (Path(shared) / "data" if shared else None, Path("..", "shared", "data")):
        if place is not None and (place / "mii-testdata").is_dir():
            return place.resolve()
    return None


def _cold(data: Path, shelf: Path) -> dict[str, Any]:
    """The measurements of a fresh process."""
    command = [sys.executable, "-m", "mihub.apps.bench.validate", str(data), str(shelf)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=600)  # noqa: S603  # ourselves
    result: dict[str, Any] = orjson.loads(done.stdout)
    return result


def measured(data: Path, shelf: Path, begun: float) -> dict[str, Any]:
    """In this process: ready, compile, then rounds over all resources; the best round counts."""
    from mihub.site.packages.shelf import Shelf
    from mihub.site.terminology.terminology import Terminology
    from mihub.site.validate.validator import ProfileValidator

    reading = time.perf_counter()
    bodies = _bodies(data)
    resources = [orjson.loads(body) for body in bodies]
    patient = next(one for one in resources if one["resourceType"] == "Patient" and "meta" in one)
    begun += time.perf_counter() - reading
    definitions = Shelf.open(shelf)
    validator = ProfileValidator(definitions, Terminology(definitions))
    validator.validate(patient)
    ready = time.perf_counter() - begun
    begin = time.process_time()
    findings = sum(len(validator.validate(one)) for one in resources)
    compiling = time.process_time() - begin
    validating = min(_seconds(lambda: [validator.validate(one) for one in resources]) for _ in range(ROUNDS))
    parsing = min(_seconds(lambda: [orjson.loads(body) for body in bodies]) for _ in range(ROUNDS))
    return {
        "resources": len(resources),
        "findings": findings,
        "resources_per_second": round(len(resources) / validating),
        "parse_resources_per_second": round(len(resources) / parsing),
        "ratio": round(validating / parsing, 1),
        "ready_seconds": round(ready, 2),
        "compile_seconds": round(compiling - validating, 2),
        "memory_mb": round(process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _bodies(data: Path) -> list[bytes]:
    """Each resource of the MII test data as its own text."""
    return [
        orjson.dumps(entry["resource"])
        for path in sorted((data / "mii-testdata" / "bundles").glob("*.json"))
        for entry in orjson.loads(path.read_bytes()).get("entry", ())
    ]


def _seconds(work: Any) -> float:
    """Processor seconds, so that other processes of the machine do not count."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    started = time.perf_counter()
    sys.stdout.buffer.write(orjson.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]), started)))
