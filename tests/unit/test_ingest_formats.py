"""What a file holds is seen in its content.

What is not read says so with the next step; limits hold while reading.
"""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from pathlib import Path

import orjson
import pytest

from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer, ImportReport, Limits
from mihub.site.ingest.json_depth import nests_deeper_than
from mihub.site.ingest.sniff import Format, sniff
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import DIAGNOSIS, meldung, obds, one_of_each, patient

_PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Müßig"}]}
_SMALL = Limits(max_line_bytes=1024 * 1024, max_file_bytes=8 * 1024 * 1024, gzip_ratio_from_bytes=1024 * 1024)


def _run(path: Path, record: MemoryRecord | None = None, limits: Limits | None = None) -> ImportReport:
    return Importer(record or MemoryRecord(), MemberId("chemnitz"), limits=limits).run([path])


def _write(folder: Path, content: bytes, name: str = "file") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", Format.EMPTY),
        (b" \r\n\t", Format.EMPTY),
        (b'{"resourceType":"Patient"}', Format.LINES),
        (b'{"resourceType":"Patient"}\n{"resourceType":"Basic"}\n', Format.LINES),
        (b'{"resourceType":"Patient", broken}\n{"resourceType":"Basic"}\n', Format.LINES),
        (b'{\n "resourceType": "Bundle"', Format.DOCUMENT),
        (b"\xef\xbb\xbf{\n", Format.DOCUMENT),
        ('{\n "a": 1}'.encode("utf-16"), Format.DOCUMENT),
        (b"[{}]", Format.ARRAY),
        (one_of_each().encode(), Format.OBDS),
        (one_of_each().encode("utf-16"), Format.OBDS),
        (b'<!-- before --><?xml-model x?><oBDS xmlns="http://www.basisdatensatz.de/oBDS/XML">', Format.OBDS),
        (b'<x:oBDS xmlns:x="http://www.basisdatensatz.de/oBDS/XML">', Format.OBDS),
        (b'<ADT_GEKID xmlns="http://www.gekid.de/namespace">', Format.ADT),
        (b'<Patient xmlns="http://hl7.org/fhir">', Format.FHIR_XML),
        (b"<html>", Format.OTHER_XML),
        (b"<!DOCTYPE oBDS [<!ENTITY a 'b'>]><oBDS/>", Format.DOCTYPE),
        (b"PK\x03\x04rest", Format.ZIP),
        (gzip.compress(b"x"), Format.TWICE),
        (b"MSH|^~\\&|KIS", Format.HL7V2),
        (b"Name;Vorname\n", Format.UNKNOWN),
    ],
)
def test_the_content_tells_the_format(head: bytes, expected: Format) -> None:
    assert sniff(head) is expected


@pytest.mark.parametrize(
    ("content", "reason", "next_step"),
    [
        (b"", "The file is empty.", "Export it again."),
        (b"<ADT_GEKID xmlns='http://www.gekid.de/namespace'/>", "ADT/GEKID", "export oBDS 3.0.x"),
        (b'<Patient xmlns="http://hl7.org/fhir"/>', "FHIR in XML", "application/fhir+json"),
        (b"[]", "a list", "Bundle"),
        (gzip.compress(gzip.compress(b"{}")), "compressed twice", "Unpack it once"),
        (b"some text", "none of the formats", "right file"),
        (b"<!DOCTYPE a><a/>", "document type", "Remove the DOCTYPE"),
    ],
)
def test_what_is_not_read_says_why_and_what_to_do(
    tmp_path: Path, content: bytes, reason: str, next_step: str
) -> None:
    report = _run(_write(tmp_path, content))
    assert (report.files, report.loaded, report.rejected) == (1, 0, 1)
    assert reason in report.reasons[0].reason
    assert next_step in report.reasons[0].next
    assert report.exit_code == 65


def test_a_zip_archive_is_not_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("p.json", orjson.dumps(_PATIENT))
    report = _run(tmp_path / "a.zip")
    assert report.reasons[0].reason == "This is a zip archive; archives are not opened."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("indent", [0, orjson.OPT_INDENT_2])
