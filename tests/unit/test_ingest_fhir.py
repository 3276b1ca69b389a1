"""FHIR in.

Entries, ids, references, duplicates, broken structure, a full disk; each with its place and rule.
"""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.policy.actor import MemberId
from mihub.errors import InvalidInput, StorageFull
from mihub.site.ingest import Importer, ImportReport, Limits, Progress
from tests.ingest_memory import MemoryRecord

Json = dict[str, Any]
_MEMBER = MemberId("chemnitz")


def _run(record: MemoryRecord, folder: Path, *values: Json, dry_run: bool = False) -> ImportReport:
    """Import values: one as a document, several as lines."""
    option = orjson.OPT_INDENT_2 if len(values) == 1 else 0
    (folder / "in.json").write_bytes(b"\n".join(orjson.dumps(value, option=option) for value in values))
    return Importer(record, _MEMBER).run([folder / "in.json"], dry_run=dry_run)


def _entry(
    resource: Json | None, method: str = "PUT", url: str = "", full_url: str = "", **request: str
) -> Json:
    entry: Json = {"resource": resource, "request": {"method": method, "url": url, **request}}
    if full_url:
        entry["fullUrl"] = full_url
    return {key: value for key, value in entry.items() if value is not None}


def _bundle(*entries: Json, kind: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _patient(number: str = "1", **more: Any) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "https://x.example/nr", "value": number}],
        **more,
    }


def _finding(patient: str, **more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "subject": {"reference": patient}, **more}


def test_a_transaction_links_its_entries(tmp_path: Path) -> None:
    uuid = "urn:uuid:0DB4F4AA-1C1B-4B3B-A6C0-7E1B8C0E7AB1"
    bundle = _bundle(
        _entry(_patient(), "POST", "Patient", uuid),
        _entry(_finding(uuid), "POST", "Observation", "urn:uuid:0db4f4aa-1c1b-4b3b-a6c0-7e1b8c0e7ab2"),
    )
    record = MemoryRecord()
    report = _run(record, tmp_path, bundle)
    assert (report.loaded, report.rejected, report.resources["created"]) == (2, 0, 2)
    finding = record.of("Observation")[0]
    assert finding["subject"]["reference"] == "Patient/0db4f4aa-1c1b-4b3b-a6c0-7e1b8c0e7ab1"
    assert record.writes == 1
    again = _run(record, tmp_path, bundle)
    assert dict(again.resources) == {"unchanged": 2}


def test_absolute_full_urls_become_local(tmp_path: Path) -> None:
    base = "https://former.example/fhir/Patient/7"
    record = MemoryRecord()
    _run(
        record,
        tmp_path,
        _bundle(
            _entry(_patient(id="7"), "PUT", "Patient/7", base),
            _entry(_finding(base, id="o"), "PUT", "Observation/o"),
        ),
    )
    assert record.resources["Observation", "o"]["subject"]["reference"] == "Patient/7"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_one_bad_entry_refuses_a_transaction_whole_and_costs_a_batch_one(tmp_path: Path, kind: str) -> None:
    record = MemoryRecord()
    good = _entry({"resourceType": "Basic", "id": "1"}, "PUT", "Basic/1")
    report = _run(
        record,
        tmp_path,
        _bundle(good, _entry({"resourceType": "Basix", "id": "2"}, "PUT", "Basix/2"), kind=kind),
    )
    assert report.reasons[0].entry == 2
    assert report.reasons[0].reason == "The resource type is unknown in FHIR R4."
    assert (report.loaded, report.rejected) == ((0, 2) if kind == "transaction" else (1, 1))
    assert len(record.resources) == report.loaded
    if kind == "transaction":
        assert report.reasons[1].reason == "The transaction is refused whole because of 1 of its entries."


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("text", "The entry is not an object with resource and request."),
        (_entry(None, "GET", "Patient/1"), "The entry's method does not write a resource."),
        (_entry(None, "PUT", "Patient/1"), "This is not a JSON object."),
        (_entry({"id": "1"}, "PUT", "Patient/1"), "The resource has no resourceType."),
        (_entry({"resourceType": "Basic", "id": "a b"}, "PUT", "Basic/a b"), "The id is not a FHIR id."),
        (_entry({"resourceType": "Basic", "id": 1}, "PUT", "Basic/1"), "The id is not a FHIR id."),
        (
            _entry({"resourceType": "Basic", "id": "1", "meta": []}),
            "The element meta has the wrong JSON type.",
        ),
        (
            _entry({"resourceType": "Basic", "meta": {"profile": "x"}}),
            "The element meta.profile has the wrong JSON type.",
        ),
        (
            _entry({"resourceType": "Basic", "id": "1"}, "PUT", "Basic/2"),
            "The entry's URL and its resource name different ids.",
        ),
        (
            _entry({"resourceType": "Basic", "id": "1"}, "PUT", "Patient/1"),
            "The entry's URL names another type than its resource.",
        ),
        (
            _entry(_finding("urn:uuid:gone")),
            "A reference names an entry that the bundle does not hold and no store can know.",
        ),
        (
            _entry(_finding("Patient?identifier=a|b")),
            "A reference names an entry that the bundle does not hold and no store can know.",
        ),
        (_entry(_finding("#inner")), "A reference names a contained resource that is not there."),
        (_entry(_patient(), "PUT", "Patient?name=x"), "The entry's condition is not one identifier."),
        (_entry(None, "DELETE", "Patient?name=x"), "The entry to delete does not name type and id."),
        (
            _entry({"resourceType": "OperationOutcome"}),
            "This resource type is part of an exchange and is not kept in a record.",
        ),
    ],
)
def test_a_broken_entry_says_what_is_wrong(tmp_path: Path, entry: Json, reason: str) -> None:
    record = MemoryRecord()
    report = _run(
        record, tmp_path, _bundle(_entry({"resourceType": "Basic", "id": "ok"}), entry, kind="batch")
    )
    assert (report.loaded, report.rejected) == (1, 1)
    assert (report.reasons[0].entry, report.reasons[0].reason) == (2, reason)
    assert report.reasons[0].rule
    assert report.reasons[0].next


