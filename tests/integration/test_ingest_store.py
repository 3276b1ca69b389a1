"""The import on the real record store: other people's files, our reports, strange JSON; twice, dry, and audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.fhir.dates import zone
from mihub.core.policy.actor import MemberId
from mihub.database.embedded import Embedded
from mihub.database.pool import open_pool
from mihub.site.ingest import Importer, ImportReport, StoreWriter, import_access
from mihub.site.ingest.store_writer import escaped, search_reader
from mihub.site.search.catalogue import catalogue
from mihub.site.search.extract import indexer
from mihub.site.search.memory import MemorySearch
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.search.postgres import PostgresSearch
from mihub.site.search.protocol import Search
from mihub.site.store.memory import MemoryStore
from mihub.site.store.postgres import PostgresStore
from mihub.site.store.protocol import Store
from tests.obds_sample import BOARD, meldung, obds, one_of_each, patient

_MEMBER = MemberId("chemnitz")
_LOCAL = zone("Europe/Berlin")


def _importer(store: Store, search: Search, page_size: int = 1000) -> Importer:
    parser = Parser(catalogue(), _LOCAL, PageLimits(50, page_size))
    access = import_access(_MEMBER)

    def find(resource_type: str, system: str, value: str) -> list[str]:
        return search.ids(
            parser.parse(resource_type, [("identifier", f"{escaped(system)}|{escaped(value)}")])
        )

    return Importer(StoreWriter(store, access, find, search_reader(search, parser, access)), _MEMBER)


def _in_memory(page_size: int = 1000) -> Importer:
    store = MemoryStore(indexer(catalogue(), _LOCAL, None))
    return _importer(store, MemorySearch(store), page_size)


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importer]:
    with Embedded.start(tmp_path_factory.mktemp("ingest") / "pg") as server:
        pool = open_pool(server.url("ingest"), max_size=2)
        store = PostgresStore(pool, indexer(catalogue(), _LOCAL, None), catalogue=catalogue().version)
        yield _importer(store, PostgresSearch(pool))
        pool.close()


def _twice(importer: Importer, path: Path) -> tuple[ImportReport, ImportReport]:
    rehearsed = importer.run([path], dry_run=True)
    first = importer.run([path])
    assert first.to_json() == rehearsed.to_json()
    return first, importer.run([path])


def test_all_bundles_and_reports_of_others_twice(importer: Importer, shared: Path) -> None:
    for folder, loaded in (("mii-testdata/bundles", 726), ("obds", 45)):
        first, again = _twice(importer, shared / "data" / folder)
        assert (first.loaded, again.loaded) == (loaded, loaded)
        assert set(again.resources) == {"unchanged"}


@pytest.mark.parametrize("page_size", [1000, 1])
def test_reports_of_many_patients_are_looked_up_together(tmp_path: Path, page_size: int) -> None:
    numbers = ["p1", "p,2", "p|3", "p\\4", "p$5", "ä ö"]
    text = obds(*(patient(meldung(BOARD), number=number) for number in numbers))
    (tmp_path / "in.xml").write_text(text, encoding="utf-8")
    first, again = _twice(_in_memory(page_size), tmp_path / "in.xml")
    assert (first.loaded, first.rejected) == (len(numbers), 0)
    assert set(again.resources) == {"unchanged"}


def test_a_later_report_replaces_an_earlier_one(importer: Importer, tmp_path: Path) -> None:
    (tmp_path / "early.xml").write_text(one_of_each(), encoding="utf-8")
    (tmp_path / "late.xml").write_text(one_of_each("2026-11-02").replace("C34.1", "C34.3"), encoding="utf-8")
    _twice(importer, tmp_path / "early.xml")
    first, again = _twice(importer, tmp_path / "late.xml")
    assert (first.resources["created"], first.resources["updated"] > 5) == (0, True)
    assert set(again.resources) == {"unchanged"}
    assert set(importer.run([tmp_path / "early.xml"]).resources) == {"unchanged"}


_strange: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["system", "value", "code", "coding", "reference", "start"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["Patient", "Observation", "Condition", "Task", "Encounter"]),
    elements=st.dictionaries(
        st.sampled_from(
            [
                "name",
                "birthDate",
                "identifier",
                "subject",
                "code",
                "status",
                "effectiveDateTime",
                "meta",
                "period",
            ]
        ),
        _strange,
        max_size=5,
    ),
)
def test_a_resource_with_strange_elements_is_loaded_or_refused(
    tmp_path: Path, kind: str, elements: dict[str, Any]
) -> None:
    good = {"resourceType": "Patient", "id": "good", "birthDate": "1970-01-01"}
    lines = [good, {**elements, "resourceType": kind, "id": "x"}]
    (tmp_path / "in").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    report = _in_memory().run([tmp_path / "in"])
    assert report.read == 2
    assert report.loaded >= 1


def _house_patient(patient_id: str, system: str, number: str, kind: str = "MR") -> dict[str, Any]:
    typed = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]}
    identifier = {"type": typed, "system": system, "value": number}
    return {"resourceType": "Patient", "id": patient_id, "identifier": [identifier]}


def _import_patients_then_report(folder: Path, patients: list[dict[str, Any]]) -> list[str]:
    """Ids of all Patients after the FHIR export and a tumour report of patient 4711 were imported."""
    store = MemoryStore(indexer(catalogue(), _LOCAL, None))
    importer = _importer(store, MemorySearch(store))
    for number, one in enumerate(patients):
        (folder / f"{number}.json").write_bytes(orjson.dumps(one))
    (folder / "report.xml").write_text(obds(patient(meldung(BOARD), number="4711")), encoding="utf-8")
    report = importer.run([folder])
    assert report.rejected == 0, report.reasons
    return sorted({one.id for one in store.changes(0, 10_000) if one.resource_type == "Patient"})


def test_a_report_meets_the_patient_by_the_number_that_the_house_gave(tmp_path: Path) -> None:
    assert _import_patients_then_report(tmp_path, [_house_patient("p1", "urn:oid:1.2.3", "4711")]) == ["p1"]


@pytest.mark.parametrize(
    "patients",
    [
        [_house_patient("p1", "urn:oid:1.2.3", "4711", kind="VN")],
        [_house_patient("p1", "urn:oid:1.2.3", "4711"), _house_patient("p2", "urn:oid:4.5.6", "4711")],
        [_house_patient("p1", "urn:oid:1.2.3", "4712")],
    ],
    ids=["another kind of number", "the number of two people", "another number"],
)
def test_a_report_never_guesses_a_patient(tmp_path: Path, patients: list[dict[str, Any]]) -> None:
    found = _import_patients_then_report(tmp_path, patients)
    assert len(found) == len(patients) + 1


_ODD_LINES = [
    {"resourceType": "Patient", "id": "nul", "name": [{"family": "a\0b"}]},
    {"resourceType": "Patient", "id": "about", "name": [{"family": "the text \\u0000"}]},
    {"resourceType": "Patient", "id": "birth", "birthDate": "13-45"},
    {"resourceType": "Observation", "id": "day", "status": "final", "effectiveDateTime": "2024-02-31"},
    {"resourceType": "Patient", "id": "name", "name": "one text"},
    {"resourceType": "Patient", "id": "sound", "birthDate": "1960-02-29"},
]


def test_a_dry_run_gives_the_account_of_the_real_run(tmp_path: Path, importer: Importer) -> None:
    path = tmp_path / "odd.ndjson"
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in _ODD_LINES))
    rehearsed, real = importer.run([path], dry_run=True), importer.run([path])
    assert (rehearsed.loaded, rehearsed.rejected) == (real.loaded, real.rejected)
    assert rehearsed.resources == real.resources
    assert {(one.line, one.reason) for one in rehearsed.reasons} == {
        (one.line, one.reason) for one in real.reasons
    }
    assert real.rejected == 3
