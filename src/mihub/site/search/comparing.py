"""What one parameter is compared with: its kind and modifier decide which rows are looked at and which values fit them.

Source: https://hl7.org/fhir/R4/search.html#modifiers. Above: `conditions`. Below: `values`, `codes`, `catalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import Final

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.errors import InvalidInput, NotSupported, TooLarge
from mihub.site.search.catalogue import Parameter, Part
from mihub.site.search.codes import Code, Codes
from mihub.site.search.folding import clipped
from mihub.site.search.question import (
    AllOf,
    AnyOf,
    Condition,
    LinkValue,
    Match,
    Missing,
    QuantityValue,
    Together,
    TokenValue,
    Value,
)
from mihub.site.search.values import alternatives, based, plain, text_value, urls_above, values

_MODIFIERS: Final[Mapping[str, frozenset[str]]] = {
    "token": frozenset({"", "not", "text", "in", "not-in", "above", "below", "of-type"}),
    "string": frozenset({"", "exact", "contains"}),
    "date": frozenset({""}),
    "quantity": frozenset({""}),
    "number": frozenset({""}),
    "reference": frozenset({"", "identifier", "below"}) | RESOURCE_TYPES,
    "uri": frozenset({"", "above", "below"}),
    "composite": frozenset({""}),
}
_MOST_VALUES: Final = 1000


class Comparing:
    """Knows the site's time zone and terminology; the latter is opened by the first question that needs it."""

    def __init__(self, local: tzinfo, codes: Callable[[], Codes]) -> None:
        self._local = local
        self._codes = codes

    def condition(self, parameter: Parameter, modifier: str, text: str) -> Condition:
        """The condition. Raises `NotSupported`, `InvalidInput`, `TooLarge`."""
        if modifier == "missing" and parameter.kind != "composite":
            return _missing(parameter, text)
        if modifier not in _MODIFIERS[parameter.kind]:
            raise _no_such_modifier(parameter)
        if not text:
            raise InvalidInput(f"The search parameter {parameter.name} has no value.", where=parameter.name)
        if len(alternatives(text)) > _MOST_VALUES:
            raise TooLarge(
                f"The parameter {parameter.name} has too many values.", rule=f"at most {_MOST_VALUES}"
            )
        if parameter.kind == "composite":
            return _any([self._composite(parameter, one) for one in alternatives(text)])
        if parameter.kind == "token" and modifier not in ("", "not"):
            return self._token(parameter, modifier, text)
        if parameter.kind in ("uri", "reference") and modifier in ("above", "below"):
            return _hierarchy(parameter, modifier, text)
        read = values(parameter, text, modifier, self._local)
        if modifier == "identifier":
            return Match((parameter.identifier_index,), "token", read)
        if parameter.kind == "quantity":
            return _any(list(_amounts(parameter, read)))
        shown = "" if modifier in RESOURCE_TYPES else modifier
        return Match(parameter.indexes, parameter.kind, read, shown)

    def _token(self, parameter: Parameter, modifier: str, text: str) -> Condition:
        if modifier == "text":
            read = tuple(text_value(one) for one in alternatives(text))
            return Match(parameter.aspects("text"), "string", read)
        if modifier == "of-type":
            typed = tuple(_of_type(parameter, one) for one in alternatives(text))
            return Match(parameter.aspects("of-type"), "token", typed)
        if modifier in ("in", "not-in"):
            known = self._codes()
            members = [code for one in alternatives(text) for code in known.members(plain(one))]
            return Match(parameter.indexes, "token", _tokens(members), "not" if modifier == "not-in" else "")
        look = self._codes().below if modifier == "below" else self._codes().above
        found = [
            code for one in alternatives(text) for code in look(*_system_and_code(parameter, modifier, one))
        ]
        return Match(parameter.indexes, "token", _tokens(found))

    def _composite(self, parameter: Parameter, text: str) -> Condition:
        texts = alternatives(text, "$")
        if any(len(texts) != len(parts) for parts in parameter.composite):
            count = len(parameter.composite[0])
            raise InvalidInput(
                f"The search parameter {parameter.name} takes {count} values.",
                where=parameter.name,
                rule="https://hl7.org/fhir/R4/search.html#composite",
                next_step="Write them with $ between: code$value.",
            )
        return _any([self._parts(parts, texts) for parts in parameter.composite])

    def _parts(self, parts: tuple[Part, ...], texts: list[str]) -> Condition:
        inside: list[Match] = []
        whole: list[Condition] = []
        for part, text in zip(parts, texts, strict=True):
            found = self.condition(part.parameter, "", text)
            if part.together and isinstance(found, Match):
                inside.append(found)
            else:
                whole.append(found)
        return AllOf((*whole, Together(tuple(inside)))) if inside else AllOf(tuple(whole))


