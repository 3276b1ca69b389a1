"""`mihub synth`: write the synthetic region and say what was written. Below: `mihub.synth`."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

from mihub.apps import console
from mihub.errors import InvalidInput
from mihub.synth.region import write_region


def write(out: Path, *, people: int, seed: int, today: date, as_json: bool) -> None:
    """Refuses a folder that holds something already, so that no older region is mixed in."""
    if out.exists() and any(out.iterdir()):
        raise InvalidInput(
            f"The folder {out} is not empty.",
            rule="synth writes into a new folder",
            next_step="Name another folder.",
        )
    started = time.perf_counter()
    with console.progress("People", quiet=as_json) as step:
        summary = write_region(out, seed=seed, people=people, today=today, progress=step)
    seconds = time.perf_counter() - started
    if as_json:
        console.json_line(
            {
                "people": summary.people,
                "resources": summary.total_resources,
                "reports": sum(summary.reports.values()),
                "size_bytes": summary.size_bytes,
                "seconds": round(seconds, 2),
            }
        )
        return
    console.out.print(
        f"{summary.people} people, {summary.total_resources} FHIR resources, {sum(summary.reports.values())} oBDS reports "
        f"in {seconds:.1f} s. Next: mihub site import --site DIR {out}/chemnitz"
    )
