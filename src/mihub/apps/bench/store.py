"""`mihub bench store`: the record over HTTP, written and read by four clients that share the machine with it.

The ceilings of the same run: rows copied into a bare table and read back by key, JSON read and written, HTTP without us, and how
often a second this disk makes something durable. Base validation and the audit are on. Below: `store_world`, `store_load`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg

from mihub.apps.bench import store_load as load
from mihub.apps.bench.measure import timed
from mihub.apps.bench.store_world import ICD, LOINC, World, people, transaction
from mihub.apps.serve import Background, bind
from mihub.database.embedded import Embedded

_CLIENTS: Final = 4
_TRANSACTIONS: Final = 1000
_READS: Final = 8000
_SEARCHES: Final = 600
_ROWS: Final = 20_000


def run(resources: int = 100_000, *, workers: Sequence[int] = (1,)) -> dict[str, Any]:
    """The table of the record: `transaction_resources_per_second`, `import_resources_per_second`, `read_per_second`, ..."""
    dice = random.Random(7)  # noqa: S311  # which questions are asked, no secret
    with tempfile.TemporaryDirectory(prefix="mihub-bench-") as place:
        folder = Path(place)
        folder.chmod(0o711)
        result = _ceilings(folder)
        world = World.make(folder)
        result |= _import(world, resources)
        persons = resources // 7
        for count in workers:
            if count > 1:
                world.set("workers", count)
            with _served(world) as cold:
                measured = {
                    "cold_start_seconds": round(cold, 2),
                    "idle_memory_mb": _idle(world),
                    **_reads(world, persons, dice),
                    **_searches(world, persons, dice),
                    **_transactions(world, persons, seed=count),
                }
            result |= measured if count == workers[0] else {f"workers_{count}": measured}
    return result


@contextmanager
def _served(world: World) -> Iterator[float]:
    cold = world.start()
    try:
        yield cold
    finally:
        world.stop()


def _import(world: World, resources: int) -> dict[str, Any]:
    path = world.folder / "people.ndjson"
    with path.open("wb") as out:
        for person in people(resources // 7):
            out.writelines(orjson.dumps(one) + b"\n" for one in person)
    command = [
        sys.executable,
        "-m",
        "mihub",
        "site",
        "import",
        "--site",
        str(world.site),
        "--json",
        str(path),
    ]
    seconds, done = timed(lambda: subprocess.run(command, check=False, capture_output=True))  # noqa: S603
    report = orjson.loads(done.stdout)
    stored = sum(report["resources"].values())
    return {
        "resources": stored,
        "import_resources_per_second": round(stored / seconds),
        "import_mb_per_second": round(path.stat().st_size / seconds / 2**20, 2),
        "rejected": report["rejected"],
    }


def _idle(world: World) -> int:
    time.sleep(2)
    return round(world.memory_mb())


def _reads(world: World, persons: int, dice: random.Random) -> dict[str, Any]:
    headers = world.headers()
    asked = [
        load.request("GET", f"/fhir/Observation/b{dice.randrange(persons)}-o{dice.randrange(4)}", headers)
        for _ in range(_READS)
    ]
    load.run(world.port, asked[:400], _CLIENTS)
    before = world.cpu_seconds()
    done = load.run(world.port, asked, _CLIENTS)
    cpu = (world.cpu_seconds() - before) / done.count
    return {
        "read_per_second": round(done.per_second),
        "read_p50_ms": done.p50_ms,
        "read_p95_ms": done.p95_ms,
        "read_cpu_ms": round(1000 * cpu, 3),
        "read_failed": done.failed,
    }


def _questions(persons: int, dice: random.Random) -> dict[str, Callable[[], str]]:
    def code() -> str:
        number = min(int(dice.expovariate(0.3)), 19)
        return f"code={LOINC}%7C{1000 + number}-{number % 10}"

    def year() -> str:
        begin = dice.randrange(2015, 2024)
        return f"date=ge{begin}-03-01&date=lt{begin + 1}-03-01"

    return {
        "code": lambda: f"Observation?{code()}",
        "code_date": lambda: f"Observation?{code()}&{year()}",
        "patient_code": lambda: f"Observation?patient=b{dice.randrange(persons)}&{code()}",
        "chained": lambda: (
            f"Observation?subject:Patient.identifier=https://bench.example/mr%7Cb{dice.randrange(persons)}"
        ),
        "chained_name": lambda: f"Condition?subject:Patient.family=Family{dice.randrange(3000)}",
        "has": lambda: f"Patient?_has:Condition:subject:code={ICD}%7CC{dice.randrange(50):02d}",
        "has_observation": lambda: f"Patient?_has:Observation:subject:{code()}",
        "newest": lambda: f"Observation?{code()}&_sort=-date",
        "count": lambda: f"Observation?{code()}&_summary=count",
    }


def _searches(world: World, persons: int, dice: random.Random) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, ask in _questions(persons, dice).items():
        headers = world.headers()
        # Totals are counted for whoever asks for them; a page of results by itself needs none.
        some = _SEARCHES if name in ("code", "code_date", "patient_code", "chained") else _SEARCHES // 4
        extra = "" if name == "count" else "&_count=20"
        asked = [load.request("GET", f"/fhir/{ask()}{extra}", headers) for _ in range(some)]
        done = load.run(world.port, asked, 1)
        result |= {f"search_{name}_p50_ms": done.p50_ms, f"search_{name}_p95_ms": done.p95_ms}
        if done.failed:
            result[f"search_{name}_failed"] = done.failed
    return result


def _transactions(world: World, persons: int, *, seed: int) -> dict[str, Any]:
    headers = world.headers()
    bodies = [
        transaction(one) for one in people(_TRANSACTIONS, seed=100 + seed, start=persons + 1_000_000 * seed)
    ]
    asked = [load.request("POST", "/fhir", headers, body) for body in bodies]
    load.run(world.port, asked[:40], _CLIENTS)
    before = world.cpu_seconds()
    done = load.run(world.port, asked[40:], _CLIENTS)
    cpu = (world.cpu_seconds() - before) / (7 * done.count)
    return {
        "transaction_resources_per_second": round(7 * done.per_second),
        "transaction_p50_ms": done.p50_ms,
        "transaction_p95_ms": done.p95_ms,
        "cpu_ms_per_resource_written": round(1000 * cpu, 2),
        "transaction_failed": done.failed,
    }


def _ceilings(folder: Path) -> dict[str, Any]:
    bodies = [orjson.dumps(one) for person in people(_ROWS // 7) for one in person]
    seconds, parsed = timed(lambda: [orjson.loads(body) for body in bodies])
    written, _ = timed(lambda: [orjson.dumps(one) for one in parsed])
    with (
        Embedded.start(folder / "ceiling") as server,
        psycopg.connect(server.url("bare"), autocommit=True) as bare,
    ):
        bare.execute("CREATE TABLE bare (id text PRIMARY KEY, body bytea)")

        def copied() -> None:
            with bare.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["text", "bytea"])
                for number, body in enumerate(bodies):
                    copy.write_row((str(number), body))

        copying, _ = timed(copied)
        reading, _ = timed(
            lambda: [
                bare.execute("SELECT body FROM bare WHERE id = %s", (str(one),)).fetchone()
                for one in range(3000)
            ]
        )
    return {
        "ceiling_copy_rows_per_second": round(len(bodies) / copying),
        "ceiling_point_reads_per_second": round(3000 / reading),
        "ceiling_json_parse_per_second": round(len(bodies) / seconds),
        "ceiling_json_write_per_second": round(len(bodies) / written),
        "ceiling_http_per_second": _hello(),
        "fsync_per_second": _fsyncs(folder),
    }


def _hello() -> int:
    body = b"x" * 500

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        headers = [(b"content-length", b"500")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with bind("127.0.0.1", 0) as sock, Background(app, sock) as server:
        time.sleep(0.5)
        port = int(server.url.rpartition(":")[2])
        return round(load.run(port, [load.request("GET", "/", {})] * 8000, _CLIENTS).per_second)


def _fsyncs(folder: Path) -> int:
    count = 0
    with (folder / "fsync").open("wb") as file:
        until = time.perf_counter() + 1
        while time.perf_counter() < until:
            file.write(b"x" * 8192)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count
