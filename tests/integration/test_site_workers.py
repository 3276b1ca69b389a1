"""Several processes answer for one site: each write is seen by all, one that is killed is replaced, none outlives the first."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mihub.apps.bench.measure import processes
from mihub.apps.bench.store_world import World


@pytest.fixture
def world() -> Iterator[World]:
    # Not pytest's folder: as root the server runs under another account.
    with tempfile.TemporaryDirectory(prefix="mihub-test-") as place:
        Path(place).chmod(0o711)
        made = World.make(Path(place))
        made.set("workers", 3)
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(ProcessLookupError):
                made.stop()


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, "it did not come so far"
        time.sleep(0.1)


def _workers(world: World) -> list[int]:
    assert world.process is not None
    found = []
    for pid in processes(world.process.pid)[1:]:
        # One that has just ended has no command line any more.
        with contextlib.suppress(OSError):
            if b"--beside" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_workers_share_one_record_and_end_with_the_first(world: World) -> None:
    base, headers = f"http://127.0.0.1:{world.port}/fhir", world.headers()
    _until(lambda: len(_workers(world)) == 2)
    for number in range(12):
        # A new connection each, so that any of the processes may take it.
        sent = httpx.put(
            f"{base}/Patient/w{number}",
            headers=headers,
            json={"resourceType": "Patient", "id": f"w{number}"},
            timeout=60,
        )
        assert sent.status_code == 201, sent.text
        assert httpx.get(f"{base}/Patient/w{number}", headers=headers, timeout=60).status_code == 200
    killed = _workers(world)[0]
    os.kill(killed, signal.SIGKILL)
    _until(lambda: len(_workers(world)) == 2 and killed not in _workers(world))
    page = httpx.get(f"{base}/Patient?_summary=count", headers=headers, timeout=60)
    assert page.json()["total"] == 12
    left = _workers(world)
    assert world.process is not None
    world.process.kill()
    world.process.wait()
    _until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in left))
    world.process = None
    # The next start finds everything, and stops the database when it ends.
    world.start()
    again = httpx.get(
        f"http://127.0.0.1:{world.port}/fhir/Patient?_summary=count", headers=world.headers(), timeout=60
    )
    assert again.json()["total"] == 12
