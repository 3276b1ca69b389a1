"""Which parts there are, and running those that are named. Each part is a file beside this one. Above: the command line."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import orjson

from mihub.apps import console
from mihub.apps.bench.measure import machine
from mihub.errors import NotSupported

_REGION: Final = ("import", "demo", "page", "count")
_ALONE: Final = ("fhirpath", "views", "validate", "codes", "packages", "store")
PARTS: Final = ("synth", *_REGION, *_ALONE)


def run(wanted: Sequence[str], *, people: int, resources: int, as_json: bool) -> None:
    """All parts, or those named."""
    for part in wanted:
        if part not in PARTS:
            raise NotSupported(
                f"There is no part {part!r}.",
                rule=f"one of {', '.join(PARTS)}",
                next_step="Name one or more, or none for all.",
            )
    result = {"machine": machine(), "date": date.today().isoformat(), "people": people}
    result |= _measured(wanted or PARTS, people, resources)
    if as_json:
        console.json_line(result)
        return
    console.out.print_json(orjson.dumps(result).decode())


def _measured(wanted: Sequence[str], people: int, resources: int) -> dict[str, Any]:
    # A part is imported when it is run: measuring one must not carry the weight of the others.
    result: dict[str, Any] = {}
    for part in _ALONE:
        if part in wanted:
            more = {"resources": resources} if part == "store" else {}
            result[part] = importlib.import_module(f"mihub.apps.bench.{part}").run(**more)
    if set(wanted) & {"synth", *_REGION}:
        from mihub.apps.bench import region

        if "synth" in wanted:
            result["synth"] = region.synthetic()
        if set(wanted) & set(_REGION):
            result |= region.measured(people, wanted)
    return result
