"""One defect each: a kind, the broken resource, and where a finding must point.

A maker looks at one place and yields what can be broken there by the element's own words. Where FHIR leaves it open whether a
finding points at the holder or at the element, both are right places; nothing else is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mihub.apps.conformance.mutation.walk import Place, fixed_or_pattern, required_slices
from mihub.core.fhir import Json, Resource

_BROKEN: Final[dict[str, Any]] = {
    "date": "31.12.2020", "dateTime": "2020-13-45", "instant": "2020-01-01", "time": "25:61:00", "boolean": "yes",
    "integer": "seven", "positiveInt": 0, "unsignedInt": -1, "decimal": "1,5", "uri": "not a uri", "url": "not a url",
    "canonical": "not a canonical", "code": " x  y ", "id": "no_underscore!", "oid": "1.2.3", "uuid": "urn:uuid:x",
    "base64Binary": "%%%",
}  # fmt: skip
_STRANGE: Final = "a-code-that-nobody-has"


@dataclass(frozen=True, slots=True)
class Defect:
    """A resource with one thing wrong. `places`: locations a finding may name, without the index of the last step."""

    kind: str
    element: str
    resource: Resource
    places: frozenset[str]


Maker = Callable[[Resource, Resource, Place], Iterator[Defect]]


def made(structure: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    """Every defect of every maker at one place."""
    for maker in MAKERS:
        yield from maker(structure, resource, place)


def _defect(
    kind: str, resource: Resource, place: Place, change: Callable[[Json], None], *also: str
) -> Defect:
    broken = copy.deepcopy(resource)
    holder: Any = broken
    for step in place.steps:
        holder = holder[step]
    change(holder)
    right = frozenset([place.location, place.here, *also])
    return Defect(kind, place.element["id"], broken, right)


def _missing(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    # A holder that loses its last element is empty, which is another defect.
    if place.element.get("min", 0) > 0 and place.values and len(place.holder) > 1:
        yield _defect("missing", resource, place, lambda holder: holder.pop(place.key))


def _too_many(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    if place.values and place.repeats and place.element.get("max") == "1":
        yield _defect(
            "too-many",
            resource,
            place,
            lambda holder: holder[place.key].append(copy.deepcopy(holder[place.key][0])),
        )


def _array(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    if place.values and not place.repeats:
        yield _defect(
            "array", resource, place, lambda holder: holder.update({place.key: [holder[place.key]]})
        )


def _shape(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    """An object where text belongs, text where an object belongs."""
    if not place.values:
        return
    wrong: Any = "text" if isinstance(place.values[0], dict) else {"unit": "text"}
    yield _defect(
        "shape",
        resource,
        place,
        lambda holder: holder.update({place.key: [wrong] if place.repeats else wrong}),
    )


def _format(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    kind = _kind(place)
    if place.values and kind in _BROKEN:
        value = _BROKEN[kind]
        yield _defect(
            f"format-{kind}",
            resource,
            place,
            lambda holder: holder.update({place.key: [value] if place.repeats else value}),
        )


def _kind(place: Place) -> str:
    types = [one["code"] for one in place.element.get("type", ())]
    if place.element["path"].endswith("[x]"):
        return next((one for one in types if place.key.endswith(one[0].upper() + one[1:])), "")
    return types[0] if types else ""


def _unknown(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    if place.values and isinstance(place.values[0], dict) and "resourceType" not in place.values[0]:
        also = [f"{place.here}{index}.nobodyKnowsThis" for index in ("", "[0]")]
        yield _defect(
            "unknown-element",
            resource,
            place,
            lambda holder: _first(holder, place).update(nobodyKnowsThis="x"),
            *also,
        )


def _first(holder: Json, place: Place) -> Json:
    found = holder[place.key]
    first: Json = found[0] if isinstance(found, list) else found
    return first


def _empty(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    if place.values and isinstance(place.values[0], dict) and place.element.get("min", 0) == 0:
        yield _defect(
            "empty-object",
            resource,
            place,
            lambda holder: holder.update({place.key: [{}] if place.repeats else {}}),
        )


def _forbidden(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    kinds = [one["code"] for one in place.element.get("type", ())]
    samples = {
        "string": "x",
        "boolean": True,
        "dateTime": "2020-01-01",
        "date": "2020-01-01",
        "uri": "urn:x:y",
        "integer": 1,
    }
    if (
        place.element.get("max") == "0"
        and not place.values
        and kinds
        and kinds[0] in samples
        and "[x]" not in place.element["path"]
    ):
        value = samples[kinds[0]]
        yield _defect(
            "forbidden",
            resource,
            place,
            lambda holder: holder.update({place.name: [value] if place.repeats else value}),
        )


def _binding(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    """A code outside a required value set."""
    if place.element.get("binding", {}).get("strength") != "required" or not place.values:
        return
    value = place.values[0]
    if isinstance(value, str):
        yield _defect(
            "binding",
            resource,
            place,
            lambda holder: holder.update({place.key: [_STRANGE] if place.repeats else _STRANGE}),
        )
    elif "coding" in value or "system" in value:
        inside = [
            f"{place.here}{end}"
            for end in (".coding", ".coding[0]", ".coding.code", ".coding[0].code", ".code")
        ]

        def change(holder: Json) -> None:
            first = _first(holder, place)
            for coding in first.get("coding", [first]):
                coding["code"] = _STRANGE

        yield _defect("binding", resource, place, change, *inside)


def _fixed(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    wanted = fixed_or_pattern(place.element)
    if not place.values or wanted is None or _kind(place) in ("", "boolean"):
        return
    if isinstance(wanted, str) and isinstance(place.values[0], str):
        wrong = "http://example.org/another" if "://" in wanted else "another"
        yield _defect(
            "fixed",
            resource,
            place,
            lambda holder: holder.update({place.key: [wrong] if place.repeats else wrong}),
        )
    elif isinstance(wanted, dict) and isinstance(place.values[0], dict):
        inside = [f"{place.here}.{key}" for key in wanted] + [
            f"{place.here}.coding{end}" for end in ("[0]", ".code", "[0].code")
        ]

        def change(holder: Json) -> None:
            for key in wanted:
                _first(holder, place).pop(key, None)
            _first(holder, place)["id" if "id" not in wanted else "x"] = "kept"

        yield _defect("pattern", resource, place, change, *inside)


def _reference(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    if not place.values or _kind(place) != "Reference" or "reference" not in place.values[0]:
        return
    targets = {
        address.rpartition("/")[2]
        for one in place.element["type"]
        for address in one.get("targetProfile", ())
    }
    if targets and "Resource" not in targets and str(place.values[0]["reference"]).count("/") == 1:
        inside = f"{place.here}.reference"
        yield _defect(
            "reference-type",
            resource,
            place,
            lambda holder: _first(holder, place).update(
                reference="AppointmentResponse/x", type="AppointmentResponse"
            ),
            inside,
            f"{place.here}.type",
        )
        yield _defect(
            "reference-nowhere",
            resource,
            place,
            lambda holder: _first(holder, place).update(reference="#nowhere"),
            inside,
        )


def _slice(structure: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    """A slice that must occur is taken away."""
    for one, theirs in required_slices(structure, place):
        if theirs and len(theirs) < len(place.values):

            def change(holder: Json, theirs: list[int] = theirs) -> None:
                holder[place.key] = [value for i, value in enumerate(holder[place.key]) if i not in theirs]

            yield _defect(f"slice-missing {one['sliceName']}", resource, place, change)


def _invariant(_: Resource, resource: Resource, place: Place) -> Iterator[Defect]:
    """Rules of the data types that every R4 resource obeys."""
    kind = _kind(place)
    if not place.values or not isinstance(place.values[0], dict):
        return
    value = place.values[0]
    if kind == "Period" and "start" in value and "end" in value and value["start"][:10] != value["end"][:10]:
        yield _defect(
            "invariant per-1",
            resource,
            place,
            lambda holder: _first(holder, place).update(start=value["end"], end=value["start"]),
        )
    if kind == "Quantity" and "code" in value and "system" in value:
        yield _defect(
            "invariant qty-3",
            resource,
            place,
            lambda holder: _first(holder, place).pop("system") and None,
            f"{place.here}.system",
        )
    if kind == "Extension" and any(key.startswith("value") for key in value):
        nested = [{"url": "http://example.org/inner", "valueBoolean": True}]
        yield _defect(
            "invariant ext-1",
            resource,
            place,
            lambda holder: _first(holder, place).update(extension=nested),
            f"{place.here}.extension",
        )


MAKERS: Final[tuple[Maker, ...]] = (
    _missing, _too_many, _array, _shape, _format, _unknown, _empty, _forbidden, _binding, _fixed, _reference, _slice, _invariant,
)  # fmt: skip
