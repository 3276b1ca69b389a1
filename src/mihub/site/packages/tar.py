"""A tar archive read once from front to back: headers and contents, no seeking, no writing.

Reads ustar, pax and GNU long names; says of everything else only that it is there. Much faster than `tarfile` for
packages of thousands of small files, and it holds one file at a time. Source: POSIX.1-2001 pax interchange format,
https://www.gnu.org/software/tar/manual/html_node/Standard.html. Above: `archive`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

BLOCK: Final = 512
_EMPTY: Final = b"\0" * BLOCK
_FILE_TYPES: Final = frozenset({b"0", b"\0", b"7"})
_FOLDER, _LONG_NAME, _LONG_LINK = b"5", b"L", b"K"
_PAX, _PAX_FOR_ALL = b"x", b"g"
# A longer name or header is nobody's honest file.
_MOST_HEADER_BYTES: Final = 1 << 20
_SKIP_BYTES: Final = 1 << 18


class BrokenArchive(Exception):
    """This is not a tar archive, or it ends in the middle."""


class Stream(Protocol):
    """Where the archive comes from; `read` gives as many bytes as asked, fewer only at the end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry. `ordinary`: a file with contents, no link, device or sparse file."""

    name: str
    size: int
    ordinary: bool
    folder: bool


class TarReader:
    """Iterate over the members; `read` gives the contents of the one just seen, if it is called before the next."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        named: dict[str, str] = {}
        while (header := self._header()) is not None:
            kind = header[156:157]
            size = _number(header[124:136])
            if kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_FOR_ALL):
                said = self._said(kind, size)
                named |= said
                continue
            size = _declared_size(named.get("size"), size)
            name = named.get("path") or _name(header)
            sparse = any(key.startswith("GNU.sparse") for key in named)
            self._open(size if kind in _FILE_TYPES or kind not in b"123456" else 0)
            folder = kind == _FOLDER or (kind in _FILE_TYPES and name.endswith("/"))
            yield Member(name, size, kind in _FILE_TYPES and not sparse, folder)
            self._skip()
            named = {}

    def read(self) -> bytes:
        """The contents of the current member. Raises `BrokenArchive` when the archive ends before."""
        body = self._stream.read(self._left)
        if len(body) != self._left:
            raise BrokenArchive
        self._left = 0
        return body

    def _open(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK

    def _skip(self) -> None:
        rest = self._left + self._padding
        while rest:
            skipped = len(self._stream.read(min(rest, _SKIP_BYTES)))
            if not skipped:
                raise BrokenArchive
            rest -= skipped
        self._open(0)

    def _header(self) -> bytes | None:
        """The next header; None at the end of the archive. Some writers leave out the empty blocks of the end."""
        header = self._stream.read(BLOCK)
        if not header or header == _EMPTY:
            return None
        if len(header) != BLOCK or not _checked(header):
            raise BrokenArchive
        return header

    def _said(self, kind: bytes, size: int) -> dict[str, str]:
        """What a preceding header says of the member to come. A header for all members says nothing we use."""
        if size > _MOST_HEADER_BYTES:
            raise BrokenArchive
        self._open(size)
        body = self.read()
        self._skip()
        if kind == _LONG_NAME:
            return {"path": _text(body.partition(b"\0")[0])}
        return _records(body) if kind == _PAX else {}


def _checked(header: bytes) -> bool:
    given = _number(header[148:156])
    return given == sum(header[:148]) + 8 * 32 + sum(header[156:])


def _number(field: bytes) -> int:
    """An octal text, or a binary number marked by its first bit."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << (8 * (len(field) - 1)))
        if field[0] != 0x80:
            raise BrokenArchive
        return value
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise BrokenArchive
    return int(digits or b"0", 8)


def _declared_size(said: str | None, size: int) -> int:
    if said is None:
        return size
    if not said.isascii() or not said.isdigit() or len(said) > 18:
        raise BrokenArchive
    return int(said)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _records(body: bytes) -> dict[str, str]:
    """Pax records: `length key=value` and a new line, the length counting itself."""
    records: dict[str, str] = {}
    while body:
        length, _, _ = body.partition(b" ")
        if not length.isdigit() or len(length) > 7 or not len(length) < int(length) <= len(body):
            raise BrokenArchive
        key, _, value = body[len(length) + 1 : int(length) - 1].partition(b"=")
        records[_text(key)] = _text(value)
        body = body[int(length) :]
    return records
