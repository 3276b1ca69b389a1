"""Views over files: formats and types, lines that can not be read, several processes, all or nothing."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mihub.core.fhir.views import Findings, ViewError, read
from mihub.core.fhir.views.definition import RowError
from mihub.errors import InvalidInput, NotFound
from mihub.site.views import arrow, crew, files, running
from mihub.site.views.encoding import encoder
from mihub.site.views.formats import CSV, JSON, NDJSON, PARQUET, Format

Json = dict[str, Any]
NAMES = {"resource": "Patient", "name": "names", "select": [{"column": [
    {"name": "id", "path": "id", "type": "id"}, {"name": "family", "path": "name.family", "type": "string"},
    {"name": "given", "path": "name.given", "type": "string", "collection": True},
    {"name": "active", "path": "active", "type": "boolean"}]}]}  # fmt: skip


def people(count: int) -> list[Json]:
    return [
        {
            "resourceType": "Patient",
            "id": f"p{i}",
            "active": i % 2 == 0,
            "name": [{"family": 'A "b", c', "given": ["x", "y"]}],
        }
        for i in range(count)
    ]


def written(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(lines))
    return path


def run(source: Path, out: Path, form: Format, document: Json = NAMES, **more: Any) -> running.Report:
    return running.run(read(document), files.chunks(files.found([source])), out, form, **more)


def test_every_format_holds_the_same_rows(tmp_path: Path) -> None:
    source = written(tmp_path / "in.ndjson", [orjson.dumps(one) for one in people(5)])
    expected = [
        {"id": f"p{i}", "family": 'A "b", c', "given": ["x", "y"], "active": i % 2 == 0} for i in range(5)
    ]
    run(source, tmp_path / "out.json", JSON)
    assert orjson.loads((tmp_path / "out.json").read_bytes()) == expected
    run(source, tmp_path / "out.ndjson", NDJSON)
    assert [orjson.loads(line) for line in (tmp_path / "out.ndjson").open("rb")] == expected
    run(source, tmp_path / "out.parquet", PARQUET)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == expected
    run(source, tmp_path / "out.csv", CSV)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [(row["id"], row["family"], row["given"], row["active"]) for row in rows][:2] == [
        ("p0", 'A "b", c', '["x","y"]', "true"), ("p1", 'A "b", c', '["x","y"]', "false"),
    ]  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("out.*")} == {0o600}


@pytest.mark.parametrize("form", [JSON, NDJSON, CSV, PARQUET])
def test_no_rows_are_a_table_without_rows(tmp_path: Path, form: Format) -> None:
    source = written(tmp_path / "in.ndjson", [b'{"resourceType":"Observation"}'])
    assert run(source, tmp_path / "out", form).rows == 0
    content = (tmp_path / "out").read_bytes()
    if form == PARQUET:
        assert pq.read_table(tmp_path / "out").schema.names == ["id", "family", "given", "active"]
    else:
        assert content == {"json": b"[]", "ndjson": b"", "csv": b"id,family,given,active\n"}[form.name]


def test_lines_that_can_not_be_read_are_kept_with_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 2_000)
    lines = [orjson.dumps(one) for one in people(200)]
    bad = {17: b'{"resourceType": "Patient", ', 18: b"[]", 120: b"\xff\xfe", 199: b'{"id": "x"}'}
    for number, text in bad.items():
        lines[number - 1] = text
    lines[49] = b"  "
    report = run(written(tmp_path / "in.ndjson", lines), tmp_path / "out.csv", CSV)
    assert (report.rows, report.unreadable) == (200 - 5, 4)
    assert report.aside is not None
    kept = [orjson.loads(line) for line in report.aside.open("rb")]
    assert [(one["file"], one["line"]) for one in kept] == [("in.ndjson", number) for number in bad]
    assert [one["reason"].split(" (")[0] for one in kept] == [
        "It is not JSON", "It is not a FHIR resource.", "It is not JSON", "It is not a FHIR resource.",
    ]  # fmt: skip
    assert kept[1]["text"] == "[]"
    assert kept[2]["base64"] == "//4="
    assert report.aside.stat().st_mode & 0o777 == 0o600


def test_a_run_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 2_000)
    resources = people(100)
    resources[77]["name"].append({"family": "Geheim"})
    source = written(tmp_path / "in.ndjson", [orjson.dumps(one) for one in resources])
    out = tmp_path / "out.csv"
    out.write_text("old")
    with pytest.raises(RowError) as caught:
        run(source, out, CSV)
    assert caught.value.where == "in.ndjson, line 78; select[0].column[1].path"
    assert "Geheim" not in str(caught.value)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.ndjson", "out.csv"]


def test_several_processes_give_the_same_table_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 20_000)
    monkeypatch.setattr(crew, "SMALL_BYTES", 0)
    lines = [orjson.dumps(one) for one in people(6_000)]
    lines[4_000] = b"{"
    source = written(tmp_path / "in.ndjson", lines)
    reports = [
        run(source, tmp_path / "one.parquet", PARQUET, helpers=0),
        run(source, tmp_path / "two.parquet", PARQUET, helpers=1),
        run(source, tmp_path / "left.parquet", PARQUET, helpers=1, takes_part=False),
    ]
    tables = [pq.read_table(report.path) for report in reports]
    assert tables[0].num_rows == 5_999
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    for report in reports:
        assert report.aside is not None
        assert orjson.loads(report.aside.read_bytes())["line"] == 4_001
    resources = people(6_000)
    resources[5_500]["name"].append({"family": "B"})
    source = written(tmp_path / "bad.ndjson", [orjson.dumps(one) for one in resources])
    with pytest.raises(RowError) as caught:
        run(source, tmp_path / "bad.parquet", PARQUET, helpers=1)
    assert caught.value.where.startswith("bad.ndjson, line 5501;")


def test_folders_gzip_bundles_and_documents(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    one, two, three, four = (orjson.dumps(each) for each in people(4))
    (folder / "a.ndjson.gz").write_bytes(gzip.compress(one + b"\n"))
    (folder / "b.json").write_bytes(
        b'{"resourceType":"Bundle","entry":[{"resource":' + two + b'},{"fullUrl":"x"}]}'
    )
    (folder / "deep" / "c.json").write_bytes(three)
    (folder / "deep" / "d.json").write_bytes(four + b"\n" + four)
    (folder / "readme.txt").write_text("no")
    report = run(folder, tmp_path / "out.ndjson", NDJSON)
    found = [orjson.loads(line)["id"] for line in (tmp_path / "out.ndjson").open("rb")]
    assert (found, report.unreadable) == (["p0", "p1", "p2", "p3", "p3"], 0)
    (folder / "broken.ndjson.gz").write_bytes(gzip.compress(one * 100)[:-20])
    with pytest.raises(InvalidInput, match="The compressed file is broken or ends early"):
        run(folder, tmp_path / "again.ndjson", NDJSON)
    with pytest.raises(NotFound, match="There is no file to read"):
        files.found([tmp_path / "in" / "readme.txt"] and [_empty(tmp_path)])


def _empty(tmp_path: Path) -> Path:
    (tmp_path / "nothing").mkdir()
    return tmp_path / "nothing"


SQL_TYPES: list[tuple[str, Any, pa.DataType, Any, int]] = [
    ("DATE", "2020-05-01", pa.date32(), date(2020, 5, 1), 0),
    ("date", "2020-05", pa.date32(), None, 1),
    ("TIMESTAMP WITH TIME ZONE", "2020-05-01T10:00:00+02:00", pa.timestamp("us", tz="UTC"),
     datetime(2020, 5, 1, 8, tzinfo=UTC), 0),
    ("DECIMAL(12,3)", 1.25, pa.decimal128(12, 3), Decimal("1.250"), 0),
    ("DECIMAL(3,2)", 123.0, pa.decimal128(3, 2), None, 1),
    ("character varying(20)", 1.25, pa.string(), "1.25", 0),
    ("BIGINT", 7, pa.int64(), 7, 0),
    ("SMALLINT", 70_000, pa.int16(), None, 1),
    ("VARBINARY", "aGFsbG8=", pa.binary(), b"hallo", 0),
    ("BINARY", "%%", pa.binary(), None, 1),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "value", "kind", "kept", "count"), SQL_TYPES)
def test_the_tag_ansi_type_says_how_parquet_keeps_a_column(
    sql: str, value: Any, kind: pa.DataType, kept: Any, count: int
) -> None:
    column = {"name": "x", "path": "$this", "tag": [{"name": "ansi/type", "value": sql}]}
    view = read({"resource": "Patient", "select": [{"column": [column]}]})
    schema, findings = arrow.schema(view), Findings()
    assert schema.field("x").type == kind
    assert arrow.batch([(value,), (None,)], view, schema, findings).to_pylist() == [{"x": kept}, {"x": None}]
    assert sum(one.count for one in findings.listed()) == count


def test_a_type_that_is_not_known_is_refused() -> None:
    column = {"name": "x", "path": "id", "tag": [{"name": "ansi/type", "value": "UNIVERSE"}]}
    view = read({"resource": "Patient", "select": [{"column": [column]}]})
    with pytest.raises(ViewError, match="The type in the tag ansi/type is not known"):
        encoder(view, PARQUET)
