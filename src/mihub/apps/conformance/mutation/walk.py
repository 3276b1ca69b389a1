"""A snapshot laid over a resource: which element of the profile describes which JSON value, where it lies, who holds it.

Slices are told apart by their own fixed and pattern values (`slice_of`), not by the validator's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mihub.core.fhir import Json, Resource

Element = Json


@dataclass(frozen=True, slots=True)
class Place:
    """One element at one holder. `values`: what is there now (empty: nothing); `key`: the JSON key, "" when absent.

    `location`: FHIRPath of the holder; `steps` lead from the resource to the holder.
    """

    element: Element
    holder: Json
    steps: tuple[str | int, ...]
    location: str
    name: str
    key: str
    values: tuple[Any, ...]

    @property
    def here(self) -> str:
        """FHIRPath of the element itself, without index."""
        return f"{self.location}.{self.name}"

    @property
    def repeats(self) -> bool:
        """Whether JSON keeps it in an array."""
        return bool(self.element.get("base", {}).get("max", self.element.get("max")) not in ("0", "1"))


def places(structure: Resource, resource: Resource) -> Iterator[Place]:
    """Every unsliced element of the snapshot at every holder in the resource, the root's own elements first."""
    for element in structure["snapshot"]["element"][1:]:
        if ":" not in element["id"]:
            path = element["path"].split(".")
            for holder, steps, location in _holders(resource, path[1:-1], (), path[0]):
                yield _place(element, holder, steps, location, path[-1])


def _place(element: Element, holder: Json, steps: tuple[str | int, ...], location: str, last: str) -> Place:
    name = last.removesuffix("[x]")
    key = next((key for key in _keys(element, last) if key in holder), "")
    found = holder.get(key)
    values = () if found is None else tuple(found) if isinstance(found, list) else (found,)
    return Place(element, holder, steps, location, name, key, values)


def _keys(element: Element, last: str) -> list[str]:
    if not last.endswith("[x]"):
        return [last]
    return [last[:-3] + one["code"][0].upper() + one["code"][1:] for one in element.get("type", ())]


def _holders(
    value: Any, path: list[str], steps: tuple[str | int, ...], location: str
) -> Iterator[tuple[Json, tuple[str | int, ...], str]]:
    if not isinstance(value, dict):
        return
    if not path:
        yield value, steps, location
        return
    name = path[0]
    if name.endswith("[x]"):
        return
    found = value.get(name)
    if isinstance(found, list):
        for index, one in enumerate(found):
            yield from _holders(one, path[1:], (*steps, name, index), f"{location}.{name}[{index}]")
    else:
        yield from _holders(found, path[1:], (*steps, name), f"{location}.{name}")


def required_slices(structure: Resource, place: Place) -> Iterator[tuple[Element, list[int]]]:
    """Slices of the place's element that must occur, with the items that are theirs now."""
    elements = structure["snapshot"]["element"]
    for one in elements:
        if one["id"] == f"{place.element['id']}:{one.get('sliceName')}" and one.get("min", 0) > 0:
            marks = list(_marks(elements, place.element, one))
            if marks:
                yield (
                    one,
                    [i for i, value in enumerate(place.values) if all(_bears(value, mark) for mark in marks)],
                )


def _marks(elements: list[Element], sliced: Element, slice_: Element) -> Iterator[tuple[list[str], Any]]:
    """What tells an item of the slice: a path inside the item and the value that must be there."""
    for discriminator in sliced.get("slicing", {}).get("discriminator", ()):
        path = [] if discriminator["path"] == "$this" else discriminator["path"].split(".")
        wanted = ".".join([slice_["id"], *path])
        for one in elements:
            if one["id"] == wanted or (
                one["id"].startswith(wanted + ".") and ":" not in one["id"][len(wanted) :]
            ):
                value = fixed_or_pattern(one)
                if value is not None:
                    yield [*path, *one["id"][len(wanted) :].strip(".").split(".")], value


def fixed_or_pattern(element: Element) -> Any:
    """The value the profile demands, or None."""
    return next((value for key, value in element.items() if key.startswith(("fixed", "pattern"))), None)


def _bears(value: Any, mark: tuple[list[str], Any]) -> bool:
    path, wanted = mark
    found = [value]
    for name in filter(None, path):
        found = [one for each in found if isinstance(each, dict) for one in _listed(each.get(name))]
    return any(_holds(one, wanted) for one in found)


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(_holds(value.get(key), each) for key, each in wanted.items())
    if isinstance(wanted, list):
        return isinstance(value, list) and all(any(_holds(one, each) for one in value) for each in wanted)
    return bool(value == wanted)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
