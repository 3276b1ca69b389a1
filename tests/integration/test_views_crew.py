"""Helpers that are copies of the command: the same tables, one after the other, and only where a copy is safe."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest

from mihub.site.views import crew

# In a Python of its own, because the tests' own process has threads.
SCRIPT = """
import sys
from pathlib import Path
import orjson
from mihub.core.fhir.views import read
from mihub.errors import Unavailable
from mihub.site.views import crew, files, running
from mihub.site.views.formats import NDJSON

folder = Path(sys.argv[1])
source, files.CHUNK_BYTES = folder / "in.ndjson", 10_000
views = [
    read({"resource": "Patient", "select": [{"column": [{"name": name, "path": path}]}]})
    for name, path in (("a", "id"), ("b", "name.first().family"), ("c", "name.family"))
]

def run(view, name, hands):
    return running.run(view, files.chunks([source]), folder / name, NDJSON, crew=hands)

with crew.Crew(0) as alone:
    for i, view in enumerate(views[:2]):
        run(view, f"alone{i}", alone)
with crew.Crew(2) as hands:
    safe = crew.may_copy()
    hands.gather()
    copied = hands._pool is not None
    for i, view in enumerate(views[:2]):
        run(view, f"together{i}", hands)
    try:
        run(views[2], "never", hands)
    except Exception as error:
        refused = str(error)
    run(views[0], "after", hands)
print(orjson.dumps({"safe": safe, "copied": copied, "refused": refused}).decode())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere helpers are never copies")
def test_copies_make_the_same_tables_one_after_the_other(tmp_path: Path) -> None:
    people = [
        {"resourceType": "Patient", "id": f"p{i}", "name": [{"family": f"F{i}"}] * (2 if i == 2_500 else 1)}
        for i in range(3_000)
    ]
    (tmp_path / "in.ndjson").write_bytes(b"\n".join(map(orjson.dumps, people)))
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    assert found["safe"]
    assert found["copied"]
    assert "The column c has several values" in found["refused"]
    assert "in.ndjson, line 2501" in found["refused"]
    for i in range(2):
        alone = (tmp_path / f"alone{i}").read_bytes()
        assert alone.count(b"\n") == 3_000
        assert alone == (tmp_path / f"together{i}").read_bytes()
    assert (tmp_path / "after").read_bytes() == (tmp_path / "alone0").read_bytes()
    assert not (tmp_path / "never").exists()


def test_a_process_with_threads_is_never_copied() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not crew.may_copy()
        with crew.Crew(1) as hands:
            hands.gather()
            assert hands._pool is None
    finally:
        ended.set()
        thread.join()