@pytest.mark.parametrize(
    ("bundle", "reason"),
    [
        (
            {"resourceType": "Bundle", "type": "history"},
            "The bundle's type is missing or not one that is imported.",
        ),
        ({"resourceType": "Bundle", "type": "batch", "entry": {}}, "Bundle.entry is not a list."),
        ({"resourceType": "Bundle", "type": "batch"}, "The bundle holds no entry."),
    ],
)
def test_a_bundle_that_is_none_is_refused(tmp_path: Path, bundle: Json, reason: str) -> None:
    assert _run(MemoryRecord(), tmp_path, bundle).reasons[0].reason == reason


@pytest.mark.parametrize("kind", ["collection", "searchset", "document", "message"])
def test_other_bundles_are_their_entries(tmp_path: Path, kind: str) -> None:
    record = MemoryRecord()
    report = _run(
        record,
        tmp_path,
        _bundle({"resource": _patient(id="1")}, {"resource": _finding("Patient/1")}, kind=kind),
    )
    assert (report.loaded, len(record.resources)) == (2, 2)


def test_conditional_entries_meet_what_is_there(tmp_path: Path) -> None:
    record = MemoryRecord()
    condition = "identifier=https://x.example/nr|1"
    create = _bundle(_entry(_patient(gender="female"), "POST", "Patient", ifNoneExist=condition))
    assert _run(record, tmp_path, create).resources["created"] == 1
    assert dict(_run(record, tmp_path, create).resources) == {"unchanged": 1}
    update = _bundle(_entry(_patient(gender="other"), "PUT", f"Patient?{condition}"))
    assert _run(record, tmp_path, update).resources["updated"] == 1
    assert [one["gender"] for one in record.of("Patient")] == ["other"]
    record.resources["Patient", "twin"] = {**_patient(), "id": "twin"}
    report = _run(record, tmp_path, update)
    assert report.reasons[0].reason == "The entry's condition matches more than one resource."


def test_a_conditional_reference_finds_a_patient_of_the_same_run(tmp_path: Path) -> None:
    record = MemoryRecord()
    report = _run(
        record,
        tmp_path,
        _patient(id="p9"),
        _bundle(_entry(_finding("Patient?identifier=https://x.example/nr|1"))),
    )
    assert report.rejected == 0
    assert record.of("Observation")[0]["subject"]["reference"] == "Patient/p9"


def test_delete_entries_delete(tmp_path: Path) -> None:
    record = MemoryRecord()
    _run(record, tmp_path, {"resourceType": "Basic", "id": "1"})
    report = _run(record, tmp_path, _bundle(_entry(None, "DELETE", "Basic/1")))
    assert (report.resources["deleted"], record.resources) == (1, {})


