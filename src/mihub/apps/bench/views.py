"""`mihub bench views`: rows a second and memory of a view over Observations, beside what a hard-coded flattening reaches.

The Observations are synthetic, in the shape of the MII's laboratory module, about 1.4 kB each; the view has eight columns. They
are read from NDJSON, and from the record of a site. The ceiling is orjson and hand-written dictionary access for the same rows
in one process, written as Parquet. 256,000 rows are measured because a large MII project needed 609 s for as many. Below:
`site.views`.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mihub.core.fhir.views import View, read
from mihub.site.views import crew, files, running
from mihub.site.views.formats import CSV, NDJSON, PARQUET

_LOINC: Final = "http://loinc.org"
_UCUM: Final = "http://unitsofmeasure.org"
_CODES: Final = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood"),
    ("2093-3", "Cholesterol [Mass/volume] in Serum"),
)
_HL7: Final = "http://terminology.hl7.org/CodeSystem"
_MII: Final = "https://www.medizininformatik-initiative.de/fhir/core"
VIEW: Final[dict[str, Any]] = {
    "resourceType": "ViewDefinition",
    "name": "laboratory",
    "status": "active",
    "resource": "Observation",
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()", "type": "id"},
                {"name": "patient", "path": "subject.getReferenceKey(Patient)", "type": "id"},
                {
                    "name": "code",
                    "path": f"code.coding.where(system = '{_LOINC}').code.first()",
                    "type": "code",
                },
                {"name": "display", "path": "code.coding.first().display", "type": "string"},
                {"name": "effective", "path": "effective.ofType(dateTime)", "type": "dateTime"},
                {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"},
                {"name": "unit", "path": "value.ofType(Quantity).code", "type": "code"},
                {"name": "status", "path": "status", "type": "code"},
            ]
        }
    ],
}


def run(rows: int = 100_000, more_rows: int = 256_000) -> dict[str, Any]:
    """Rows a second (wall and CPU), peak memory, and the ceiling, in one run on this machine."""
    view = read(VIEW)
    with tempfile.TemporaryDirectory(prefix="mihub-bench-views-") as place:
        folder = Path(place)
        small, large = folder / "small.ndjson", folder / "large.ndjson"
        _write(small, rows)
        _write(large, more_rows)
        found: dict[str, Any] = {
            "cores": crew.cores(),
            "input_bytes_per_row": round(small.stat().st_size / rows),
            "ceiling": _ceiling(small, folder / "ceiling.parquet"),
        }
        for form in (PARQUET, NDJSON, CSV):
            found[form.name] = _measured(view, small, folder / f"out.{form.ending}", form)
        found["parquet_one_process"] = _measured(view, small, folder / "one.parquet", PARQUET, helpers=0)
        found[f"parquet_{more_rows}"] = _measured(view, large, folder / "large.parquet", PARQUET)
        # Before a site is loaded, which takes more than the tables do.
        found["peak_mb"] = _peak_mb(resource.RUSAGE_SELF)
        found["record"] = _of_record(view, small, folder)
        found["record_rows_per_second"] = found["record"]["rows_per_second"]
    found["record_peak_mb"] = _peak_mb(resource.RUSAGE_SELF)
    found["peak_mb_of_a_helper"] = _peak_mb(resource.RUSAGE_CHILDREN)
    return found


def _measured(
    view: View, source: Path, path: Path, form: Any, *, helpers: int | None = None
) -> dict[str, Any]:
    before, begin = _cpu_seconds(), time.perf_counter()
    with crew.Crew(helpers) as hands:
        hands.gather()
        report = running.run(view, files.chunks([source]), path, form, crew=hands)
    return _rates(report.rows, time.perf_counter() - begin, _cpu_seconds() - before)


def _rates(rows: int, seconds: float, cpu: float) -> dict[str, Any]:
    return {
        "rows": rows,
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
        "cpu_seconds": round(cpu, 2),
        "rows_per_cpu_second": round(rows / cpu),
    }


def _of_record(view: View, source: Path, folder: Path) -> dict[str, Any]:
    """The same resources, as `mihub views run --site` reads them. CPU is ours, without that of the database."""
    before = _cpu_seconds()
    with crew.Crew() as hands:
        hands.gather()
        # Now, because a site brings threads, and loading its rooms is no part of what is measured.
        from mihub.apps import site as site_command
        from mihub.apps.bench.store_world import World
        from mihub.apps.views import operator
        from mihub.core.policy.rules import Action
        from mihub.site.api.views import records_of
        from mihub.site.views.record import Selection

        # The database may belong to another user, who has to come through.
        folder.chmod(0o711)
        with redirect_stdout(sys.stderr):
            world = World.make(folder)
        with site_command.opened(world.site) as opened:
            _store(opened.record.pool, source)
            access = operator(opened.member)
            within = opened.record.gate.restriction(access, Action.EXPORT)
            before, begin = _cpu_seconds(), time.perf_counter()
            with records_of(opened.record).snapshot() as snapshot:
                selection = Selection(view.resource, interaction="viewdefinition-export")
                chunks = snapshot.chunks(selection, access, within)
                report = running.run(view, chunks, folder / "record.parquet", PARQUET, crew=hands)
            seconds = time.perf_counter() - begin
    return _rates(report.rows, seconds, _cpu_seconds() - before)


def _store(pool: Any, source: Path) -> None:
    """Resources and whose they are, which is all that views read; without the index for searches."""
    now = datetime.now(UTC)
    with pool.connection() as connection, connection.transaction(), source.open("rb") as stream:
        columns = "rid, type, id, version_id, position, last_updated, digest, body"
        owners = []
        with connection.cursor().copy(f"COPY resource ({columns}) FROM STDIN") as copy:
            for rid, line in enumerate(stream, 1):
                one = orjson.loads(line)
                copy.write_row((rid, "Observation", one["id"], 1, rid, now, b"bench", line.rstrip(b"\n")))
                owners.append((one["subject"]["reference"].removeprefix("Patient/"), rid))
        with connection.cursor().copy("COPY compartment (patient, rid) FROM STDIN") as copy:
            for owner in owners:
                copy.write_row(owner)
    with pool.connection() as connection:
        connection.execute("ANALYZE resource, compartment")


def _cpu_seconds() -> float:
    """Of this process and of helpers that have ended."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in times)