def _missing(parameter: Parameter, text: str) -> Missing:
    if text not in ("true", "false"):
        raise InvalidInput("The modifier :missing takes true or false.", where=parameter.name)
    # A link to a URL may lead to any type.
    types = parameter.only | {""} if parameter.only else frozenset[str]()
    return Missing(parameter.indexes, parameter.kind, text == "true", types)


def _amounts(parameter: Parameter, read: tuple[Value, ...]) -> Iterable[Match]:
    """Values in a unit of UCUM are compared in base units, all others as they are written."""
    written: list[Value] = []
    converted: list[Value] = []
    for value in read:
        base = based(value) if isinstance(value, QuantityValue) else None
        (written if base is None else converted).append(base or value)
    if written:
        yield Match(parameter.indexes, "quantity", tuple(written))
    if converted:
        yield Match(parameter.aspects("canonical"), "quantity", tuple(converted))


def _any(conditions: list[Condition] | list[Match]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))


def _tokens(found: Iterable[Code]) -> tuple[TokenValue, ...]:
    return tuple(TokenValue(clipped(system), clipped(code)) for system, code in sorted(set(found)))


def _of_type(parameter: Parameter, text: str) -> TokenValue:
    parts = [plain(part) for part in alternatives(text, "|")]
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise InvalidInput(
            f"The search parameter {parameter.name} is not written system|code|value.", where=parameter.name
        )
    return TokenValue(clipped(f"{clipped(parts[0])}|{clipped(parts[1])}"), clipped(parts[2]))


def _system_and_code(parameter: Parameter, modifier: str, text: str) -> Code:
    parts = [plain(part) for part in alternatives(text, "|")]
    if len(parts) != 2 or not all(parts):
        raise InvalidInput(
            f"The modifier :{modifier} takes a code with its system.",
            where=parameter.name,
            next_step=f"Write {parameter.name}:{modifier}=system|code.",
        )
    return parts[0], parts[1]


def _hierarchy(parameter: Parameter, modifier: str, text: str) -> Match:
    """URLs by their path, canonicals also by the first numbers of their version; a URN has nothing below it."""
    found: list[Value] = []
    for one in map(plain, alternatives(text)):
        if parameter.kind == "reference" and ":" not in one:
            raise NotSupported(
                f"{parameter.name}:{modifier} takes a canonical here; references are not followed upwards or downwards.",
                where=parameter.name,
            )
        if modifier == "above":
            found += [LinkValue(frozenset({""}), clipped(url)) for url in urls_above(one)]
        elif "|" in one:
            found.append(LinkValue(frozenset({""}), clipped(one), below="."))
        else:
            found.append(
                LinkValue(frozenset({""}), clipped(one.rstrip("/")), "" if one.startswith("urn:") else "/|")
            )
            found.append(LinkValue(frozenset({""}), clipped(one)))
    return Match(parameter.indexes, parameter.kind, tuple(dict.fromkeys(found)))


def _no_such_modifier(parameter: Parameter) -> NotSupported:
    known = ", ".join(sorted((_MODIFIERS[parameter.kind] | {"missing"}) - RESOURCE_TYPES - {""}))
    return NotSupported(
        f"The parameter {parameter.name} has no such modifier here.",
        where=parameter.name,
        next_step=f"Known: {known}.",
    )
