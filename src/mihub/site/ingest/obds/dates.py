"""oBDS dates with their accuracy become FHIR dates of that precision.

E exact -> day; T day estimated -> month; M (and J) month estimated -> year; V estimated altogether -> year,
marked as such. Source: oBDS 3.0 schema, attribute Datumsgenauigkeit; FHIR R4 dateTime. Below: `node`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.mii.canonicals import DATA_ABSENT, OBDS_ACCURACY
from mihub.site.ingest.obds.node import Node

# How many characters of YYYY-MM-DD are known.
_KNOWN: Final = {"E": 10, "T": 7, "M": 4, "J": 4, "V": 4, "": 10}


@dataclass(frozen=True, slots=True)
class ObdsDate:
    """A FHIR date; `estimated` when not even the year is certain."""

    value: str
    estimated: bool = False


def read_date(node: Node | None) -> ObdsDate | None:
    """The date of an element, or None when it is absent or empty. The rules have checked its form."""
    if node is None or not node.text:
        return None
    accuracy = node.attribute("Datumsgenauigkeit")
    return ObdsDate(node.text[: _KNOWN.get(accuracy, 10)], estimated=accuracy == "V")


def put_date(target: Json, name: str, date: ObdsDate | None, *, required: bool = False) -> None:
    """Set a date element.

    A missing required one says that it is unknown; an estimated one says so beside the value.
    """
    if date is not None:
        target[name] = date.value
        if date.estimated:
            target[f"_{name}"] = {"extension": [{"url": OBDS_ACCURACY, "valueCode": "V"}]}
    elif required:
        target[f"_{name}"] = absent()


def period(start: ObdsDate | None, end: ObdsDate | None) -> Json:
    """A Period; a start that was not reported says that it is unknown."""
    result: dict[str, Any] = {}
    put_date(result, "start", start, required=True)
    put_date(result, "end", end)
    return result


def absent(reason: str = "unknown") -> Json:
    """What stands in the place of a value that was not reported."""
    return {"extension": [{"url": DATA_ABSENT, "valueCode": reason}]}
