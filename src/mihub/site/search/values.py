"""The right side of a search parameter, by kind: prefixes, systems, precision, references.

Source: https://hl7.org/fhir/R4/search.html#ptypes. Above: `parse`. Never repeats the value in an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final, cast

from mihub.core.fhir.dates import span
from mihub.core.fhir.reference import literal
from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.errors import InvalidInput
from mihub.site.search.catalogue import Parameter
from mihub.site.search.folding import clipped, folded
from mihub.site.search.question import (
    DateValue,
    LinkValue,
    Prefix,
    QuantityValue,
    TextValue,
    TokenValue,
    Value,
)
from mihub.site.search.units import UCUM, in_base_units

_PREFIX: Final = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
# What a double can hold; a number beyond it can be in no record.
_LARGEST_EXPONENT: Final = 300
_ESCAPED: Final = re.compile(r"\\([,|$\\])")


def alternatives(text: str, separator: str = ",") -> list[str]:
    """Split at separators that are not escaped; the escapes stay."""
    return re.split(rf"(?<!\\){re.escape(separator)}", text)


def values(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> tuple[Value, ...]:
    """All alternatives. Raises `InvalidInput` naming the parameter."""
    if not text:
        raise _refused(parameter.name, "has no value")
    read = _READERS[parameter.kind]
    try:
        return tuple(read(parameter, part, modifier, local) for part in alternatives(text))
    except InvalidInput as error:
        error.where = error.where or parameter.name
        raise


def date_value(text: str, local: tzinfo) -> DateValue:
    """A prefixed date."""
    prefix, rest = _prefixed(text)
    # A "+" that a client did not encode arrives as a space.
    low, high = span(rest.replace(" ", "+"), local)
    return DateValue(prefix, low, high)


def text_value(text: str) -> TextValue:
    """A text as it is compared."""
    written = clipped(plain(text))
    return TextValue(folded(written), written)


def based(value: QuantityValue) -> QuantityValue | None:
    """The same amount in base units; None when its unit is none of UCUM's, or can not be converted."""
    if value.system != UCUM or value.unit is None:
        return None
    found = [in_base_units(number, value.unit) for number in (value.number, value.low, value.high)]
    if any(one is None for one in found):
        return None
    (number, unit), (low, _), (high, _) = (one for one in found if one is not None)
    return QuantityValue(value.prefix, number, low, high, UCUM, unit)


def urls_above(url: str) -> list[str]:
    """The URL and those that it lies below, with and without a slash at the end; the scheme and host alone as well."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return [url]
    parts = rest.rstrip("/").split("/")
    found = [f"{scheme}://{'/'.join(parts[:length])}" for length in range(1, len(parts) + 1)]
    return list(dict.fromkeys([url, *found, *(f"{one}/" for one in found)]))


def _token(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> TokenValue:
    parts = alternatives(text, "|")
    if len(parts) == 1:
        return TokenValue(None, clipped(plain(text)))
    if len(parts) > 2:
        raise _refused(parameter.name, "has more than one '|'")
    # `|code` is a code without a system, `system|` any code of it; so a lone `|` is any code without a system.
    system, code = (clipped(plain(part)) for part in parts)
    return TokenValue(system, code or None)


def _string(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> TextValue:
    return text_value(text)


def _date(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> DateValue:
    return date_value(text, local)


def _quantity(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> QuantityValue:
    prefix, rest = _prefixed(text)
    parts = [plain(part) for part in alternatives(rest, "|")]
    try:
        number = Decimal(parts[0])
    except InvalidOperation as error:
        raise _refused(parameter.name, "does not start with a number") from error
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT or len(parts) not in (1, 3):
        raise _refused(parameter.name, "is not written number|system|code")
    exact, exponent = float(number), cast(int, number.as_tuple().exponent)
    # The specification's own example: 1e2 is 95 to 105, so a written exponent counts one digit more than it shows.
    half = Decimal(5).scaleb(exponent - (2 if exponent > 0 else 1)) if prefix != "ap" else abs(number) / 10
    system, unit = (clipped(part) or None for part in (parts[1:] if len(parts) == 3 else ("", "")))
    return QuantityValue(prefix, exact, float(number - half), float(number + half), system, unit)


def _reference(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> LinkValue | TokenValue:
    if modifier == "identifier":
        return _token(parameter, text, modifier, local)
    written = plain(text)
    allowed = frozenset({modifier}) if modifier in RESOURCE_TYPES else parameter.targets or None
    found = literal(written)
    if found is not None and not found.base:
        fits = allowed is None or found.resource_type in allowed
        return LinkValue(frozenset({found.resource_type}) if fits else frozenset(), found.id)
    if ID.fullmatch(written):
        return LinkValue(allowed, written)
    return LinkValue(frozenset({""}), clipped(written), below="" if "|" in written else "|")


def _uri(parameter: Parameter, text: str, modifier: str, local: tzinfo) -> LinkValue:
    written = plain(text)
    return LinkValue(frozenset({""}), clipped(written), below="" if "|" in written else "|")


_READERS: Final[dict[str, Callable[[Parameter, str, str, tzinfo], Value]]] = {
    "token": _token,
    "string": _string,
    "date": _date,
    "quantity": _quantity,
    "number": _quantity,
    "reference": _reference,
    "uri": _uri,
}


def _prefixed(text: str) -> tuple[Prefix, str]:
    match = _PREFIX.fullmatch(text)
    prefix, rest = match.groups() if match else (None, text)
    return cast(Prefix, prefix or "eq"), rest


def plain(text: str) -> str:
    """A value without its escapes."""
    return _ESCAPED.sub(r"\1", text)


def _refused(name: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"The search parameter {name} {why}.", where=name, rule="https://hl7.org/fhir/R4/search.html#ptypes"
    )
