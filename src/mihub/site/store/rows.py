"""What the index keeps about one resource: few wide tables, one row a value, the parameter as a number.

`site.search` makes the rows when a resource is written and reads them when somebody asks. Engines only keep
them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mihub.core.fhir import Resource

Token = tuple[int, str, str]  # parameter, system, code
Text = tuple[int, str, str]  # parameter, folded for comparison, as written
Date = tuple[int, datetime, datetime]  # parameter, first instant, first instant after
Quantity = tuple[int, float, str, str, str]  # parameter, value, system, code, unit
Link = tuple[int, str, str]  # parameter, type ("" for a URL), id or URL
# A value inside one of several elements whose values belong together: parameter, number of the element, system, code,
# unit, value, folded, written, low, high, type, id; what the kind of value has not is None.
Part = tuple[
    int, int, str | None, str | None, str | None, float | None, str | None, str | None, datetime | None, datetime | None,
    str | None, str | None,
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexRows:
    """Rows without repetitions. `patients`: the ids of the patients to whose compartment the resource
    belongs. `withheld`: labelled as not to be disclosed to patients.
    """

    tokens: tuple[Token, ...] = ()
    texts: tuple[Text, ...] = ()
    dates: tuple[Date, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    links: tuple[Link, ...] = ()
    patients: tuple[str, ...] = ()
    withheld: bool = False
    parts: tuple[Part, ...] = ()


NO_ROWS = IndexRows()

# Raises `InvalidInput` when an indexed element can not be read.
Indexer = Callable[[Resource], IndexRows]


def parameter_id(resource_type: str, name: str) -> int:
    """The number of a search parameter: the same in every program and every run, and small in every row."""
    return zlib.crc32(f"{resource_type}.{name}".encode()) - 2**31