def test_json_comes_in_the_encodings_of_unicode(tmp_path: Path, encoding: str, indent: int) -> None:
    record = MemoryRecord()
    report = _run(_write(tmp_path, orjson.dumps(_PATIENT, option=indent).decode().encode(encoding)), record)
    assert (report.loaded, report.rejected) == (1, 0)
    assert record.resources["Patient", "p1"]["name"] == [{"family": "Müßig"}]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1"])
def test_xml_comes_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    text = obds(patient(meldung(DIAGNOSIS.replace("Lungenkarzinom", "Bösartig"))), encoding=encoding)
    record = MemoryRecord()
    report = _run(_write(tmp_path, text.encode(encoding)), record)
    assert (report.loaded, report.rejected) == (1, 0)
    assert record.of("Condition")[0]["code"]["text"] == "Bösartig"


def test_a_wrong_encoding_names_the_place(tmp_path: Path) -> None:
    text = obds(patient(meldung(DIAGNOSIS.replace("Lungenkarzinom", "Bösartig"))))
    xml = _run(_write(tmp_path, text.encode("latin-1")))
    line = text[: text.index("Bösartig")].count("\n") + 1
    assert xml.reasons[0].reason.startswith(f"The file's encoding is not the one it declares (line {line}, ")
    json = _run(_write(tmp_path, orjson.dumps(_PATIENT).decode().encode("latin-1")))
    assert json.reasons[0].reason == "The text is not UTF-8 (byte 57)."
    assert json.reasons[0].line == 1


def test_gzip_of_every_format_is_read(tmp_path: Path) -> None:
    samples = (
        one_of_each().encode(),
        orjson.dumps(_PATIENT),
        orjson.dumps(_PATIENT, option=orjson.OPT_INDENT_2),
    )
    for content in samples:
        report = _run(_write(tmp_path, gzip.compress(content)))
        assert (report.rejected, report.loaded > 0) == (0, True)


def test_gzip_of_several_members_is_one_text(tmp_path: Path) -> None:
    lines = [orjson.dumps({"resourceType": "Basic", "id": str(n)}) + b"\n" for n in range(3)]
    assert _run(_write(tmp_path, b"".join(map(gzip.compress, lines)))).loaded == 3


def test_a_truncated_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    resources = (
        {"resourceType": "Basic", "id": f"b{n}", "language": os.urandom(400).hex()} for n in range(6_000)
    )
    lines = b"\n".join(map(orjson.dumps, resources))
    report = _run(_write(tmp_path, gzip.compress(lines)[:-20_000]))
    assert report.loaded > 500
    assert report.reasons[-1].reason == "The compressed file ends early."


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * 1024 * 1024) for _ in range(64)) + packer.flush()
    limits = Limits(gzip_ratio_from_bytes=1024 * 1024)
    report = _run(_write(tmp_path, gzip.compress(b'{"a":\n') + bomb), limits=limits)
    assert "that is a bomb, not data" in report.reasons[0].reason
    assert (report.loaded, report.rejected) == (0, 1)


def test_a_line_that_is_too_long_costs_only_itself(tmp_path: Path) -> None:
    good = orjson.dumps({"resourceType": "Basic", "id": "1"})
    long = b'{"resourceType":"Basic","id":"2","text":{"div":"' + b"x" * 3_000_000 + b'"}}'
    record = MemoryRecord()
    report = _run(_write(tmp_path, b"\n".join([good, long, good.replace(b'"1"', b'"3"')])), record, _SMALL)
    assert sorted(record.resources) == [("Basic", "1"), ("Basic", "3")]
    assert (report.reasons[0].line, report.reasons[0].reason) == (2, "The line is longer than 1 MiB.")


def test_a_document_that_is_too_large_is_refused(tmp_path: Path) -> None:
    document = b'{\n "resourceType": "Basic", "x": "' + b"x" * 2_000_000 + b'"}'
    assert (
        _run(_write(tmp_path, document), limits=_SMALL).reasons[0].reason == "The document is "
        "longer than 1 MiB."
    )


