"""What a conformance suite reports. Every failing case is named, with the reason why we leave it where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that does not pass. `saw`: what happened, in a line; `reason`: why it is left, "" when nobody knows yet."""

    case: str
    saw: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One suite's outcome. `source` says whose suite it is and in which version."""

    suite: str
    source: str
    cases: int
    passed: int
    failures: tuple[Failure, ...] = field(default=())


Suite = Callable[[Path], Result]
"""From the folder that holds the published data (`fhirpath/`, `sql-on-fhir/` ...) to the outcome."""
