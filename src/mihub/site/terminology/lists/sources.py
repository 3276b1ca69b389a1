"""The files a site downloaded: single, in folders, in ZIP files, in ZIP files inside those. Read-only streams with limits.

Nothing is unpacked beside the archive and no name from an archive becomes a path. A ZIP that is cut off, locked, or would
unpack to far more than it holds is refused with a sentence. Above: `recognise`, the parsers.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from mihub.errors import InvalidInput, NotFound, TooLarge

MAX_MEMBERS: Final = 20_000
MAX_TOTAL_BYTES: Final = 12 * 2**30
MAX_RATIO: Final = 200
# Small members may compress to nothing (a file of blanks) without being a danger.
_RATIO_COUNTS_FROM_BYTES: Final = 32 * 2**20
_MAX_DEPTH: Final = 3
_SPOOL_BYTES: Final = 16 * 2**20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, wherever it lies. `name`: its path for people, `a.zip/folder/b.txt`; `folder`: the part before the last `/`."""

    name: str
    size_bytes: int
    path: Path | None = None
    archive: zipfile.ZipFile | None = None
    member: zipfile.ZipInfo | None = None

    @property
    def base(self) -> str:
        return PurePosixPath(self.name).name

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.name).parent)

    def open(self) -> IO[bytes]:
        """The bytes, from the start. Reading raises `InvalidInput` when the archive is damaged."""
        if self.archive is None or self.member is None:
            return (self.path or Path(self.name)).open("rb")
        try:
            raw = self.archive.open(self.member)
        except (*_DAMAGED, RuntimeError) as error:
            raise damaged(self.name, error) from error
        guarded: io.RawIOBase = _Guarded(raw, self.name, self.member.file_size)
        return io.BufferedReader(guarded, 1 << 18)

    def head(self, size: int = 1 << 16) -> bytes:
        """The first bytes."""
        with self.open() as stream:
            return stream.read(size)


class _Guarded(io.RawIOBase):
    """A member's stream that never gives more than the archive declared and says in a sentence when it breaks off."""

    def __init__(self, raw: IO[bytes], name: str, declared: int) -> None:
        self._raw, self._name, self._left = raw, name, declared

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # the stub's buffer type is private
        try:
            block = self._raw.read(len(buffer))
        except (*_DAMAGED, OSError) as error:
            raise damaged(self._name, error) from error
        self._left -= len(block)
        if self._left < 0:
            raise bomb(self._name)
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._raw.close()
        super().close()


def damaged(name: str, error: Exception) -> InvalidInput:
    """What is said of an archive that can not be read to its end."""
    locked = "password" in str(error) or "encrypt" in str(error)
    return InvalidInput(
        f"{name} is locked with a password."
        if locked
        else f"{name} can not be unpacked: the ZIP file is cut off or damaged.",
        where=name,
        rule="a whole ZIP file without a password",
        next_step="Unlock it first."
        if locked
        else "Download it again, and compare its size with the publisher's page.",
    )


def bomb(name: str) -> TooLarge:
    """What is said of an archive that unpacks to far more than code lists do."""
    return TooLarge(
        f"{name} would unpack to far more than a code list holds; it was not unpacked.",
        where=name,
        rule=f"at most {MAX_RATIO} times its packed size, {MAX_TOTAL_BYTES // 2**30} GiB and {MAX_MEMBERS} files in all",
        next_step="Download it from the publisher again.",
    )


class Sources:
    """The files behind some paths, open until `close`. Use as a context manager."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._stack = ExitStack()
        self._left = MAX_TOTAL_BYTES
        try:
            self.groups = [list(self._of(path)) for path in paths]
        except BaseException:
            self.close()
            raise

    @property
    def files(self) -> list[SourceFile]:
        """All of them; `groups` has them by the path they were named with."""
        return [one for group in self.groups for one in group]

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back all files."""
        self._stack.close()

    def _of(self, path: Path) -> Iterator[SourceFile]:
        if path.is_dir():
            for child in sorted(path.rglob("*")):
                if child.is_file():
                    yield from self._file(child, f"{path.name}/{child.relative_to(path).as_posix()}")
        elif path.is_file():
            yield from self._file(path, path.name)
        else:
            raise NotFound(f"There is no file {path}.", next_step="Name the publisher's file, or its folder.")

    def _file(self, path: Path, name: str) -> Iterator[SourceFile]:
        if path.suffix.lower() != ".zip":
            yield SourceFile(name, path.stat().st_size, path=path)
            return
        yield from self._archive(self._opened(path, name), name, depth=1)

    def _opened(self, source: Path | IO[bytes], name: str) -> zipfile.ZipFile:
        try:
            return self._stack.enter_context(zipfile.ZipFile(source))
        except _DAMAGED as error:
            raise damaged(name, error) from error

    def _archive(self, archive: zipfile.ZipFile, name: str, depth: int) -> Iterator[SourceFile]:
        members = [one for one in archive.infolist() if not one.is_dir()]
        if len(members) > MAX_MEMBERS:
            raise bomb(name)
        for one in members:
            self._check(one, f"{name}/{one.filename}")
            file = SourceFile(f"{name}/{one.filename}", one.file_size, archive=archive, member=one)
            if one.filename.lower().endswith(".zip") and depth < _MAX_DEPTH:
                yield from self._archive(self._opened(self._spooled(file), file.name), file.name, depth + 1)
            else:
                yield file

    def _check(self, member: zipfile.ZipInfo, name: str) -> None:
        self._left -= member.file_size
        ratio = member.file_size / max(member.compress_size, 1)
        if self._left < 0 or (ratio > MAX_RATIO and member.file_size > _RATIO_COUNTS_FROM_BYTES):
            raise bomb(name)

    def _spooled(self, file: SourceFile) -> IO[bytes]:
        spool = self._stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL_BYTES))  # noqa: SIM115  # the stack closes it
        with file.open() as stream:
            shutil.copyfileobj(stream, spool, 1 << 20)
        spool.seek(0)
        return spool
