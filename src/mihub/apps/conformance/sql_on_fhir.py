"""The suite of SQL on FHIR v2 (FHIR/sql-on-fhir-v2, tests/*.json): every view on its resources, rows compared as sets.

A case passes when the rows are those expected, in any order, or when an error is expected and raised. Where a case says
the columns, their order counts. Above: `command`. Below: `core.fhir.views`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir.views import Runner, read
from mihub.errors import MihubError

SOURCE: Final = "FHIR/sql-on-fhir-v2 tests/*.json"
_FOLDER: Final = "sql-on-fhir"


def run(data: Path) -> Result:
    """All cases of the folder `sql-on-fhir`."""
    cases, failures = 0, []
    for name, case, resources in _cases(data / _FOLDER):
        cases += 1
        saw = _judge(case, resources)
        if saw:
            failures.append(Failure(name, saw))
    return Result("sql_on_fhir", SOURCE, cases, cases - len(failures), tuple(failures))


def _cases(folder: Path) -> Iterator[tuple[str, dict[str, Any], list[Any]]]:
    for path in sorted(folder.glob("*.json")):
        suite = orjson.loads(path.read_bytes())
        for case in suite["tests"]:
            yield f"{path.stem}: {case['title']}", case, suite["resources"]


def _judge(case: dict[str, Any], resources: list[Any]) -> str:
    """What went wrong, "" when nothing did."""
    try:
        columns, rows = _rows(case["view"], resources)
    except MihubError as error:
        return "" if case.get("expectError") else f"refused: {error}"
    if case.get("expectError"):
        return "an error is expected, there are rows"
    wanted = case.get("expectColumns")
    if wanted is not None and columns != wanted:
        return f"columns {columns}"
    if len(rows) != case.get("expectCount", len(rows)):
        return f"{len(rows)} rows"
    expected = case.get("expect")
    return "" if expected is None or _bag(rows) == _bag(expected) else f"rows {rows}"


def _rows(view: Any, resources: list[Any]) -> tuple[list[str], list[dict[str, Any]]]:
    runner = Runner(read(view))
    columns = [column.name for column in runner.view.columns]
    rows = [row for resource in resources for row in runner.rows(resource)]
    return columns, [dict(zip(columns, row, strict=True)) for row in rows]


def _bag(rows: list[dict[str, Any]]) -> list[bytes]:
    """Rows in an order of their own; 5 and 5.0 are one number."""
    return sorted(orjson.dumps(_even(row), option=orjson.OPT_SORT_KEYS) for row in rows)


def _even(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _even(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_even(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
