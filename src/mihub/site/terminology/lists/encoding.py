"""In which encoding a text file is written: UTF-8, UTF-16 (by its mark), Windows-1252 or Latin-1. Anything else is refused.

A file in a DOS or Macintosh code page reads as Windows-1252 without an error, only wrong; so does UTF-8 that was
encoded twice. Both are recognised by letters that German and English words do not have, and refused: never mojibake.
Above: `rows`, the parsers.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.sources import SourceFile

_BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# UTF-8 read as Windows-1252 and written as UTF-8 again.
_TWICE = re.compile(r"Ã[¤¶¼Ÿ„–œ\x84\x96\x9c\x9f]|Ã(?=[a-z])|â€[œž™“”\x9c\x9d\x99]|\ufffd")
# Between letters, or as a capital inside a word: signs that stand there only when the code page is another one.
_STRANGE = re.compile(
    r"(?<=[a-zäöüß])[„”™ŽŠŸšžƒ‡§¤¨Ê†€ŒÂÃ](?=[a-zäöüß])|(?<=[a-z])[\x80-\x9f]|[\x81\x8d\x8f\x90\x9d]"
)
_TOLERATED = 0.01


def encoding_of(file: SourceFile) -> str:
    """The codec of a file, after reading all of it. Raises `InvalidInput` when its letters can not be right."""
    head = file.head(4)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise _refused(file, "UTF-32")
    for mark, name in _MARKS:
        if head.startswith(mark):
            _check(file, name)
            return name
    if b"\0" in file.head(4096):
        raise _refused(file, "no text, or UTF-16 without its mark")
    if _is_utf8(file):
        _check(file, "utf-8")
        return "utf-8"
    _check(file, "cp1252")
    return "cp1252"


def is_binary(file: SourceFile) -> bool:
    """Whether a file's beginning is no text; UTF-16 that says so by its mark is text."""
    head = file.head(256)
    return b"\0" in head and not any(head.startswith(mark) for mark, _ in _MARKS)


def _is_utf8(file: SourceFile) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open() as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _check(file: SourceFile, name: str) -> None:
    pattern = _STRANGE if name == "cp1252" else _TWICE
    seems = "a DOS or Macintosh code page" if name == "cp1252" else "UTF-8 that was encoded twice, or damaged"
    lines, odd, first = 0, 0, 0
    with opened(file, name) as text:
        for number, line in enumerate(text, 1):
            if line.isascii():
                continue
            lines += 1
            if pattern.search(line):
                odd += 1
                first = first or number
    # A publisher's slip in one of thousands of lines is no reason to refuse them all.
    if odd > lines * _TOLERATED:
        raise _refused(file, seems, first)


def _refused(file: SourceFile, seems: str, line: int = 0) -> InvalidInput:
    return InvalidInput(
        f"{file.name} is not written in an encoding that can be read safely; it seems to be {seems}.",
        where=f"{file.name}, line {line}" if line else file.name,
        rule="UTF-8, UTF-16 with its mark, Windows-1252 or Latin-1",
        next_step="Load the publisher's own file, not one saved again by another program; or save it as UTF-8.",
    )


@contextmanager
def opened(file: SourceFile, name: str) -> Iterator[TextIO]:
    """The text of a file, line ends untouched. A byte that its encoding does not have raises `InvalidInput`."""
    # Windows-1252 leaves five bytes undefined; they decode to the control signs that `_STRANGE` refuses.
    errors = "mihub-undefined" if name == "cp1252" else "strict"
    with file.open() as raw, io.TextIOWrapper(raw, encoding=name, errors=errors, newline="") as text:
        try:
            yield text
        except UnicodeError as error:
            raise _refused(file, "another encoding than its beginning says") from error


def _undefined(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("mihub-undefined", _undefined)
