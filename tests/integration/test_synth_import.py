"""The synthetic region enters by the same door as real data: the import rejects nothing and leaves nothing
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.site.ingest.importer import Importer
from mihub.site.store.protocol import Delete, Put, Written
from mihub.synth.members import MEMBERS
from mihub.synth.region import write_region


class _Nothing:
    """A record in which nothing is stored yet; a dry run never writes."""

    def write(self, entries: Sequence[Put | Delete]) -> list[Written]:
        raise AssertionError("a dry run must not write")

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        return None

    def current_many(self, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
        return {}

    def check(self, resource: Resource) -> None:
        """Takes every content."""

    def with_identifiers(self, resource_type: str, system: str, values: Sequence[str]) -> list[Resource]:
        return []

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        return []


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("import")
    write_region(out, seed=3, people=120, today=date(2026, 11, 23))
    return out


@pytest.mark.parametrize("member", [member.id for member in MEMBERS])
def test_every_record_is_loaded_without_a_remark(region: Path, member: str) -> None:
    report = Importer(_Nothing(), MemberId(member)).run([region / member], dry_run=True)
    assert (report.rejected, report.notes, report.stopped) == (0, [], None)
    assert report.loaded == report.read > 0