def test_resources_without_an_id_get_a_stable_one(tmp_path: Path) -> None:
    record = MemoryRecord()
    values = (_patient("7"), {"resourceType": "Basic", "code": {"text": "x"}})
    assert _run(record, tmp_path, *values).resources["created"] == 2
    assert dict(_run(record, tmp_path, *values).resources) == {"unchanged": 2}
    changed = _run(
        record, tmp_path, _patient("7", gender="male"), {"resourceType": "Basic", "code": {"text": "y"}}
    )
    assert (changed.resources["updated"], changed.resources["created"]) == (1, 1)


def test_former_versions_and_times_are_not_content(tmp_path: Path) -> None:
    record = MemoryRecord()
    _run(
        record, tmp_path, {"resourceType": "Basic", "id": "1", "meta": {"versionId": "4", "source": "urn:a"}}
    )
    again = _run(
        record, tmp_path, {"resourceType": "Basic", "id": "1", "meta": {"versionId": "5", "source": "urn:a"}}
    )
    assert dict(again.resources) == {"unchanged": 1}
    assert record.resources["Basic", "1"]["meta"] == {"source": "urn:a"}


def test_an_id_that_means_two_things_in_one_file_is_refused_the_second_time(tmp_path: Path) -> None:
    record = MemoryRecord()
    one, other = {"resourceType": "Basic", "id": "1"}, {"resourceType": "Basic", "id": "1", "language": "de"}
    report = _run(record, tmp_path, one, dict(reversed(one.items())), other)
    assert (report.loaded, report.rejected) == (2, 1)
    assert (report.reasons[0].line, report.reasons[0].rule) == (3, "one id names one resource in a file")
    assert record.resources["Basic", "1"] == one
    whole = _run(record, tmp_path, _bundle(_entry(one), _entry(other)))
    assert whole.reasons[0].reason == "The id occurs twice with different content."


def test_lines_stand_for_themselves(tmp_path: Path) -> None:
    good = b'{"resourceType":"Basic","id":"%d"}'
    lines = [good % 1, b"", b'{"resourceType":"Basic","id":', b"null", b'{"id":"x"}', b"12", good % 2]
    (tmp_path / "in").write_bytes(b"\n".join(lines))
    report = Importer(MemoryRecord(), _MEMBER).run([tmp_path / "in"])
    assert (report.loaded, report.rejected) == (2, 4)
    told = {reason.line: reason.reason for reason in report.reasons}
    assert told[3] == "The JSON ends early; the file may be truncated."
    assert told[4] == told[6] == "This is not a JSON object."
    assert told[5] == "The resource has no resourceType."


