"""From the JSON of a ViewDefinition to the checked middle form, or one sentence about what is wrong and where.

Unknown members inside selects and columns are refused: a misspelt `forEach` would give other rows in silence.
Source: SQL on FHIR v2, StructureDefinition ViewDefinition and §Processing Algorithm, ValidateColumns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.shapes import UNKNOWN, Shape
from mihub.core.fhir.fhirpath.temporal import READERS
from mihub.core.fhir.fhirpath.types import Model, r4
from mihub.core.fhir.views import limits
from mihub.core.fhir.views.definition import Column, Iteration, Path, Select, View, ViewError
from mihub.core.fhir.views.kinds import KIND_OF, Kind, kind_of, type_name
from mihub.core.fhir.views.paths import RESERVED, oddity, prepare

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ITERATIONS: Final[tuple[Iteration, ...]] = ("forEach", "forEachOrNull", "repeat")
_EVERYWHERE: Final = frozenset(["id", "extension", "modifierExtension", "comment"])
_SELECT: Final = frozenset(["column", "select", "unionAll", *_ITERATIONS]) | _EVERYWHERE
_COLUMN: Final = frozenset(["name", "path", "type", "collection", "description", "tag", "tags"]) | _EVERYWHERE
_CONSTANTS: Final = {
    "Base64Binary": "base64Binary", "Boolean": "boolean", "Canonical": "canonical", "Code": "code", "Date": "date",
    "DateTime": "dateTime", "Decimal": "decimal", "Id": "id", "Instant": "instant", "Integer": "integer",
    "Integer64": "integer64", "Oid": "oid", "String": "string", "PositiveInt": "positiveInt", "Time": "time",
    "UnsignedInt": "unsignedInt", "Uri": "uri", "Url": "url", "Uuid": "uuid", "Markdown": "markdown",
}  # fmt: skip


def read(document: object, model: Model | None = None) -> View:
    """The view. Raises `ViewError` with the place in the document."""
    types = model or r4()
    if not isinstance(document, dict):
        raise ViewError("A ViewDefinition is a JSON object.", "ViewDefinition")
    if document.get("resourceType", "ViewDefinition") != "ViewDefinition":
        raise ViewError("The document is not a ViewDefinition.", "resourceType")
    resource = _resource(document, types)
    kind = types.type(resource)
    focus = UNKNOWN if kind is None else Shape((kind,))
    reader = _Reader(types, _constants(document))
    wheres = tuple(reader.wheres(document, focus))
    given = _list(document, "select", "")
    if not given:
        raise ViewError("A view selects at least one thing.", "select")
    selects = tuple(reader.select(each, f"select[{i}]", focus, 1) for i, each in enumerate(given))
    whole = Select((), selects, (), "", (), focus)
    columns = whole.names
    _check_names(columns)
    return View(
        name=_name(document),
        resource=resource,
        wheres=wheres,
        select=whole,
        columns=columns,
        notes=tuple(reader.notes),
        document=document,
        url=_text(document, "url"),
        version=_text(document, "version"),
    )


def _resource(document: Json, model: Model) -> str:
    resource = document.get("resource")
    if not isinstance(resource, str) or not resource:
        raise ViewError("The view does not say which resource type it is about.", "resource")
    if not model.is_resource(resource):
        raise ViewError(
            "There is no such resource type.",
            "resource",
            rule="https://hl7.org/fhir/R4/resourcelist.html",
            next_step="Correct the name; upper and lower case count.",
        )
    return resource


def _name(document: Json) -> str:
    name = document.get("name")
    if name is None:
        return ""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ViewError(
            "The name can not be the name of a table.",
            "name",
            next_step="Use letters, digits and underscores, a letter first.",
        )
    return name


@dataclass(slots=True)
class _Reader:
    model: Model
    constants: Mapping[str, nodes.Literal]
    notes: list[str] = field(default_factory=list)
    columns: int = 0

    def wheres(self, document: Json, focus: Shape) -> Iterator[Path]:
        for i, each in enumerate(_list(document, "where", "")):
            place = f"where[{i}]"
            _object(each, place, frozenset(["path", "description"]) | _EVERYWHERE)
            path = self.path(each.get("path"), f"{place}.path", focus)
            found = path.shape.types
            if found and not any(kind.name in ("boolean", "Boolean") for kind in found):
                raise ViewError(
                    "The condition does not give true or false.",
                    path.place,
                    next_step="Compare the value, or ask exists().",
                )
            yield path

    def select(self, given: object, place: str, focus: Shape, depth: int) -> Select:
        """One selection structure on items of these types."""
        if depth > limits.MAX_DEPTH:
            raise ViewError(f"Selects are nested deeper than {limits.MAX_DEPTH} levels.", place)
        found = _object(given, place, _SELECT)
        iteration, paths, inner = self._iteration(found, place, focus)
        columns = tuple(
            self._column(each, f"{place}.column[{i}]", inner)
            for i, each in enumerate(_list(found, "column", place))
        )
        selects = self._nested(found, "select", place, inner, depth)
        unions = self._nested(found, "unionAll", place, inner, depth)
        if not (columns or selects or unions):
            raise ViewError("The select has no column, select or unionAll.", place)
        _check_branches(unions, place)
        return Select(columns, selects, unions, iteration, paths, inner)

    def _nested(self, found: Json, key: str, place: str, focus: Shape, depth: int) -> tuple[Select, ...]:
        listed = _list(found, key, place)
        return tuple(
            self.select(each, f"{place}.{key}[{i}]", focus, depth + 1) for i, each in enumerate(listed)
        )

    def _iteration(self, found: Json, place: str, focus: Shape) -> tuple[Iteration, tuple[Path, ...], Shape]:
        used = [key for key in _ITERATIONS if found.get(key) is not None]
        if len(used) > 1:
            raise ViewError(
                f"A select has one of forEach, forEachOrNull and repeat; here are {len(used)}.", place
            )
        if not used:
            return "", (), focus
        if used[0] == "repeat":
            return self._repeat(found, place, focus)
        path = self.path(found[used[0]], f"{place}.{used[0]}", focus)
        return used[0], (path,), path.shape

    def _repeat(self, found: Json, place: str, focus: Shape) -> tuple[Iteration, tuple[Path, ...], Shape]:
        listed = _list(found, "repeat", place)
        if not listed:
            raise ViewError("repeat needs at least one path.", f"{place}.repeat")
        places = [f"{place}.repeat[{i}]" for i in range(len(listed))]
        paths = tuple(self.path(text, at, focus) for text, at in zip(listed, places, strict=True))
        reached = _joined([path.shape for path in paths])
        # What the paths lead to from where they led: until nothing new comes, which R4's types reach at once.
        for _ in range(4):
            further = [
                prepare(text, at, reached, self.constants, self.model).shape
                for text, at in zip(listed, places, strict=True)
            ]
            wider = _joined([reached, *further])
            if wider == reached:
                return "repeat", paths, reached
            reached = wider
        return "repeat", paths, UNKNOWN

    def _column(self, given: object, place: str, focus: Shape) -> Column:
        found = _object(given, place, _COLUMN)
        self.columns += 1
        if self.columns > limits.MAX_COLUMNS:
            raise ViewError(f"A view has at most {limits.MAX_COLUMNS} columns.", place)
        name = found.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ViewError(
                "The column has no usable name.",
                f"{place}.name",
                next_step="Use letters, digits and underscores, a letter first.",
            )
        path = self.path(found.get("path"), f"{place}.path", focus)
        declared = self._type(found, place)
        fhir_type = declared or _inferred(path)
        return Column(
            name=name,
            path=path,
            kind=kind_of(fhir_type),
            fhir_type=fhir_type,
            collection=_flag(found, "collection", place),
            description=_text(found, "description"),
            sql_type=_sql_type(found, place),
        )

    def _type(self, found: Json, place: str) -> str:
        declared = found.get("type")
        if declared is None:
            return ""
        name = type_name(declared) if isinstance(declared, str) else ""
        if name not in KIND_OF and self.model.type(name) is None:
            raise ViewError("There is no such type.", f"{place}.type", next_step="Name a type of FHIR R4.")
        return name

    def path(self, text: object, place: str, focus: Shape) -> Path:
        """One expression. Raises `ViewError`."""
        if not isinstance(text, str) or not text.strip():
            raise ViewError("A FHIRPath expression, a text, is needed here.", place)
        path = prepare(text, place, focus, self.constants, self.model)
        note = oddity(path, focus, self.model)
        if note:
            self.notes.append(note)
        return path


def _inferred(path: Path) -> str:
    found = path.shape.types or ()
    names = {kind.name for kind in found}
    return names.pop() if len(names) == 1 else ""


def _joined(shapes: list[Shape]) -> Shape:
    joined = shapes[0]
    for each in shapes[1:]:
        joined = joined.joined(each)
    return joined


def _check_names(columns: tuple[Column, ...]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        place = column.path.place.removesuffix(".path")
        if column.name in seen:
            raise ViewError(
                f"The column name {column.name} is used twice.",
                f"{place}.name",
                next_step=f"Rename it; the first one is {seen[column.name]}.",
            )
        seen[column.name] = place


def _check_branches(unions: tuple[Select, ...], place: str) -> None:
    if not unions:
        return
    first = unions[0].names
    for i, branch in enumerate(unions):
        names = branch.names
        _check_names(names)
        if [column.name for column in names] != [column.name for column in first]:
            raise ViewError(
                "The branches of unionAll do not have the same columns in the same order.",
                f"{place}.unionAll[{i}]",
            )
        for column, other in zip(names, first, strict=True):
            unclear = Kind.JSON in (column.kind, other.kind) and "" in (column.fhir_type, other.fhir_type)
            if (column.kind is not other.kind and not unclear) or column.collection != other.collection:
                raise ViewError(
                    f"The column {column.name} has another type than in the first branch of unionAll.",
                    column.path.place.removesuffix(".path") + ".type",
                )


def _constants(document: Json) -> dict[str, nodes.Literal]:
    found: dict[str, nodes.Literal] = {}
    for i, each in enumerate(_list(document, "constant", "")):
        place = f"constant[{i}]"
        given = _object(each, place, None)
        name = given.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ViewError("The constant has no usable name.", f"{place}.name")
        if name in RESERVED or name in found:
            raise ViewError("The name of the constant is taken.", f"{place}.name", next_step="Rename it.")
        found[name] = _constant(given, place)
    return found


def _constant(given: Json, place: str) -> nodes.Literal:
    keys = [key for key in given if key not in _EVERYWHERE and key not in ("name", "description")]
    if len(keys) != 1 or keys[0].removeprefix("value") not in _CONSTANTS or not keys[0].startswith("value"):
        raise ViewError("A constant has a name and exactly one value of a primitive type.", place)
    kind, value = _CONSTANTS[keys[0].removeprefix("value")], given[keys[0]]
    fits = _constant_value(kind, value)
    if fits is None:
        raise ViewError(f"The constant is not a {kind}.", f"{place}.{keys[0]}")
    return nodes.Literal(fits)


def _constant_value(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "integer64" and isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value):
        return int(value)
    if kind in ("integer", "positiveInt", "unsignedInt", "integer64"):
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind == "decimal":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return Decimal(repr(value)) if number else None
    if not isinstance(value, str):
        return None
    return READERS[kind](value) if kind in READERS else value


def _list(found: Json, key: str, place: str) -> list[Any]:
    value = found.get(key, [])
    if not isinstance(value, list):
        raise ViewError(f"{key} is a list.", f"{place}.{key}" if place else key)
    return value


def _object(value: object, place: str, allowed: frozenset[str] | None) -> Json:
    if not isinstance(value, dict):
        raise ViewError("A JSON object is needed here.", place)
    for key in value if allowed is not None else ():
        if allowed is not None and key.removeprefix("_") not in allowed:
            raise ViewError(
                f"The member {key[:60]} is not known here.", place, next_step="Correct or remove it."
            )
    return value


def _text(found: Json, key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _flag(found: Json, key: str, place: str) -> bool:
    value = found.get(key, False)
    if not isinstance(value, bool):
        raise ViewError(f"{key} is true or false.", f"{place}.{key}")
    return value


def _sql_type(found: Json, place: str) -> str:
    tags = [*_list(found, "tag", place), *_list(found, "tags", place)]
    for each in tags:
        if isinstance(each, dict) and each.get("name") == "ansi/type" and isinstance(each.get("value"), str):
            return str(each["value"])
    return ""
