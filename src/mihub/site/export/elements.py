"""`_elements` of a bulk export: lines cut down to some elements, those that a type must have, and marked as parts.

Source: Bulk Data Access 2.0, `_elements`; https://hl7.org/fhir/R4/search.html#elements. Above: `writing`. Below:
`core.fhir.definitions`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

import orjson

from mihub.core.fhir.definitions.core import core_definitions

_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
_SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


def only(text: bytes, resource_type: str, elements: Collection[tuple[str, str]]) -> bytes:
    """The lines with these elements only; as they are when no element is named for the type."""
    names = {name for kind, name in elements if kind in ("", resource_type)}
    if not names:
        return text
    kept = _ALWAYS | names | mandatory(resource_type)
    return b"".join(_cut(line, kept) for line in text.splitlines())


@lru_cache(maxsize=256)
def mandatory(resource_type: str) -> frozenset[str]:
    """The elements that R4 wants in every resource of the type."""
    found = core_definitions().structure(_BASE + resource_type)
    elements = found.resource["snapshot"]["element"] if found is not None else []
    paths = [str(one["path"]).split(".") for one in elements if one.get("min")]
    return frozenset(path[1] for path in paths if len(path) == 2)


def _cut(line: bytes, kept: Collection[str]) -> bytes:
    resource: dict[str, Any] = orjson.loads(line)
    # `_birthDate` stands beside `birthDate`, `valueQuantity` is meant by `value` as well.
    part = {
        name: value
        for name, value in resource.items()
        if name.removeprefix("_") in kept or _chosen(name, kept)
    }
    if len(part) == len(resource):
        return line + b"\n"
    meta = dict(part.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return orjson.dumps(part | {"meta": meta}, option=orjson.OPT_APPEND_NEWLINE)


def _chosen(name: str, kept: Collection[str]) -> bool:
    plain = name.removeprefix("_")
    return any(
        plain.startswith(one.removesuffix("[x]")) and plain[len(one.removesuffix("[x]")) :][:1].isupper()
        for one in kept
        if one in ("value", "effective", "onset", "abatement", "deceased", "multipleBirth", "medication", "performed",
                   "occurrence") or one.endswith("[x]")
    )  # fmt: skip
