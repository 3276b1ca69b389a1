"""DuckDB over the Parquet files: the engine that answers. The only module of this room that names the driver.

Bounded in memory and threads, reads nothing but its own folder, fetches no extension. Means what
`core.query.memory` means (tests/generative/test_query_engines.py). Not for several threads: `table` holds the
lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

from mihub.core.query.explain import Attrition, parts, step
from mihub.core.query.nodes import Node
from mihub.core.query.permission import Permission
from mihub.core.query.sql import attrition_sql, people_sql
from mihub.errors import TooLarge
from mihub.site.facts.segments import Manifest, SegmentFolder

MEMORY_MB: Final = 256
THREADS: Final = 2
# Sorted as questions ask, so that whole blocks can be skipped.
_ORDER: Final = "kind, slot, system, code, patient"


class DuckEngine:
    """Engine over one folder of segments; `use` says which of them count."""

    def __init__(self, segments: SegmentFolder) -> None:
        import duckdb

        self._segments = segments
        self._database = duckdb.connect(":memory:")
        self._bound(segments.folder)

    def _bound(self, folder: Path) -> None:
        where = str(folder.resolve()).replace("'", "''")
        for statement in (
            f"SET memory_limit='{MEMORY_MB}MB'",
            f"SET threads={THREADS}",
            f"SET temp_directory='{where}/spill'",
            "SET autoinstall_known_extensions=false",
            "SET autoload_known_extensions=false",
            f"SET allowed_directories=['{where}']",
            "SET enable_external_access=false",
            "SET lock_configuration=true",
        ):
            self._database.execute(statement)

    def close(self) -> None:
        """Give the memory back."""
        self._database.close()

    def use(self, manifest: Manifest) -> None:
        """Ask these segments from now on."""
        self._database.execute("DROP VIEW IF EXISTS facts; DROP VIEW IF EXISTS consents")
        self._database.execute(f"CREATE OR REPLACE TABLE changed AS {self._changed(manifest)}")
        for part in ("facts", "consents"):
            self._database.execute(f"CREATE VIEW {part} AS {self._current(part, manifest)}")

    def people(self, node: Node, *, as_of: date, permission: Permission | None = None) -> frozenset[str]:
        """See `core.query.engine.Engine.people`."""
        rows = self._ask(people_sql(node, as_of=as_of, consent=permission is not None), permission)
        return frozenset(row[0] for row in rows)

    def attrition(self, node: Node, *, as_of: date, permission: Permission | None = None) -> Attrition:
        """See `core.query.engine.Engine.attrition`."""
        row = self._ask(attrition_sql(node, as_of=as_of, consent=permission is not None), permission)[0]
        asked = enumerate(parts(node))
        steps = (step(part, alone=row[1 + 2 * i], remaining=row[2 + 2 * i]) for i, part in asked)
        return Attrition(row[0], tuple(steps))

    def units_of(self, codes: Iterable[str]) -> dict[str, int]:
        """How many measured facts of these codes are written in each unit."""
        rows = self._database.execute(
            "SELECT unit, count(*) FROM facts WHERE value_low IS NOT NULL AND slot = '' "
            "AND list_contains(?, code) GROUP BY unit ORDER BY unit",
            [list(codes)],
        ).fetchall()
        return {str(unit): int(count) for unit, count in rows}

    def size(self) -> tuple[int, int]:
        """Facts, and people among them."""
        row = self._database.execute(
            "SELECT count(*), count(DISTINCT CASE WHEN kind = 'person' THEN patient END) FROM facts"
        ).fetchone()
        return int(row[0]), int(row[1])

    def consents(self) -> list[tuple[str, str, str]]:
        """(resource, patient, body) of every stored Consent."""
        return list(self._database.execute("SELECT resource, patient, body FROM consents").fetchall())

    def merge(self, part: str, number: int) -> int:
        """Write everything that counts as one part of a new segment; returns its rows."""
        columns = self._database.execute(f"DESCRIBE {part}").fetchall()
        names = ", ".join(row[0] for row in columns if row[0] != "segment")
        order = _ORDER if part == "facts" else "resource"
        select = f"SELECT {names}, {number}::INTEGER AS segment FROM {part} ORDER BY {order}"
        self._segments.write(self._segments.path(part, number), lambda path: self._copy(select, path))
        counted = self._database.execute(f"SELECT count(*) FROM {part}").fetchone()
        return int(counted[0])

    def _copy(self, select: str, path: Path) -> None:
        where = str(path.resolve()).replace("'", "''")
        self._database.execute(f"COPY ({select}) TO '{where}' (FORMAT parquet, COMPRESSION zstd)")

    def _ask(self, statement: str, permission: Permission | None) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            if permission is None:
                return list(self._database.execute(statement).fetchall())
            return self._under(permission, statement)
        except duckdb.OutOfMemoryException as error:
            raise TooLarge(
                "The question needs more memory than counting may use.",
                rule=f"memory of the facts engine, {MEMORY_MB} MB",
                next_step="Ask with fewer criteria at once.",
            ) from error

    def _under(self, permission: Permission, statement: str) -> list[tuple[Any, ...]]:
        consented, windows = _tables(permission)
        self._database.register("consented", consented)
        self._database.register("windows", windows)
        try:
            return list(self._database.execute(statement).fetchall())
        finally:
            self._database.unregister("consented")
            self._database.unregister("windows")

    def _changed(self, manifest: Manifest) -> str:
        files = self._files("changed", manifest)
        if not files:
            return "SELECT '' AS resource, 0::INTEGER AS segment WHERE false"
        return f"SELECT resource, max(segment) AS segment FROM read_parquet({files}) GROUP BY resource"

    def _current(self, part: str, manifest: Manifest) -> str:
        """The rows of each resource's newest segment."""
        files = self._files(part, manifest)
        if not files:
            return _empty(part)
        if len(manifest.segments) == 1:
            return f"SELECT * FROM read_parquet({files})"
        newer = "SELECT 1 FROM changed c WHERE c.resource = r.resource AND c.segment > r.segment"
        return f"SELECT * FROM read_parquet({files}) r WHERE NOT EXISTS ({newer})"

    def _files(self, part: str, manifest: Manifest) -> list[str]:
        return [str(self._segments.path(part, one.number).resolve()) for one in manifest.segments]


def _empty(part: str) -> str:
    if part == "consents":
        return "SELECT '' AS resource, '' AS patient, '' AS body, 0::INTEGER AS segment WHERE false"
    words = [
        "kind",
        "patient",
        "resource",
        "slot",
        "system",
        "code",
        "value_system",
        "value_code",
        "unit",
        "encounter",
        "department",
    ]
    columns = [f"''::VARCHAR AS {name}" for name in words]
    columns += [f"0::DOUBLE AS {name}" for name in ("value_low", "value_high")]
    columns += [f"NULL::DATE AS {name}" for name in ("date_low", "date_high")]
    return f"SELECT {', '.join(columns)}, 0::INTEGER AS segment WHERE false"


def _tables(permission: Permission) -> tuple[Any, Any]:
    import pyarrow as pa

    rows = [(p, low, high) for p, windows in permission.windows.items() for low, high in windows]
    windows = pa.table(
        {
            "patient": pa.array([row[0] for row in rows], pa.string()),
            "low": pa.array([row[1] for row in rows], pa.date32()),
            "high": pa.array([row[2] for row in rows], pa.date32()),
        }
    )
    return pa.table({"patient": pa.array(sorted(permission.people), pa.string())}), windows