def _peak_mb(who: int) -> int:
    peak = resource.getrusage(who).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


def _write(path: Path, count: int) -> None:
    dice = random.Random(1)  # noqa: S311  # synthetic values, no secret
    with path.open("wb") as stream:
        for number in range(count):
            stream.write(orjson.dumps(_observation(number, dice), option=orjson.OPT_APPEND_NEWLINE))


def _observation(number: int, dice: random.Random) -> dict[str, Any]:
    code, display = dice.choice(_CODES)
    unit = {"unit": "g/dL", "system": _UCUM, "code": "g/dL"}
    limits = {"low": {"value": 12, **unit}, "high": {"value": 16, **unit}}
    return {
        "resourceType": "Observation",
        "id": f"observation-{number}",
        "meta": {
            "versionId": "1",
            "lastUpdated": "2026-11-20T10:00:00.000Z",
            "profile": [f"{_MII}/modul-labor/StructureDefinition/ObservationLab"],
        },
        "identifier": [
            {
                "type": {"coding": [{"system": f"{_HL7}/v2-0203", "code": "OBI"}]},
                "system": "https://laboratory.example/observations",
                "value": f"L{number:08}",
                "assigner": {"identifier": {"system": f"{_MII}/CodeSystem/core-location-identifier", "value": "EX"}},
            }
        ],
        "status": "final",
        "category": [
            {"coding": [{"system": _LOINC, "code": "26436-6"}, {"system": f"{_HL7}/observation-category", "code": "laboratory"}]}
        ],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": display}], "text": "Laborwert"},
        "subject": {"reference": f"Patient/p{number % 5000}"},
        "encounter": {"reference": f"Encounter/e{number % 20000}"},
        "effectiveDateTime": f"2024-05-{1 + number % 28:02}T08:{number % 60:02}:00+02:00",
        "issued": "2024-05-02T09:00:00.000+02:00",
        "valueQuantity": {"value": round(dice.uniform(1, 20), 2), **unit},
        "interpretation": [{"coding": [{"system": f"{_HL7}/v3-ObservationInterpretation", "code": "N"}]}],
        "referenceRange": [limits],
    }  # fmt: skip


def _ceiling(source: Path, path: Path) -> dict[str, int]:
    """Rows a second, wall and CPU, of the same eight columns, written out by hand, in one process."""
    begin, cpu, count = time.perf_counter(), _cpu_seconds(), 0
    names = [column["name"] for column in VIEW["select"][0]["column"]]
    kinds = [pa.float64() if name == "value" else pa.string() for name in names]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for rows in _by_hand(source):
            arrays = [
                pa.array(values, type=kind)
                for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            count += len(rows)
    return {
        "rows_per_second": round(count / (time.perf_counter() - begin)),
        "rows_per_cpu_second": round(count / (_cpu_seconds() - cpu)),
    }


def _by_hand(source: Path) -> Iterator[list[tuple[Any, ...]]]:
    rows = []
    with source.open("rb") as stream:
        for line in stream:
            rows.append(_row(orjson.loads(line)))
            if len(rows) == 10_000:
                yield rows
                rows = []
    if rows:
        yield rows


def _row(observation: dict[str, Any]) -> tuple[Any, ...]:
    codings = observation.get("code", {}).get("coding", [])
    quantity = observation.get("valueQuantity") or {}
    return (
        observation.get("id"),
        observation.get("subject", {}).get("reference", "").removeprefix("Patient/"),
        next((one.get("code") for one in codings if one.get("system") == _LOINC), None),
        codings[0].get("display") if codings else None,
        observation.get("effectiveDateTime"),
        quantity.get("value"),
        quantity.get("code"),
        observation.get("status"),
    )
