"""FHIRPath Patch: a Parameters resource whose operations add, insert, delete, replace and move elements.

All or nothing: the resource given stays as it was. Source: https://hl7.org/fhir/R4/fhirpatch.html.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.fhirpath import FhirPathError, Model, r4
from mihub.core.fhir.fhirpath.types import Step, TypeInfo
from mihub.core.fhir.patch.json_patch import MOST_OPERATIONS
from mihub.core.fhir.patch.places import Place, located, members
from mihub.errors import InvalidInput, Unprocessable

_RULE: Final = "FHIRPath Patch"


def fhirpath_patched(resource: Resource, patch: Resource, model: Model | None = None) -> Resource:
    """The resource after all operations. Raises `InvalidInput` for what is no patch, `Unprocessable` when one does not fit."""
    if patch.get("resourceType") != "Parameters":
        raise InvalidInput(
            "A FHIRPath Patch is a Parameters resource.", rule=_RULE, next_step="Send Parameters."
        )
    operations = [one for one in patch.get("parameter", ()) if one.get("name") == "operation"]
    if len(operations) != len(patch.get("parameter", ())) or len(operations) > MOST_OPERATIONS:
        raise InvalidInput(
            f"Every parameter of a FHIRPath Patch is an operation, at most {MOST_OPERATIONS}.",
            rule=_RULE,
            next_step="Name every parameter 'operation'.",
        )
    changed: Resource = copy.deepcopy(resource)
    for number, operation in enumerate(operations, start=1):
        _Operation(changed, operation, f"operation {number}", model or r4()).apply()
    return changed


class _Operation:
    """One operation on the copy."""

    def __init__(self, resource: Resource, operation: Json, where: str, model: Model) -> None:
        self._resource = resource
        self._where = where
        self._model = model
        self._parts: dict[str, Json] = {one.get("name", ""): one for one in operation.get("part", ())}

    def apply(self) -> None:
        """Change the resource, or raise."""
        kinds: dict[str, Callable[[], None]] = {
            "add": self._add, "insert": self._insert, "delete": self._delete, "replace": self._replace,
            "move": self._move,
        }  # fmt: skip
        kind = kinds.get(str(self._plain("type")))
        if kind is None:
            raise InvalidInput(
                "There is no such operation.",
                where=self._where,
                rule=f"{_RULE}: {', '.join(kinds)}",
                next_step="Name one of them as its type.",
            )
        kind()

    def _add(self) -> None:
        holder = self._one("adding")
        name = str(self._plain("name"))
        step, repeats = self._child(holder.type, name)
        if not isinstance(holder.value, dict):
            raise self._misfit("Nothing can be added to a single value.")
        if repeats:
            holder.value.setdefault(step.key, []).append(self._value(step.type))
        elif members(holder, name):
            raise self._misfit("The element is there already; replace it.")
        else:
            holder.value[step.key] = self._value(step.type)

    def _insert(self) -> None:
        items, kind = self._list()
        at = self._number("index")
        if at > len(items):
            raise self._misfit("The index lies behind the end of the list.")
        items.insert(at, self._value(kind))

    def _delete(self) -> None:
        found = self._located()
        if len(found) > 1:
            raise self._misfit("The path names several elements; one is deleted at a time.")
        for place in found:
            _remove(place)
        # FHIR knows no empty elements: what held nothing else goes too.
        _prune(self._resource)

    def _replace(self) -> None:
        place = self._one("replacing")
        if not place.key:
            raise self._misfit("A patch can not replace the whole resource.")
        value, given, now = self._value(place.type), self._given(), _capital(place.type.name)
        if given in ("", now) or place.index is not None or not place.key.endswith(now):
            _put(place, value)
            return
        # The choice changes its type, and with it its key.
        _remove(place)
        place.holder[place.key.removesuffix(now) + given] = value

    def _move(self) -> None:
        items, _ = self._list()
        source, destination = self._number("source"), self._number("destination")
        if max(source, destination) >= len(items):
            raise self._misfit("The index lies behind the end of the list.")
        items.insert(destination, items.pop(source))

    def _located(self) -> list[Place]:
        path = str(self._plain("path"))
        try:
            return located(path, self._resource, self._model)
        except FhirPathError as error:
            raise InvalidInput(
                error.what, where=f"{self._where}, path {path}", rule=_RULE, next_step=error.next_step
            ) from None

    def _one(self, doing: str) -> Place:
        found = self._located()
        if len(found) != 1:
            what = "The path names no element" if not found else "The path names several elements"
            raise self._misfit(f"{what} when {doing}.")
        return found[0]

    def _list(self) -> tuple[list[Any], TypeInfo]:
        found = self._located()
        if not found or any(one.index is None for one in found):
            raise self._misfit("The path names no list.")
        if any(one.holder is not found[0].holder or one.key != found[0].key for one in found):
            raise self._misfit("The path names several lists.")
        items: list[Any] = found[0].holder[found[0].key]
        return items, found[0].type

    def _child(self, kind: TypeInfo, name: str) -> tuple[Step, bool]:
        """The key of the child to add, chosen by the type of the value where the element leaves the choice."""
        found = _child(kind, name, self._given())
        if found is None:
            raise self._misfit(f"{kind.label} has no element {name} of that type.")
        return found

    def _given(self) -> str:
        """The type of the value as its key words it (`Quantity`); "" for an anonymous one."""
        return _type_in_key(self._parts.get("value", {}))

    def _value(self, kind: TypeInfo | None) -> Any:
        """The value given: `value[x]`, a resource, or parts that build an anonymous type."""
        part = self._parts.get("value")
        if part is None:
            raise InvalidInput(
                "The operation has no value.", where=self._where, rule=_RULE, next_step="Give a part 'value'."
            )
        return copy.deepcopy(self._read(part, kind))

    def _read(self, part: Json, kind: TypeInfo | None) -> Any:
        if "resource" in part:
            return part["resource"]
        given = next((key for key in part if key.startswith("value")), None)
        if given is not None:
            return part[given]
        built: Json = {}
        for one in part.get("part", ()):
            self._build(built, one, kind)
        return built

    def _build(self, built: Json, part: Json, kind: TypeInfo | None) -> None:
        name = str(part.get("name"))
        found = _child(kind, name, _type_in_key(part)) if kind is not None else None
        if found is None:
            raise self._misfit(f"There is no element {name} to set.")
        step, repeats = found
        value = self._read(part, step.type)
        if repeats:
            built.setdefault(step.key, []).append(value)
        else:
            built[step.key] = value

    def _plain(self, name: str) -> Any:
        part = self._parts.get(name, {})
        return next((value for key, value in part.items() if key.startswith("value")), "")

    def _number(self, name: str) -> int:
        value = self._plain(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidInput(
                f"The operation needs a whole number as {name}.",
                where=self._where,
                rule=_RULE,
                next_step=f"Give {name} from 0.",
            )
        return value

    def _misfit(self, what: str) -> Unprocessable:
        return Unprocessable(
            what,
            where=f"{self._where}, path {self._plain('path')}",
            rule=_RULE,
            next_step="Read the resource anew.",
        )


def _child(kind: TypeInfo, name: str, given: str) -> tuple[Step, bool] | None:
    """Where a child of that name and type stands, and whether it repeats."""
    steps = kind.step(name)
    step = next((one for one in steps if len(steps) == 1 or one.key == name + given), None)
    if step is None:
        return None
    row = kind.elements.get(name) or kind.elements.get(f"{name}[x]")
    return step, row is not None and row[2] != "1"


def _type_in_key(part: Json) -> str:
    return next((key[5:] for key in part if key.startswith("value")), "")


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _put(place: Place, value: Any) -> None:
    if place.index is None:
        place.holder[place.key] = value
    else:
        place.holder[place.key][place.index] = value


def _remove(place: Place) -> None:
    """Delete a value and what stands beside it (`_key`); an empty list goes with its last item."""
    beside = place.holder.get(f"_{place.key}")
    if place.index is None:
        place.holder.pop(place.key)
        place.holder.pop(f"_{place.key}", None)
        return
    del place.holder[place.key][place.index]
    if isinstance(beside, list) and place.index < len(beside):
        del beside[place.index]
    if not place.holder[place.key]:
        place.holder.pop(place.key)
        place.holder.pop(f"_{place.key}", None)


def _prune(value: Any) -> None:
    """Drop objects and lists without content, from the leaves up."""
    for key, one in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if isinstance(one, dict | list):
            _prune(one)
            if not one and isinstance(value, dict):
                del value[key]
    if isinstance(value, list):
        value[:] = [one for one in value if one not in ({}, [])]
