"""Before a value set is used: everything it imports is there, nothing includes itself, every filter can be asked.

Source: R4 ValueSet.compose (vsd-…), the terminology ecosystem's `errors` and `big` tests. Above: `validate_code`, `expand`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.concepts import property_value
from mihub.site.terminology.issues import Refused, issue, refused
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.versions import join

_SUPPLEMENT: Final = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"
_DEEPEST: Final = 64

Resolve = Callable[[str, Resource], Resource | None]


def canonical(value_set: Resource) -> str:
    """`url|version` of a value set, or a word for one without an address."""
    return join(value_set["url"], value_set.get("version", "")) if value_set.get("url") else "(unidentified)"


def operator(raw: Json) -> str:
    """A filter's operator; R5's operators come into R4 as an extension on a missing code."""
    if raw.get("op"):
        return str(raw["op"])
    extensions = (raw.get("_op") or {}).get("extension") or []
    return next((str(one["valueCode"]) for one in extensions if "valueCode" in one), "")


def parts(value_set: Resource) -> Iterator[tuple[str, Json]]:
    """Every include and exclude with its place."""
    compose = value_set.get("compose") or {}
    for name in ("include", "exclude"):
        for position, part in enumerate(compose.get(name) or []):
            yield f"ValueSet.compose.{name}[{position}]", part


def check(value_set: Resource, resolve: Resolve, missing: Callable[[str], Refused]) -> None:
    """Raises `Refused` for a ring, for a filter without a value, and `missing(canonical)` for an unknown import."""
    _check(value_set, resolve, missing, (), set())


def _check(
    value_set: Resource,
    resolve: Resolve,
    missing: Callable[[str], Refused],
    chain: tuple[Resource, ...],
    done: set[int],
) -> None:
    if any(value_set is one for one in chain) or len(chain) > _DEEPEST:
        raise _ring(value_set, chain)
    if id(value_set) in done:
        return
    for where, part in parts(value_set):
        _check_filters(where, part)
        for imported in part.get("valueSet") or []:
            other = resolve(imported, value_set)
            if other is None:
                raise missing(imported)
            _check(other, resolve, missing, (*chain, value_set), done)
    done.add(id(value_set))


def _ring(value_set: Resource, chain: tuple[Resource, ...]) -> Refused:
    names = [canonical(one) for one in (*chain, value_set)]
    chained = f"[{', '.join(names)}]"
    return refused(
        "processing", "vs-invalid", "VALUESET_CIRCULAR_REFERENCE", value_set=names[-1], chain=chained
    )


def _check_filters(where: str, part: Json) -> None:
    for position, one in enumerate(part.get("filter") or []):
        if not one.get("value"):
            place = f"{where}.filter[{position}]"
            facts = {
                "system": part.get("system", ""),
                "property": one.get("property", ""),
                "op": one.get("op", ""),
            }
            found = issue(
                "error",
                "invalid",
                "vs-invalid",
                "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE",
                place,
                **facts,
            )
            raise Refused(found, status=400)


def required_supplements(value_set: Resource) -> list[str]:
    """The supplements a value set says it depends on."""
    values = (
        property_value(one)[0] for one in value_set.get("extension") or [] if one.get("url") == _SUPPLEMENT
    )
    return [one for one in values if isinstance(one, str)]


def check_supplements(canonicals: list[str], sources: Sources) -> None:
    """Raises `Refused` when one that must be used is not known."""
    unknown = [one for one in canonicals if not sources.has_supplement(one)]
    if unknown:
        raise refused("not-found", "not-found", "VALUESET_SUPPLEMENT_MISSING", supplement=",".join(unknown))
