"""Reading of a line of JSON only what a view needs: the other members are checked and passed over, not made.

Where anything is unusual the answer is None and the line is read whole by `orjson`, so that what counts as readable, and
what is said of a line that is not, stays the same. Above: `work`. Below: `msgspec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import msgspec

from mihub.core.fhir import Resource

Reader = Callable[[Any], Resource | None]


def reader(keys: Iterable[str]) -> Reader:
    """From a line to a resource with these members only; one that it lacks is None, or absent where it begins with `_`.

    None: read the line whole.
    """
    names = sorted(keys)
    # Keys such as `_id` are no names of a Python field: the fields are numbered.
    numbers = [f"m{place}" for place in range(len(names))]
    fields: list[Any] = [(number, Any, None) for number in numbers]
    shape = msgspec.defstruct("Members", fields, rename=dict(zip(numbers, names, strict=True)), gc=False)
    decode = msgspec.json.Decoder(shape).decode
    beside = [name for name in names if name.startswith("_")]
    # A second name, so that there are always several and the answer is a tuple.
    values, names = attrgetter(*numbers, numbers[0]), [*names, names[0]]

    def read(line: Any) -> Resource | None:
        try:
            members: Resource = dict(zip(names, values(decode(line)), strict=False))
        except (msgspec.DecodeError, RecursionError):
            return None
        for name in beside:
            if members[name] is None:
                del members[name]
        return members if members["resourceType"].__class__ is str else None

    return read


def is_utf8(text: bytes) -> bool:
    """Whether all of it is sound UTF-8."""
    if text.isascii():
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