def test_a_file_beyond_the_limit_stops_there(tmp_path: Path) -> None:
    line = orjson.dumps({"resourceType": "Basic", "id": "1", "text": {"div": "x" * 100_000}}) + b"\n"
    report = _run(_write(tmp_path, line * 200), limits=_SMALL)
    assert report.reasons[0].reason == "The file is larger than 8 MiB."


@pytest.mark.parametrize("depth", [101, 5_000, 1_000_000])
def test_a_depth_bomb_is_refused_without_being_parsed(tmp_path: Path, depth: int) -> None:
    bomb = b'{"resourceType":"Basic","extension":' + b"[" * depth + b"]" * depth + b"}"
    report = _run(_write(tmp_path, bomb + b'\n{"resourceType":"Basic","id":"1"}'))
    assert (report.loaded, report.rejected) == (1, 1)
    assert report.reasons[0].reason == "The JSON nests deeper than 100 levels."


def test_depth_counts_brackets_but_not_those_in_texts() -> None:
    assert not nests_deeper_than(b'{"a":"' + b"[" * 500 + b'"}', 100)
    assert not nests_deeper_than(b'{"a":"\\"' + b"{" * 500 + b'"}', 100)
    assert nests_deeper_than(b'{"a":"]' + b'"' + b"}" + b"[" * 101, 100)
    flat = b"[" + b",".join([b'{"a":[1,2,{"b":"x"}]}'] * 1000) + b"]"
    assert not nests_deeper_than(flat, 4)
    assert nests_deeper_than(flat, 3)


def test_xml_entities_are_not_opened(tmp_path: Path) -> None:
    secret = _write(tmp_path, b"hidden", "secret")
    text = one_of_each().replace("?>", f'?><!DOCTYPE oBDS [<!ENTITY e SYSTEM "file://{secret}">]>', 1)
    record = MemoryRecord()
    report = _run(_write(tmp_path, text.replace("Lungenkarzinom", "&e;").encode()), record)
    assert "document type" in report.reasons[0].reason
    assert not record.resources
    undeclared = _run(_write(tmp_path, one_of_each().replace("Lungenkarzinom", "&e;").encode()), record)
    assert "uses an entity that it does not declare" in undeclared.reasons[0].reason


def test_a_hidden_document_type_is_found_by_the_parser(tmp_path: Path) -> None:
    text = one_of_each().replace("?>", f"?><!--{'x' * 70_000}--><!DOCTYPE oBDS>", 1)
    report = _run(_write(tmp_path, text.encode()))
    assert report.loaded == 0
    assert report.rejected == 1


def test_truncated_xml_keeps_the_patients_before_the_break(tmp_path: Path) -> None:
    text = obds(*(patient(meldung(DIAGNOSIS), number=str(n)) for n in range(3)))
    cut = text.rindex("<Grading>")
    record = MemoryRecord()
    report = _run(_write(tmp_path, text[:cut].encode()), record)
    assert report.loaded == 2
    assert report.reasons[0].reason.startswith("The XML ends early; the file may be truncated (line ")
    assert len(record.of("Patient")) == 2


def test_an_obds_file_without_reports_is_refused(tmp_path: Path) -> None:
    for text in (obds(), obds(patient())):
        report = _run(_write(tmp_path, text.encode()))
        assert (report.loaded, report.rejected) == (0, 1)
        assert "no report (Meldung)" in report.reasons[0].reason


def test_folders_are_read_to_the_bottom_and_other_things_named(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    _write(tmp_path / "a" / "b", orjson.dumps(_PATIENT), "deep.txt")
    _write(tmp_path / "a", b"notes", "notes")
    os.mkfifo(tmp_path / "a" / "pipe")
    importer = Importer(MemoryRecord(), MemberId("chemnitz"))
    report = importer.run([tmp_path, tmp_path / "missing"])
    assert (report.files, report.loaded, report.rejected) == (4, 1, 3)
    told = {Path(reason.file).name: reason.reason for reason in report.reasons}
    assert told["missing"] == "There is no such file."
    assert told["pipe"] == "This is not a regular file."
    (tmp_path / "empty").mkdir()
    assert importer.run([tmp_path / "empty"]).reasons[0].reason == "The folder holds no file."
