"""`mihub validate` on files that are no FHIR: one sentence each, the rest is read, exit code 65, never a traceback."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from mihub.apps.validate import Wanted, run

PATIENT = {"resourceType": "Patient", "gender": "male"}
NAMED = [{"family": "x"}]
BAD: dict[str, tuple[bytes, str, str]] = {
    "random.json": (random.Random(1).randbytes(3000), "file-other", "Das ist weder FHIR-JSON noch NDJSON"),
    "cut.json": (b'{"resourceType": "Patient", "na', "json-syntax", "Der Text ist kein JSON (Zeile 1"),
    "empty.json": (b"", "file-empty", "Die Datei enthält nichts."),
    "paper.json": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "file-other", "Das ist weder FHIR-JSON noch NDJSON"),
    "other.json": (b'<Patient xmlns="http://hl7.org/fhir"/>', "file-xml", "Das ist XML"),
    "other.json.gz": (gzip.compress(b'<Patient xmlns="http://hl7.org/fhir"/>'), "file-xml", "Das ist XML"),
    "half.json.gz": (
        gzip.compress(json.dumps(PATIENT).encode())[:30],
        "file-damaged",
        "Die Datei lässt sich nicht bis zu ihrem Ende lesen.",
    ),
    "list.json": (b"[1, 2]", "json-object", "Hier muss ein JSON-Objekt stehen."),
    "text.json": (b'"x"', "file-other", "Das ist weder FHIR-JSON noch NDJSON"),
    "lone.json": (b'{"resourceType":"Patient","id":"\\ud800"}', "json-syntax", "Der Text ist kein JSON"),
    "nan.json": (
        b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
        "json-number",
        "Der Text enthält NaN",
    ),
    "twice.json": (
        b'{"resourceType":"Patient","active":true,"active":false}',
        "json-duplicate-key",
        "Der Schlüssel „active“ steht zweimal im selben Objekt.",
    ),
    "deep.json": (
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "json-depth",
        "Die Ressource ist tiefer geschachtelt als erlaubt.",
    ),
    "deep-list.json": (
        b'{"resourceType":"Patient","name":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "json-depth",
        "Die Ressource ist tiefer geschachtelt als erlaubt.",
    ),
    "long.json": (
        json.dumps({**PATIENT, "name": [{"family": "x" * 10_000_000}]}).encode(),
        "text-length",
        "Der Text ist länger als 1048576 Zeichen.",
    ),
    "many.json": (
        json.dumps({**PATIENT, "name": [{"family": 1}] * 50_000}).encode(),
        "type-json",
        "Ein Wert vom Typ string muss in JSON als string stehen.",
    ),
}


def told(capsys: pytest.CaptureFixture[str], *files: Path) -> tuple[int, dict[str, Any]]:
    code = run(Wanted(files=files), as_json=True)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


@pytest.mark.parametrize("name", sorted(BAD))
def test_each_is_told_in_a_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, rule, sentence = BAD[name]
    (tmp_path / name).write_bytes(body)
    code, document = told(capsys, tmp_path / name)
    assert code == 65
    [entry] = document["files"]
    errors = [one for one in entry["findings"] if one["severity"] in ("error", "fatal")]
    assert errors[0]["rule"] == rule
    assert errors[0]["text"].startswith(sentence), errors[0]["text"]
    assert len(entry["findings"]) <= 10_000


def test_a_folder_of_them_does_not_hide_what_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("random.json", "cut.json", "other.json", "half.json.gz", "nan.json"):
        (tmp_path / name).write_bytes(BAD[name][0])
    (tmp_path / "right.json").write_text(json.dumps(PATIENT))
    (tmp_path / "lines.ndjson").write_text(json.dumps(PATIENT) + "\n{bad\n" + json.dumps(PATIENT) + "\n")
    code, document = told(capsys, tmp_path)
    wrong = [
        (Path(one["file"]).name, one.get("line"))
        for one in document["files"]
        if any(found["severity"] in ("error", "fatal") for found in one["findings"])
    ]
    assert code == 65
    assert len(document["files"]) == 9
    assert ("right.json", 1) not in wrong
    assert [line for name, line in wrong if name == "lines.ndjson"] == [2]


def test_entries_of_a_bundle_count_by_their_profiles_and_keep_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = [f"urn:uuid:00000000-0000-4000-8000-00000000000{number}" for number in range(2)]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": urls[0], "resource": {**PATIENT, "gender": "x"}},
            {"fullUrl": urls[1], "resource": PATIENT},
        ],
    }
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    code, document = told(capsys, tmp_path / "b.json")
    errors = [one for one in document["files"][0]["findings"] if one["severity"] == "error"]
    assert code == 65
    assert [one["expression"] for one in errors] == ["Bundle.entry[0].resource.gender"]
    counts = document["summary"]["profiles"]["http://hl7.org/fhir/StructureDefinition/Patient"]
    assert (counts["resources"], counts["with_errors"]) == (2, 1)
