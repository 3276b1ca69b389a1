"""Facts follow the store, survive a crash, and can be rebuilt to the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.policy.actor import Access
from mihub.core.query.nodes import And, CodeMatch, Criterion, Not
from mihub.errors import StorageFull
from mihub.site.facts import segments as segments_module
from mihub.site.facts.table import FactTable
from mihub.site.store.protocol import Note, Version

TODAY = date(2026, 11, 23)
ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
LUNG = Criterion(("diagnosis",), (CodeMatch(ICD, "C34", prefix=True),))


class Log:
    """A change log and an audit in memory."""

    def __init__(self) -> None:
        self.versions: list[Version] = []
        self.noted: list[tuple[Note, Access]] = []

    def note(self, notes: Sequence[Note], access: Access) -> None:
        self.noted += [(note, access) for note in notes]

    def position(self) -> int:
        return self.versions[-1].position if self.versions else 0

    def changes(self, after: int, limit: int) -> list[Version]:
        return [one for one in self.versions if one.position > after][:limit]

    def put(self, resource: dict[str, Any]) -> None:
        self._add(resource["resourceType"], resource["id"], orjson.dumps(resource))

    def delete(self, resource_type: str, resource_id: str) -> None:
        self._add(resource_type, resource_id, None)

    def _add(self, resource_type: str, resource_id: str, body: bytes | None) -> None:
        now = datetime(2026, 11, 23, tzinfo=UTC)
        self.versions.append(Version(resource_type, resource_id, 1, now, self.position() + 1, body))


def patient(number: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": number, "birthDate": "1960-05", "gender": "female"}


def condition(number: str, of: str, code: str = "C34.1") -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": number,
        "subject": {"reference": f"Patient/{of}"},
        "code": {"coding": [{"system": ICD, "code": code}]},
        "recordedDate": "2026-01-31",
    }


def found(table: FactTable, node: Any = LUNG) -> frozenset[str]:
    with table.asking() as engine:
        return engine.people(node, as_of=TODAY)


@pytest.fixture
def log() -> Log:
    log = Log()
    conditions = (condition("a", "1"), condition("b", "1"), condition("c", "2"))
    for resource in (patient("1"), patient("2"), *conditions):
        log.put(resource)
    return log


def test_a_person_with_two_matching_resources_counts_once(tmp_path: Path, log: Log) -> None:
    table = FactTable(tmp_path, log)
    assert table.position == 0
    assert found(table) == frozenset()
    assert table.refresh() == 5 == table.position
    assert found(table) == {"1", "2"}


def test_updates_deletes_and_orphans_are_followed(tmp_path: Path, log: Log) -> None:
    table = FactTable(tmp_path, log)
    table.refresh()
    log.put(condition("c", "2", code="J20.9"))
    table.refresh()
    assert found(table) == {"1"}
    assert found(table, Not(LUNG)) == {"2"}
    log.delete("Condition", "a")
    table.refresh()
    assert found(table) == {"1"}, "the second diagnosis still stands"
    log.delete("Patient", "1")
    table.refresh()
    assert found(table) == frozenset(), "a fact without its person is nobody's"


def test_many_small_refreshes_answer_like_one_rebuild(tmp_path: Path, log: Log) -> None:
    little = FactTable(tmp_path / "little", log)
    for n in range(30):
        log.put(condition(f"x{n}", "1" if n % 2 else "2", code="C34.1" if n % 3 else "D00"))
        log.put(patient(str(n)))
        if n % 5 == 4:
            log.delete("Condition", f"x{n - 2}")
        little.refresh()
    whole = FactTable(tmp_path / "whole", log)
    assert whole.refresh() == little.position
    for node in (LUNG, Not(LUNG), And((LUNG, Not(Criterion(("diagnosis",), (CodeMatch(ICD, "D00"),)))))):
        assert found(little, node) == found(whole, node)
    with little.asking() as one, whole.asking() as other:
        assert one.size() == other.size()
    assert len(list((tmp_path / "little").glob("facts-*"))) <= 9


def test_reopening_finds_the_files_and_the_position(tmp_path: Path, log: Log) -> None:
    FactTable(tmp_path, log).refresh()
    again = FactTable(tmp_path, Log())
    assert again.position == 5
    assert found(again) == {"1", "2"}


def test_a_store_that_is_behind_or_a_damaged_manifest_means_rebuilding(tmp_path: Path, log: Log) -> None:
    FactTable(tmp_path, log).refresh()
    other = Log()
    other.put(patient("9"))
    table = FactTable(tmp_path, other)
    assert table.refresh() == 1
    assert found(table) == frozenset()
    (tmp_path / "manifest.json").write_bytes(b"{")
    again = FactTable(tmp_path, log)
    assert again.position == 0
    again.refresh()
    assert found(again) == {"1", "2"}


def test_a_crash_before_the_manifest_leaves_the_old_state(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = FactTable(tmp_path, log)
    table.refresh()
    log.put(condition("d", "2", code="C34.9"))
    full = OSError(28, "No space left on device")

    def refuse(path: Path, body: bytes) -> None:
        raise full

    monkeypatch.setattr(segments_module, "_write_bytes", refuse)
    with pytest.raises(StorageFull, match="nothing was half-written"):
        table.refresh()
    monkeypatch.undo()
    again = FactTable(tmp_path, log)
    assert again.position == 5
    assert again.refresh() == 6
    assert not list(tmp_path.glob("*.part"))
