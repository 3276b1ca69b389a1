"""Files that are whole or not there: written beside, forced to disk, then renamed. Above: `jobs`, `site.export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def replace(path: Path, content: bytes) -> None:
    """The file with this content, readable for its owner only. Raises `OSError`."""
    temporary = path.with_name(path.name + ".part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        force(stream)
    os.replace(temporary, path)


def force(stream: IO[bytes]) -> None:
    """Everything written is on the disk when this returns."""
    stream.flush()
    os.fsync(stream.fileno())


def open_at(path: Path, size_bytes: int) -> IO[bytes]:
    """To write on after so many bytes; what stands behind them was never accounted for and is cut off."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    stream = os.fdopen(descriptor, "r+b")
    stream.truncate(size_bytes)
    stream.seek(size_bytes)
    return stream
