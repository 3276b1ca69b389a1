"""Every suite runs once in a test run, however many tests look at its outcome."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from mihub.apps.conformance import command
from mihub.apps.conformance.suite import Result


@pytest.fixture(scope="session")
def outcome(shared: Path) -> Callable[[str], Result]:
    """The outcome of a suite by its name."""

    @cache
    def run(name: str) -> Result:
        return command.suite_of(name)(shared / "data")

    return run
