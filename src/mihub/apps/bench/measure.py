"""What every part measures with: time, memory, and what the machine is. Only for Linux where memory is concerned."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def machine() -> str:
    """What the numbers were measured on, without names of the machine."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds and result."""
    begin = time.perf_counter()
    value = work()
    return time.perf_counter() - begin, value


def resident_mb(pg: Path) -> float:
    """Memory of this process and of the database server whose files are in `pg`; shared pages are counted once."""
    total = pss_mb(os.getpid())
    postmaster = pg / "postmaster.pid"
    if postmaster.exists():
        total += sum(pss_mb(pid) for pid in processes(int(postmaster.read_text().split()[0])))
    return total


def processes(root: int) -> list[int]:
    """A process and its children, and theirs."""
    return [root, *(pid for child in _children(root) for pid in processes(child))]


def pss_mb(pid: int) -> float:
    """Memory of one process, its part of what it shares; 0 when it has ended."""
    return _pss_kb(pid) / 1024


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                yield int(entry.name)


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
