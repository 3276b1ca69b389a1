"""Parts of resources: what `_summary` and `_elements` leave, marked as a part so that no client writes it back.

Which elements are of a summary say the definitions of R4. Source: https://hl7.org/fhir/R4/search.html#summary.
Above: `search_type`. Below: `core.fhir.definitions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.core import core_definitions

_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


@dataclass(slots=True)
class _Element:
    """One element of a type, by name without `[x]`. `inside`: its own elements, where the type defines them."""

    summary: bool = False
    needed: bool = False
    choice: bool = False
    inside: dict[str, _Element] = field(default_factory=dict)


def of_elements(resource: Resource, names: tuple[str, ...]) -> Resource:
    """The named elements only."""
    return _marked({name: value for name, value in resource.items() if name in _ALWAYS or name in names})


def summarised(resource: Resource, mode: str) -> Resource:
    """`mode`: "true" (elements of the summary), "text" (narrative and what is mandatory), "data" (no narrative)."""
    known = _elements(str(resource["resourceType"]))
    if mode == "data":
        kept: Json = {name: value for name, value in resource.items() if name != "text"}
    elif mode == "text":
        kept = {
            name: value
            for name, value in resource.items()
            if name in _ALWAYS
            or name == "text"
            or ((found := _found(known, name)) is not None and found.needed)
        }
    else:
        kept = _summary(resource, known)
    return _marked(kept)


def _summary(node: Json, known: Mapping[str, _Element]) -> Json:
    kept: Json = {}
    for name, value in node.items():
        found = _found(known, name)
        if name in _ALWAYS or (found is not None and (found.summary or found.needed)):
            kept[name] = _inside(value, found.inside) if found is not None and found.inside else value
    return kept


def _inside(value: Any, known: Mapping[str, _Element]) -> Any:
    if isinstance(value, list):
        return [_inside(one, known) for one in value]
    return _summary(value, known) if isinstance(value, dict) else value


def _found(known: Mapping[str, _Element], name: str) -> _Element | None:
    plain = name.removeprefix("_")
    if plain in known:
        return known[plain]
    return next(
        (one for base, one in known.items() if one.choice and plain.startswith(base) and plain[len(base) :][:1].isupper()),
        None,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _elements(resource_type: str) -> Mapping[str, _Element]:
    found = core_definitions().structure(f"http://hl7.org/fhir/StructureDefinition/{resource_type}")
    root = _Element()
    for element in found.resource["snapshot"]["element"] if found is not None else ():
        here = root
        for name in str(element["path"]).split(".")[1:]:
            here = here.inside.setdefault(name.removesuffix("[x]"), _Element())
        here.summary, here.needed = bool(element.get("isSummary")), int(element.get("min", 0)) > 0
        here.choice = str(element["path"]).endswith("[x]")
    return root.inside


def _marked(kept: Json) -> Resource:
    meta = dict(kept.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return kept | {"meta": meta}
