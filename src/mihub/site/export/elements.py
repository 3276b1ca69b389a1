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
# Elements of a choice of types, which a request names without their type.
_CHOICES: Final = frozenset(
    {
        "value",
        "effective",
        "onset",
        "abatement",
        "deceased",
        "multipleBirth",
        "medication",
        "performed",
        "occurrence",
    }
)
_SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


def only(text: bytes, resource_type: str, elements: Collection[tuple[str, str]]) -> bytes:
    """The lines with these elements only; as they are when no element is named for the type."""
    names = {name for kind, name in elements if kind in ("", resource_type)}
    if not names:
        return text
    kept = _Kept(_ALWAYS | names | mandatory(resource_type))
    return b"".join([_cut(line, kept) for line in text.split(b"\n") if line])


@lru_cache(maxsize=256)
def mandatory(resource_type: str) -> frozenset[str]:
    """The elements that R4 wants in every resource of the type."""
    found = core_definitions().structure(_BASE + resource_type)
    elements = found.resource["snapshot"]["element"] if found is not None else []
    paths = [str(one["path"]).split(".") for one in elements if one.get("min")]
    return frozenset(path[1] for path in paths if len(path) == 2)


class _Kept(dict[str, bool]):
    """Whether an element is kept, worked out once for each name."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> bool:
        # `_birthDate` stands beside `birthDate`, `valueQuantity` is meant by `value` as well.
        plain = name.removeprefix("_")
        kept = plain in self._names or any(
            plain.startswith(one) and plain[len(one) : len(one) + 1].isupper()
            for one in _choices(self._names)
        )
        self[name] = kept
        return kept


def _choices(names: Collection[str]) -> list[str]:
    return [one.removesuffix("[x]") for one in names if one in _CHOICES or one.endswith("[x]")]


def _cut(line: bytes, kept: _Kept) -> bytes:
    resource: dict[str, Any] = orjson.loads(line)
    part = {name: value for name, value in resource.items() if kept[name]}
    if len(part) == len(resource):
        return line + b"\n"
    meta = dict(part.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return orjson.dumps(part | {"meta": meta}, option=orjson.OPT_APPEND_NEWLINE)
