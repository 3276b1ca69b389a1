"""What a column holds: how FHIR's types are kept, and whether a value that was found fits.

A value is turned into the declared type where nothing is lost (5 as decimal, `true` as text); anything else does not
fit, is left out and counted. Source: SQL on FHIR v2 §Column Types, §Type Hinting. Above: `reading`, `running`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import orjson

from mihub.core.fhir.fhirpath.elements import TypeValue
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time

_FHIR: Final = "http://hl7.org/fhir/StructureDefinition/"
_FHIRPATH: Final = "http://hl7.org/fhirpath/"


class Kind(Enum):
    """How values of a column are kept."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    LONG = "long"
    DECIMAL = "decimal"
    INSTANT = "instant"
    BINARY = "binary"
    JSON = "json"


class Unfit(Exception):
    """The value is of another type than the column; `found` names that type."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


KIND_OF: Final[dict[str, Kind]] = {
    "boolean": Kind.BOOLEAN, "integer": Kind.INTEGER, "positiveInt": Kind.INTEGER, "unsignedInt": Kind.INTEGER,
    "integer64": Kind.LONG, "decimal": Kind.DECIMAL, "instant": Kind.INSTANT, "base64Binary": Kind.BINARY,
} | dict.fromkeys(
    ["string", "code", "id", "uri", "url", "canonical", "oid", "uuid", "markdown", "xhtml", "date", "dateTime", "time"],
    Kind.TEXT,
)  # fmt: skip
_SYSTEM: Final = {
    "Boolean": "boolean", "String": "string", "Integer": "integer", "Long": "integer64", "Decimal": "decimal",
    "Date": "date", "DateTime": "dateTime", "Time": "time", "Quantity": "Quantity",
}  # fmt: skip


def type_name(declared: str) -> str:
    """The FHIR type that a declaration means: a code, the URI of its definition, or a type of FHIRPath's System."""
    if declared.startswith(_FHIRPATH):
        declared = declared.removeprefix(_FHIRPATH)
    if declared.startswith("System."):
        return _SYSTEM.get(declared.removeprefix("System."), "")
    return declared.removeprefix(_FHIR).removeprefix("FHIR.")


def kind_of(fhir_type: str) -> Kind:
    """Kept how? Types that are no primitives, and what is not known, stay JSON."""
    return KIND_OF.get(fhir_type, Kind.JSON)


def json_value(item: Any) -> Any:
    """A System value as JSON would write it; JSON values as they are."""
    if isinstance(item, Decimal):
        return int(item) if item == item.to_integral_value() and abs(item) < 2**53 else float(item)
    if isinstance(item, Date | DateTime | Time):
        return str(item)
    if isinstance(item, Quantity):
        return {"value": json_value(item.value), "unit": item.unit}
    if isinstance(item, TypeValue):
        return f"{item.namespace}.{item.name}"
    return item


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return orjson.dumps(value).decode()
        case _:
            raise Unfit(_named(value))


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Unfit(_named(value))


def _whole(bits: int) -> Callable[[Any], int]:
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def fit(value: Any) -> int:
        match value:
            case bool():
                raise Unfit("boolean")
            case str() if bits == 64 and value.removeprefix("-").isdecimal():
                # FHIR writes a 64 bit integer as a text.
                value = int(value[:21])
            case float() if value.is_integer():
                value = int(value)
        if not isinstance(value, int):
            raise Unfit(_named(value))
        if not least <= value <= most:
            raise Unfit(f"a number of more than {bits} bits")
        return value

    return fit


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise Unfit(_named(value))


def _moment(value: Any) -> str:
    """A text that is a moment with a zone; a writer may keep it as one."""
    if not isinstance(value, str):
        raise Unfit(_named(value))
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Unfit("no instant") from None
    if moment.tzinfo is None or len(value) < len("2015-02-07T13:28:17Z"):
        raise Unfit("no instant")
    return value


def _anything(value: Any) -> Any:
    return value


FITS: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.TEXT: _text,
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _whole(32),
    Kind.LONG: _whole(64),
    Kind.DECIMAL: _number,
    Kind.INSTANT: _moment,
    Kind.BINARY: _text,
    Kind.JSON: _anything,
}


def _named(value: Any) -> str:
    """The kind of a JSON value, never the value."""
    match value:
        case bool():
            return "boolean"
        case str() | date():
            return "text"
        case int():
            return "integer"
        case float():
            return "decimal"
        case dict():
            return "object"
        case _:
            return "list"
