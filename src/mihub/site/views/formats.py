"""The formats of a table: names, media types, endings. Source: SQL on FHIR v2 §Output Formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mihub.errors import NotSupported


@dataclass(frozen=True, slots=True)
class Format:
    """`name` as `_format` and `--format` say it."""

    name: str
    media: str
    ending: str


NDJSON: Final = Format("ndjson", "application/x-ndjson", "ndjson")
CSV: Final = Format("csv", "text/csv", "csv")
JSON: Final = Format("json", "application/json", "json")
PARQUET: Final = Format("parquet", "application/vnd.apache.parquet", "parquet")
FHIR: Final = Format("fhir", "application/fhir+json", "json")
FILES: Final = (NDJSON, CSV, JSON, PARQUET)
_OTHER_MEDIA: Final = {
    "application/octet-stream": PARQUET,
    "application/parquet": PARQUET,
    "application/ndjson": NDJSON,
    "application/fhir+ndjson": NDJSON,
}


def named(name: str, among: tuple[Format, ...] = FILES) -> Format:
    """The format of a name or a media type. Raises `NotSupported`."""
    for one in among:
        if name in (one.name, one.media):
            return one
    other = _OTHER_MEDIA.get(name)
    if other is not None and other in among:
        return other
    raise NotSupported(
        "There is no such output format.",
        where="_format",
        rule=f"one of {', '.join(one.name for one in among)}",
        next_step="Name one of them.",
    )
