"""The files of a package, one by one and within limits, from a `.tgz` or an unpacked folder. Nothing is written to disk.

An entry that could reach outside of the package (absolute path, `..`, link, device) is set aside by name; an archive
that grows without measure is refused. Source: FHIR NPM package specification; gzip by `zlib`.
Above: `reading`. Below: `tar`.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mihub.errors import InvalidInput, TooLarge
from mihub.site.packages.account import SetAside
from mihub.site.packages.tar import BrokenArchive, Member, TarReader

_READ_BYTES: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_ANY_GZIP_HEADER: Final = 31
_ASK_AGAIN: Final = "Get the package again from its publisher."


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a package may be. `ratio`: unpacked to packed, looked at once `ratio_from_bytes` are unpacked."""

    packed_bytes: int = 512 * 2**20
    unpacked_bytes: int = 2 * 2**30
    file_bytes: int = 64 * 2**20
    files: int = 50_000
    ratio: int = 250
    ratio_from_bytes: int = 64 * 2**20


@dataclass(frozen=True, slots=True)
class File:
    """One file of a package: its path inside (without a leading `package/`) and its bytes."""

    place: str
    body: bytes = field(repr=False)


def files(source: Path, limits: Limits) -> Iterator[File | SetAside]:
    """What the package holds. Raises `InvalidInput` or `TooLarge` when it can not be read to its end."""
    return _folder_files(source, limits) if source.is_dir() else _archive_files(source, limits)


def _archive_files(source: Path, limits: Limits) -> Iterator[File | SetAside]:
    with source.open("rb") as packed:
        if packed.read(len(_GZIP)) != _GZIP:
            raise InvalidInput(
                "This is not a FHIR package.",
                where=source.name,
                rule="a gzip-compressed tar archive (.tgz)",
                next_step="Name the .tgz of the package, or the folder it was unpacked into.",
            )
        packed.seek(0)
        stream = _Unpacked(packed, source.name, limits)
        try:
            yield from _members(TarReader(stream), source.name, limits)
        except BrokenArchive as error:
            raise _broken(source.name) from error
        stream.drain()


def _members(archive: TarReader, name: str, limits: Limits) -> Iterator[File | SetAside]:
    for count, member in enumerate(archive):
        if count >= limits.files:
            raise _too_large(name, f"more than {limits.files} files")
        refusal = _refusal(member, limits)
        if refusal is not None:
            yield refusal
        elif not member.folder:
            yield File(_place(member.name), archive.read())


def _refusal(member: Member, limits: Limits) -> SetAside | None:
    name, again = member.name, "Ask the publisher to pack it again."
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
        return SetAside(name, "Its path leads out of the package.", "a relative path without ..", again)
    if member.folder:
        return None
    if not member.ordinary:
        return SetAside(_place(name), "It is a link or a device.", "ordinary files only", again)
    return _huge(_place(name), limits) if member.size > limits.file_bytes else None


def _huge(place: str, limits: Limits) -> SetAside:
    return SetAside(
        place,
        "It is too large.",
        f"at most {limits.file_bytes // 2**20} MB in one file",
        "Load a code list of this size with: mihub codes add",
    )


def _place(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if len(parts) > 1 and parts[0] == "package":
        parts = parts[1:]
    return "/".join(parts)


class _Unpacked:
    """The unpacked bytes of a gzip stream, counted as they come."""

    def __init__(self, packed: io.BufferedReader, name: str, limits: Limits) -> None:
        self._packed, self._name, self._limits = packed, name, limits
        self._unpacker = zlib.decompressobj(_ANY_GZIP_HEADER)
        self._waiting = self._ready = b""
        self._position = 0
        self._read_bytes = 0
        self._given_bytes = 0

    def read(self, size: int, /) -> bytes:
        """`size` bytes, fewer only at the end."""
        start, end = self._position, self._position + size
        if end <= len(self._ready):
            self._position = end
            return self._ready[start:end]
        pieces = [self._ready[start:]]
        missing = size - len(pieces[0])
        self._ready, self._position = b"", 0
        while missing > 0 and (piece := self._piece(max(missing, _READ_BYTES))):
            pieces.append(piece[:missing])
            self._ready, self._position = piece, min(missing, len(piece))
            missing -= self._position
        return b"".join(pieces)

    def drain(self) -> None:
        """Read to the end, so that a file that was cut off or damaged behind its last entry is noticed."""
        while self.read(1 << 20):
            pass

    def _piece(self, most: int) -> bytes:
        piece = b""
        while not piece:
            if self._unpacker.eof and not self._next_stream():
                return b""
            packed = self._waiting or self._take()
            try:
                piece = self._unpacker.decompress(packed, most)
            except zlib.error as error:
                raise _broken(self._name) from error
            self._waiting = self._unpacker.unconsumed_tail
            if not packed and not piece and not self._unpacker.eof:
                raise _broken(self._name)
        self._given_bytes += len(piece)
        self._check()
        return piece

    def _take(self) -> bytes:
        taken = self._packed.read(_READ_BYTES)
        self._read_bytes += len(taken)
        return taken

    def _next_stream(self) -> bool:
        """A gzip file may be several, one after the other; padding behind the last is no data."""
        rest = (self._unpacker.unused_data or self._take()).lstrip(b"\0")
        if not rest.startswith(_GZIP):
            return False
        self._unpacker = zlib.decompressobj(_ANY_GZIP_HEADER)
        self._waiting = rest
        return True

    def _check(self) -> None:
        limits = self._limits
        if self._read_bytes > limits.packed_bytes:
            raise _too_large(self._name, f"more than {limits.packed_bytes // 2**20} MB packed")
        if self._given_bytes > limits.unpacked_bytes:
            raise _too_large(self._name, f"more than {limits.unpacked_bytes // 2**20} MB unpacked")
        if self._given_bytes > max(limits.ratio_from_bytes, limits.ratio * self._read_bytes):
            raise _too_large(self._name, f"more than {limits.ratio} times its packed size")


def _folder_files(source: Path, limits: Limits) -> Iterator[File | SetAside]:
    count = total = 0
    for folder, below, names in os.walk(source):
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            place = _place(path.relative_to(source).as_posix())
            if path.is_symlink() or not path.is_file():
                yield SetAside(
                    place, "It is a link or a device.", "ordinary files only", "Copy the file there."
                )
                continue
            size = path.stat().st_size
            count, total = count + 1, total + size
            if count > limits.files or total > limits.unpacked_bytes:
                raise _too_large(source.name, f"{limits.files} files, {limits.unpacked_bytes // 2**20} MB")
            yield _huge(place, limits) if size > limits.file_bytes else File(place, path.read_bytes())


def _broken(name: str) -> InvalidInput:
    return InvalidInput(
        "The package is damaged or cut off.",
        where=name,
        rule="a whole gzip-compressed tar archive",
        next_step=_ASK_AGAIN,
    )


def _too_large(name: str, rule: str) -> TooLarge:
    return TooLarge("The package is too large.", where=name, rule=f"not {rule}", next_step=_ASK_AGAIN)
