"""Opens a file as a stream of bytes: plain or gzip, in UTF-8 for JSON, bounded in size and in compression
ratio.

Never reads a whole file and never opens what is not a regular file. Above: `sniff` and the readers. Source:
RFC 1952 (gzip), RFC 8259 §8.1 (JSON is UTF-8).
"""

from __future__ import annotations

import codecs
import io
import stat
import zlib
from pathlib import Path
from typing import Final

from mihub.errors import InvalidInput, TooLarge
from mihub.site.ingest.limits import Limits

GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK: Final = 256 * 1024
_LIMIT_RULE: Final = "limits of the import (site.ingest.limits)"


def open_bounded(path: Path, limits: Limits) -> io.BufferedReader:
    """The content, decompressed once if it is gzip.

    Raises `InvalidInput` for what is no regular file, `OSError`.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise InvalidInput(
            "This is not a regular file.", rule="only files are read", next_step="Name a file or a folder."
        )
    return _bounded(path.open("rb"), limits)


def bounded_bytes(body: bytes, limits: Limits) -> io.BufferedReader:
    """As `open_bounded`, of bytes that are held already."""
    return _bounded(io.BufferedReader(_Held(body)), limits)


def _bounded(raw: io.BufferedReader, limits: Limits) -> io.BufferedReader:
    packed = raw.peek(2)[:2] == GZIP_MAGIC
    reader: io.RawIOBase = _Gunzip(raw, limits) if packed else _Bounded(raw, limits)
    return io.BufferedReader(reader, buffer_size=_CHUNK)


def as_utf8(stream: io.BufferedReader) -> io.BufferedReader:
    """The same text in UTF-8 without a byte order mark, if it comes as UTF-16 or with a mark."""
    head = stream.peek(4)[:4]
    if head.startswith(codecs.BOM_UTF8):
        stream.read(3)
        return stream
    encoding = _utf16_of(head)
    return io.BufferedReader(_Transcoded(stream, encoding), buffer_size=_CHUNK) if encoding else stream


def _utf16_of(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) >= 2 and head[1] == 0 and head[0] != 0:
        return "utf-16-le"
    if len(head) >= 2 and head[0] == 0 and head[1] != 0:
        return "utf-16-be"
    return None


class _Reading(io.RawIOBase):
    """A raw reader that is asked through `_more` for its next bytes; none means the end."""

    def __init__(self) -> None:
        super().__init__()
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed asks for Buffer, which has no len
        if not self._left:
            self._left = self._more()
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)

    def _more(self) -> bytes:
        raise NotImplementedError


class _Held(_Reading):
    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body: bytes | None = body

    def _more(self) -> bytes:
        body, self._body = self._body, None
        return body or b""


class _Bounded(_Reading):
    def __init__(self, source: io.BufferedReader, limits: Limits) -> None:
        super().__init__()
        self._source, self._limits, self._read_bytes = source, limits, 0

    def _more(self) -> bytes:
        chunk = self._source.read(_CHUNK)
        self._read_bytes += len(chunk)
        if self._read_bytes > self._limits.max_file_bytes:
            raise too_large("The file", self._limits.max_file_bytes)
        return chunk

    def close(self) -> None:
        self._source.close()
        super().close()


class _Gunzip(_Reading):
    """Decompresses in steps of bounded size, so that a bomb is refused long before it has unfolded."""

    def __init__(self, source: io.BufferedReader, limits: Limits) -> None:
        super().__init__()
        self._source, self._limits = source, limits
        self._member = zlib.decompressobj(wbits=31)
        self._packed_bytes = self._unpacked_bytes = 0
        self._pending = b""

    def _more(self) -> bytes:
        while True:
            packed = self._pending or self._next_packed()
            if not packed:
                return self._end()
            if self._member.eof:
                if packed[:2] != GZIP_MAGIC:
                    return b""
                self._member = zlib.decompressobj(wbits=31)
            try:
                unpacked = self._member.decompress(packed, _CHUNK)
            except zlib.error as error:
                raise _broken_gzip() from error
            self._pending = self._member.unconsumed_tail or self._member.unused_data
            self._count(len(unpacked))
            if unpacked:
                return unpacked

    def _next_packed(self) -> bytes:
        chunk = self._source.read(_CHUNK)
        self._packed_bytes += len(chunk)
        return chunk

    def _end(self) -> bytes:
        if not self._member.eof:
            raise InvalidInput(
                "The compressed file ends early.",
                rule="gzip (RFC 1952)",
                next_step="Copy the file again; it is not complete.",
            )
        return b""

    def _count(self, size_bytes: int) -> None:
        self._unpacked_bytes += size_bytes
        if self._unpacked_bytes > self._limits.max_file_bytes:
            raise too_large("The unpacked file", self._limits.max_file_bytes)
        suspicious = self._unpacked_bytes > self._limits.gzip_ratio_from_bytes
        if suspicious and self._unpacked_bytes > self._packed_bytes * self._limits.max_gzip_ratio:
            raise TooLarge(
                f"The compressed file unfolds to more than {self._limits.max_gzip_ratio} times its size; "
                "that is a bomb, not data.",
                rule=_LIMIT_RULE,
                next_step="Unpack it yourself and import the parts that hold data.",
            )

    def close(self) -> None:
        self._source.close()
        super().close()


class _Transcoded(_Reading):
    def __init__(self, source: io.BufferedReader, encoding: str) -> None:
        super().__init__()
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ended = False

    def _more(self) -> bytes:
        while not self._ended:
            chunk = self._source.read(_CHUNK)
            self._ended = not chunk
            try:
                text = self._decoder.decode(chunk, final=self._ended).removeprefix("\ufeff")
            except UnicodeDecodeError as error:
                raise InvalidInput(
                    "The file says it is UTF-16 and is not.",
                    rule="the bytes must fit the encoding",
                    next_step="Save the file as UTF-8 and import it again.",
                ) from error
            if text:
                return text.encode("utf-8", errors="replace")
        return b""

    def close(self) -> None:
        self._source.close()
        super().close()


def too_large(what: str, limit_bytes: int) -> TooLarge:
    """The refusal of something longer than a limit."""
    return TooLarge(
        f"{what} is larger than {limit_bytes // (1024 * 1024)} MiB.",
        rule=_LIMIT_RULE,
        next_step="Split it, or raise the limit in the settings of the import if the size is right.",
    )


def _broken_gzip() -> InvalidInput:
    return InvalidInput(
        "The compressed file is damaged.",
        rule="gzip (RFC 1952)",
        next_step="Copy or compress the file again.",
    )