def test_a_truncated_document_names_the_line(tmp_path: Path) -> None:
    whole = orjson.dumps(_bundle(_entry(_patient(id="1"))), option=orjson.OPT_INDENT_2)
    (tmp_path / "in").write_bytes(whole[: len(whole) // 2])
    report = Importer(MemoryRecord(), _MEMBER).run([tmp_path / "in"])
    assert report.reasons[0].reason == "The JSON ends early; the file may be truncated."
    assert report.reasons[0].line == whole[: len(whole) // 2].count(b"\n") + 1


def test_a_urn_outside_a_bundle_can_never_resolve(tmp_path: Path) -> None:
    report = _run(MemoryRecord(), tmp_path, _finding("urn:uuid:1", id="1"))
    assert "can never resolve" in report.reasons[0].reason


def test_references_that_are_open_are_loaded_and_noted(tmp_path: Path) -> None:
    record = MemoryRecord()
    record.resources["Patient", "there"] = _patient(id="there")
    values = (
        _finding("Patient/there", id="1"),
        _finding("Patient/later", id="2"),
        _patient("2", id="later"),
        _finding("Patient/never", id="3"),
    )
    for dry_run in (True, False):
        report = _run(record, tmp_path, *values, dry_run=dry_run)
        assert (report.loaded, report.rejected) == (4, 0)
        assert [note.reason for note in report.notes] == [
            "A reference names a Patient that is not in the record (yet)."
        ]


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    record = MemoryRecord()
    record.resources["Basic", "1"] = {"resourceType": "Basic", "id": "1"}
    values = (
        {"resourceType": "Basic", "id": "1"},
        {"resourceType": "Basic", "id": "2"},
        {"resourceType": "Basix", "id": "3"},
        _bundle(
            _entry(
                _patient(gender="male"), "POST", "Patient", ifNoneExist="identifier=https://x.example/nr|1"
            )
        ),
        _bundle(_entry(None, "DELETE", "Basic/1")),
    )
    before = dict(record.resources)
    rehearsed = _run(record, tmp_path, *values, dry_run=True)
    assert record.resources == before
    assert record.writes == 0
    assert rehearsed.to_json() == _run(record, tmp_path, *values).to_json()


def test_a_full_disk_ends_the_run_with_an_account_and_half_writes_nothing(tmp_path: Path) -> None:
    record = MemoryRecord(StorageFull("The disk is full.", next_step="Free space."), fail_at=1001)
    (tmp_path / "a.ndjson").write_bytes(
        b"\n".join(orjson.dumps({"resourceType": "Basic", "id": str(n)}) for n in range(1800))
    )
    (tmp_path / "b.ndjson").write_bytes(b'{"resourceType":"Basic","id":"b"}')
    report = Importer(record, _MEMBER).run([tmp_path])
    assert len(record.resources) == report.loaded == report.resources["created"] == 1000
    assert report.rejected == 500
    assert isinstance(report.stopped, StorageFull)
    assert report.exit_code == StorageFull.exit_code
    assert report.reasons[-1].reason == "The disk is full."


def test_a_record_that_the_store_refuses_does_not_take_its_batch_with_it(tmp_path: Path) -> None:
    class Picky(MemoryRecord):
        def write(self, entries: Any) -> Any:
            if any(entry.resource["id"] == "7" for entry in entries):
                raise InvalidInput("Seven is refused.", rule="picky")
            return super().write(entries)

    record = Picky()
    report = _run(record, tmp_path, *({"resourceType": "Basic", "id": str(n)} for n in range(20)))
    assert (report.loaded, report.rejected, len(record.resources)) == (19, 1, 19)
    assert (report.reasons[0].line, report.reasons[0].reason, report.reasons[0].rule) == (
        8,
        "Seven is refused.",
        "picky",
    )


def test_the_report_is_one_line_with_exactly_five_members(tmp_path: Path) -> None:
    report = _run(MemoryRecord(), tmp_path, {"resourceType": "Basic", "id": "1"}, {"resourceType": "x"})
    text = report.to_json()
    assert "\n" not in text
    told = orjson.loads(text)
    assert list(told) == ["files", "loaded", "rejected", "resources", "reasons"]
    assert told["resources"] == {"created": 1, "updated": 0, "unchanged": 0, "deleted": 0}
    assert list(told["reasons"][0]) == ["file", "line", "reason", "rule", "next"]


def test_many_reasons_are_counted_and_not_listed(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b'{"resourceType":"Basic","id":"1"}\n' + b"{}\n" * 50)
    report = Importer(MemoryRecord(), _MEMBER, limits=Limits(max_reasons=10)).run([tmp_path / "in"])
    assert (report.rejected, len(report.reasons), len(report.all_reasons())) == (50, 10, 11)
    assert report.all_reasons()[-1].reason == "40 further records rejected for the same rule."


def test_progress_is_told_and_the_collector_is_back_on(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\n".join(b'{"resourceType":"Basic","id":"%d"}' % n for n in range(2500)))
    told: list[Progress] = []
    assert gc.isenabled()
    Importer(MemoryRecord(), _MEMBER).run([tmp_path / "in"], progress=told.append)
    assert gc.isenabled()
    assert len(told) == 4
    assert (told[-1].files_done, told[-1].files_total, told[-1].records) == (1, 1, 2500)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    class Forgetful(MemoryRecord):
        def write(self, entries: Any) -> Any:
            written = super().write(entries)
            self.resources.clear()
            return written

    line = b'{"resourceType":"Basic","id":"%d","text":{"div":"' + b"x" * 7000 + b'"}}\n'
    (tmp_path / "in").write_bytes(b"".join(line % n for n in range(3_000)))
    importer = Importer(Forgetful(), _MEMBER)
    tracemalloc.start()
    assert importer.run([tmp_path / "in"]).loaded == 3_000
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 16 MiB of seen references, batches of 500 and the hashes of the file's ids; the file itself has 20 MiB.
    assert peak_bytes < 28 * 1024 * 1024
