"""Refused oBDS reports, and the commands that settle what waits. Nothing a log or an account says holds a patient's value."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.apps import folders
from mihub.core.fhir import Resource
from mihub.database.embedded import Embedded
from mihub.site.quarantine.protocol import Asked
from mihub.site.validate.finding import Finding
from tests.cli_line import CommandLine
from tests.obds_sample import DIAGNOSIS, OPERATION, SECRETS, meldung, obds, patient
from tests.real_site import real_site, system
from tests.store_record import postgres  # noqa: F401  # a fixture

WHO = system("chemnitz")


class NoSpecimens:
    """A validator that takes no Specimen, until `mended`."""

    def __init__(self) -> None:
        self.mended = False

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """See `finding.Validator`."""
        if self.mended or resource.get("resourceType") != "Specimen":
            return []
        return [
            Finding(
                "error", "required", "Specimen.type", "cardinality-min", "", {"min": "1", "element": "type"}
            )
        ]


def test_a_refused_report_keeps_its_text_and_the_others_bring_the_patient(
    postgres: Embedded, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    validator = NoSpecimens()
    path = tmp_path / "meldungen.xml"
    path.write_text(obds(patient(meldung(DIAGNOSIS, "m1"), meldung(OPERATION, "m2"))), encoding="utf-8")
    with real_site(postgres, tmp_path, validation="reject", validator=validator) as site:
        report = site.importer().run([path])
        found = site.quarantine.find(Asked(), WHO)
        held = site.record.store.counts()
        assert (report.loaded, report.rejected) == (1, 1)
        assert held["Patient"] == 1, "the next report brings the Patient"
        assert "Specimen" not in held
        (item,) = found.items
        assert (item.refused.kind, item.refused.source) == ("obds", "obds-import")
        text = site.quarantine.text(item.id, WHO)
        assert b"Quersumme" in text
        assert b"<Meldung " in text
        assert text.count(b"<Meldung ") == 1, "only the refused report"
        validator.mended = True
        assert site.quarantine.retry(item.id, WHO).stored
        assert site.importer().run([path]).resources["created"] == 0, "it was the same report"
    said = "".join(capfd.readouterr()) + report.to_json()
    assert [secret for secret in SECRETS if secret in said] == []


def test_a_report_that_breaks_the_schema_is_settled_by_the_next_export(
    postgres: Embedded, tmp_path: Path
) -> None:
    bad = DIAGNOSIS.replace(
        "<Diagnosesicherung>7.1</Diagnosesicherung>", "<Diagnosesicherung>99</Diagnosesicherung>"
    )
    path = tmp_path / "meldungen.xml"
    with real_site(postgres, tmp_path, validation="warn", validator=NoSpecimens()) as site:
        path.write_text(obds(patient(meldung(bad, "m1"))), encoding="utf-8")
        if site.importer().run([path]).rejected == 0:
            pytest.skip("the rules take this value for a part that is left out")
        (item,) = site.quarantine.find(Asked(), WHO).items
        assert item.refused.troubles[0].rule == "oBDS 3.0 schema"
        assert site.quarantine.retry(item.id, WHO).troubles[0].rule == "oBDS 3.0 schema"
        path.write_text(obds(patient(meldung(DIAGNOSIS, "m1"))), encoding="utf-8")
        assert site.importer().run([path]).rejected == 0
        assert site.quarantine.find(Asked(), WHO).total == 0


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    before = signal.getsignal(signal.SIGTERM)
    yield CommandLine(capfd, monkeypatch)
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def home(postgres: Embedded, tmp_path: Path) -> Path:
    settings: dict[str, tuple[Any, str]] = {
        "member": ("my-clinic", ""),
        "port": (0, ""),
        "database_url": (postgres.url(f"cli_{tmp_path.name.replace('-', '_')}"), ""),
        "validation": ("warn, Patient=reject", ""),
    }
    folders.create(tmp_path / "s", "site", settings, "my-clinic")
    return tmp_path / "s"


def test_the_commands(line: CommandLine, home: Path, tmp_path: Path) -> None:
    bad = {"resourceType": "Patient", "id": "p1", "gender": "weiblich", "name": [{"family": "Geheimnis"}]}
    path = tmp_path / "rows.ndjson"
    path.write_bytes(orjson.dumps(bad) + b"\n" + orjson.dumps(bad | {"id": "p2", "gender": "female"}) + b"\n")
    site = ("--site", str(home))
    imported = line.run("site", "import", str(path), *site)
    assert imported.code == 65
    assert "In the quarantine: 1." in imported.out
    listed = line.run("quarantine", "list", "--json", *site)
    assert "Geheimnis" not in listed.out
    (item,) = listed.json["items"]
    assert (item["file"], item["line"], item["findings"][0]["expression"]) == (str(path), 1, "Patient.gender")
    number = str(item["id"])
    assert "verlangten Auswahl" in line.run("quarantine", "show", number, *site).out
    raw = line.run("quarantine", "show", number, "--raw", *site)
    assert orjson.loads(raw.out) == bad
    assert line.run("quarantine", "retry", number, *site).code == 65
    corrected = tmp_path / "fixed.json"
    corrected.write_bytes(orjson.dumps(bad | {"gender": "female"}))
    assert line.run("quarantine", "repair", number, str(corrected), *site).code == 0
    assert line.run("quarantine", "retry", "--all", "--json", *site).json == {
        "stored": [int(number)],
        "refused": [],
    }
    assert line.run("quarantine", "list", "--json", *site).json["items"] == []
    assert "decided already" in line.run("quarantine", "discard", number, "--reason", "test", *site).sentence
    assert "Say which records" in line.run("quarantine", "retry", *site).sentence
    numbers = line.run("quarantine", "quality", "--json", *site).json
    assert sum(one["checked"] for one in numbers["types"]) == 3
    assert "Geheimnis" not in orjson.dumps(numbers).decode()
    assert "no level" in line.run("quarantine", "list", "--site", str(_wrong(home))).sentence


def _wrong(home: Path) -> Path:
    text = (home / "site.toml").read_text(encoding="utf-8")
    (home / "site.toml").write_text(text.replace("warn, Patient=reject", "strict"), encoding="utf-8")
    return home


def test_validate_without_a_site(line: CommandLine, tmp_path: Path) -> None:
    good = {
        "resourceType": "Patient",
        "gender": "female",
        "text": {"status": "empty", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    }
    (tmp_path / "good.json").write_bytes(orjson.dumps(good, option=orjson.OPT_INDENT_2))
    assert line.run("validate", str(tmp_path / "good.json")).code == 0
    rows = tmp_path / "rows.ndjson"
    rows.write_bytes(orjson.dumps(good) + b"\n\n" + orjson.dumps(good | {"gender": "weiblich"}) + b"\n{\n")
    found = line.run("validate", str(tmp_path), "--json", "--lang", "en")
    assert found.code == 65
    document = found.json
    assert document["summary"]["files"] == 2
    assert (document["summary"]["resources"], document["summary"]["conformant"]) == (4, 2)
    by_line = {one.get("line"): one for one in document["files"] if one["file"] == str(rows)}
    assert set(by_line) == {1, 3, 4}
    (finding,) = by_line[3]["findings"]
    assert set(finding) == {"severity", "code", "expression", "rule", "profile", "text"}
    assert (finding["expression"], finding["rule"]) == ("Patient.gender", "binding-required")
    assert by_line[4]["findings"][0]["severity"] in ("error", "fatal")
    profile = {
        "resourceType": "StructureDefinition",
        "url": "http://example.org/strict",
        "name": "Strict",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}]},
    }
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "strict.json").write_bytes(orjson.dumps(profile))
    extra = ("--with", str(tmp_path / "profile"), "--profile", "http://example.org/strict")
    strict = line.run("validate", str(tmp_path / "good.json"), *extra, "--json").json
    (missing,) = [one for one in strict["files"][0]["findings"] if one["severity"] == "error"]
    assert (missing["rule"], missing["profile"]) == ("cardinality-min", "http://example.org/strict")
    assert "birthDate" in missing["expression"] + missing["text"]
    assert strict["summary"]["profiles"]["http://example.org/strict"] == {
        "resources": 1,
        "with_errors": 1,
        "unknown": 0,
    }
    nobody = line.run("validate", str(tmp_path / "good.json"), "--profile", "http://nowhere/x", "--json").json
    assert nobody["summary"]["profiles"]["http://nowhere/x"]["unknown"] == 1
    (tmp_path / "a.xml").write_text("<Patient xmlns='http://hl7.org/fhir'/>", encoding="utf-8")
    for name, rule in (("a.xml", "file-xml"), ("nowhere.json", "file-missing")):
        refused = line.run("validate", str(tmp_path / name), "--json").json
        assert refused["files"][0]["findings"][0]["rule"] == rule
    assert "XML" in line.run("validate", str(tmp_path / "a.xml")).out
    assert "1 XML file(s) passed over" in line.run("validate", str(tmp_path)).err, "a folder"
