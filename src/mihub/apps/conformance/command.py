"""Runs the suites and prints them: a line each, every failing case named; one JSON object, or the page of the documentation.

The data are other people's and do not come with the program: `--data` names their folder. Above: the command line.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from mihub.apps import console
from mihub.apps.conformance.suite import Result, Suite
from mihub.errors import NotFound, NotSupported

# In the order of the page; each names the module beside this one that runs it.
SUITES: Final = (
    "fhirpath",
    "sql_on_fhir",
    "terminology",
    "snapshots",
    "validation",
    "mutants",
    "patch",
    "graphql",
    "search",
)
BESIDE: Final = Path("..", "shared", "data")
_HEAD: Final = """# Conformance: other people's suites

Written by `mihub conformance --markdown`, held to the program by `tests/conformance/test_suites.py`. The data are not ours and
do not come with the program; their sources are named. What happens when other projects' files are imported stands in
[fixtures](fixtures.md).
"""


def run(wanted: Sequence[str], *, data: Path | None, as_json: bool, as_markdown: bool) -> None:
    """Run the suites named, or all. Raises `NotSupported` for an unknown name, `NotFound` without data."""
    folder = data_folder(data)
    results = []
    for name in wanted or SUITES:
        suite = suite_of(name)
        console.say(f"{name} ...")
        begin = time.perf_counter()
        result = suite(folder)
        console.say(f"{name}: {result.passed} of {result.cases} in {time.perf_counter() - begin:.1f} s")
        results.append(result)
    if as_json:
        console.json_line({one.suite: document(one) for one in results})
    elif as_markdown:
        console.out.print(page(results), markup=False)
    else:
        console.out.print("\n".join(lines(results)), markup=False)


def suite_of(name: str) -> Suite:
    """The function that runs a suite."""
    if name not in SUITES:
        raise NotSupported(
            f"There is no suite {name!r}.",
            rule=f"one of {', '.join(SUITES)}",
            next_step="Name one of them, or none for all.",
        )
    module = importlib.import_module(f"mihub.apps.conformance.{name}")
    return cast(Suite, module.run)


def data_folder(named: Path | None) -> Path:
    """Where the published data lie: as named, as MIHUB_SHARED says, or beside the checkout."""
    shared = os.environ.get("MIHUB_SHARED")
    for place in (named, Path(shared) / "data" if shared else None, BESIDE):
        if place is not None and place.is_dir():
            return place
    raise NotFound(
        "The suites' data are not here.",
        where=str(named or BESIDE),
        rule="other people's suites do not come with the program",
        next_step="Name their folder: mihub conformance --data FOLDER",
    )


def document(result: Result) -> dict[str, Any]:
    """One suite as JSON."""
    return {
        "cases": result.cases,
        "passes": result.passed,
        "source": result.source,
        "failures": [{"case": one.case, "saw": one.saw, "reason": one.reason} for one in result.failures],
    }


def lines(results: Sequence[Result]) -> list[str]:
    """For a person: a line a suite, then what fails."""
    found = [f"{'suite':<14}{'cases':>7}{'passes':>8}"]
    found += [f"{one.suite:<14}{one.cases:>7}{one.passed:>8}" for one in results]
    for one in results:
        found += [f"{one.suite}: {each.case}: {each.saw} {each.reason}".rstrip() for each in one.failures]
    return found


def page(results: Sequence[Result]) -> str:
    """docs/reference/conformance.md."""
    table = ["| Suite | Source | Cases | Passes |", "| --- | --- | ---: | ---: |"]
    table += [f"| `{one.suite}` | {one.source} | {one.cases} | {one.passed} |" for one in results]
    return "\n".join([_HEAD, *table, "", *(section(one) for one in results)])


def section(result: Result) -> str:
    """Every failing case of one suite with its reason."""
    head = f"## `{result.suite}`: {result.passed} of {result.cases}\n"
    if not result.failures:
        return f"{head}\nEvery case passes.\n"
    rows = [f"| `{_cell(one.case)}` | {_cell(one.reason or one.saw)} |" for one in result.failures]
    return "\n".join([head, "| Case that fails | Why |", "| --- | --- |", *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
