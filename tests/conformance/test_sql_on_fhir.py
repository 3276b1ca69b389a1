"""The suite of SQL on FHIR v2: every case, run as `mihub conformance sql_on_fhir` runs it, and once more by FHIRPath alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.apps.conformance import sql_on_fhir
from mihub.core.fhir.views import Runner


def test_every_case_passes_without_direct_routes(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_on_fhir, "Runner", lambda view: Runner(view, direct=False))
    result = sql_on_fhir.run(shared / "data")
    assert [f"{one.case}: {one.saw}" for one in result.failures] == []
