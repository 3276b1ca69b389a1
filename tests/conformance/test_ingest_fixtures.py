"""Other people's files, imported with an account.

Loaded + rejected = read, twice the same, dry and real alike.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest
from lxml import etree

from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer, ImportReport
from tests.ingest_memory import MemoryRecord

# File -> reports loaded, records rejected.
_OBDS = {
    "bzkf/Folgepaket_Testpatient_Lunge.xml": (2, 0),
    "bzkf/GroupSequence01.xml": (1, 0),
    "bzkf/Test_ST_1.xml": (1, 0),
    "bzkf/Test_ST_Invalid_Applikationsart.xml": (0, 1),
    "bzkf/Test_SysT_1.xml": (1, 0),
    "bzkf/Test_Verlauf_1.xml": (1, 0),
    "bzkf/Testpatient_1.xml": (14, 0),
    "bzkf/Testpatient_2.xml": (7, 0),
    "bzkf/Testpatient_Diagnose.xml": (1, 0),
    "bzkf/Testpatient_Mamma.xml": (10, 0),
    "bzkf/Testpatient_Tumorkonferenz1.xml": (1, 0),
    "bzkf/Testpatient_leer.xml": (0, 1),
    "samply/File-1-ADT2_Testpatient.xml": (0, 1),
    "samply/File-2-ADT2_TestpatientMissingDate.xml": (0, 1),
    "samply/File-3-ADT2_Testpatient.xml": (0, 1),
    "samply/File-4-oBDS_Testpatient.xml": (6, 11),
    "samply/File-5-sample.xml": (0, 1),
}


def _import(record: MemoryRecord, *paths: Path, dry_run: bool = False) -> ImportReport:
    return Importer(record, MemberId("chemnitz")).run(paths, dry_run=dry_run)


@pytest.mark.parametrize("name", _OBDS)
def test_each_obds_file_has_its_account(shared: Path, name: str) -> None:
    report = _import(MemoryRecord(), shared / "data" / "obds" / name)
    assert (report.loaded, report.rejected) == _OBDS[name], report.to_json()
    reports = etree.parse(shared / "data" / "obds" / name).findall(
        ".//{http://www.basisdatensatz.de/oBDS/XML}Meldung"
    )
    whole_file_refused = name in ("samply/File-5-sample.xml",) or "ADT2" in name
    assert report.read == (1 if whole_file_refused else len(reports))
    assert bool(report.reasons) == bool(report.rejected)


def test_the_invalid_fixture_names_line_element_and_rule(shared: Path) -> None:
    file = shared / "data" / "obds" / "bzkf" / "Test_ST_Invalid_Applikationsart.xml"
    named = {reason.reason: reason for reason in _import(MemoryRecord(), file).reasons}
    wrong = "Meldung/ST/Menge_Bestrahlung/Bestrahlung/Applikationsart/Kontakt/Rate_Type is missing."
    assert named[wrong].line == 42
    assert named[wrong].rule == "oBDS 3.0 schema"


def test_all_obds_files_twice_change_nothing_the_second_time(shared: Path) -> None:
    record = MemoryRecord()
    folder = shared / "data" / "obds"
    rehearsed = _import(record, folder, dry_run=True)
    assert record.writes == 0
    first = _import(record, folder)
    assert first.to_json() == rehearsed.to_json()
    assert first.loaded == sum(loaded for loaded, _ in _OBDS.values())
    again = _import(record, folder)
    assert set(again.resources) == {"unchanged"}
    assert (again.loaded, again.rejected) == (first.loaded, first.rejected)


def test_all_22_bundles_load_with_every_entry(shared: Path) -> None:
    folder = shared / "data" / "mii-testdata" / "bundles"
    entries = sum(len(orjson.loads(file.read_bytes())["entry"]) for file in folder.iterdir())
    record = MemoryRecord()
    report = _import(record, folder)
    assert (report.files, report.loaded, report.rejected) == (22, entries, 0)
    assert len(record.of("Patient")) == 31
    assert report.notes == []
    assert set(_import(record, folder).resources) == {"unchanged"}


def test_the_bundles_also_come_as_lines_and_compressed(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "mii-testdata" / "bundles"
    bundles = [orjson.loads(file.read_bytes()) for file in sorted(folder.iterdir())]
    resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    unique = {(one["resourceType"], one["id"]): one for one in resources}
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, bundles))))
    (tmp_path / "b").write_bytes(b"\n".join(map(orjson.dumps, unique.values())))
    whole, by_lines = MemoryRecord(), MemoryRecord()
    assert _import(whole, tmp_path / "a.gz").rejected == 0
    assert _import(by_lines, tmp_path / "b").rejected == 0
    assert whole.resources == by_lines.resources


@pytest.mark.parametrize("name", ["bundle-onkologie-1.json", "bundle-pat-2.json"])
def test_the_patients_of_one_bundle_alone_leave_notes_at_most(shared: Path, name: str) -> None:
    report = _import(MemoryRecord(), shared / "data" / "mii-testdata" / "bundles" / name)
    assert report.rejected == 0
    assert all(note.rule == "references are loaded as they come" for note in report.notes)
