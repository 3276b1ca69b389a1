"""FHIR XML of the FHIRPath suite as JSON objects, driven by the packaged table of R4 types.

Numbers stay decimals, so that a case sees their precision. Comments are dropped, narrative is kept as text. Not a
reader for records: it refuses nothing but what it cannot place. Source: https://hl7.org/fhir/R4/xml.html, json.html.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from lxml import etree

from mihub.core.fhir.fhirpath.types import Model, TypeInfo, r4
from mihub.errors import InvalidInput

_WHOLE: Final = frozenset(["integer", "positiveInt", "unsignedInt"])


def resource_from_xml(path: Path) -> dict[str, Any]:
    """The resource in the file. Raises `InvalidInput` for what R4 does not know."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return resource_of(etree.parse(path, parser).getroot())


def resource_of(node: Any) -> dict[str, Any]:
    """The resource an element of a parsed document is."""
    return _resource(node, r4())


def _resource(node: Any, model: Model) -> dict[str, Any]:
    name = _name(node)
    kind = model.type(name)
    if kind is None:
        raise InvalidInput(f"R4 has no type {name}.", where=name)
    return {"resourceType": name, **_object(node, kind)}


def _object(node: Any, kind: TypeInfo) -> dict[str, Any]:
    found: dict[str, Any] = {key: node.get(key) for key in ("id", "url") if node.get(key) is not None}
    for child in node:
        if isinstance(child.tag, str):
            _add(found, child, kind)
    return found


def _add(found: dict[str, Any], child: Any, kind: TypeInfo) -> None:
    name = _name(child)
    repeats, of = _element(kind, name)
    value, extra = _content(child, of, kind.model)
    if not repeats:
        found.update({key: each for key, each in ((name, value), (f"_{name}", extra)) if each is not None})
        return
    values = found.setdefault(name, [])
    values.append(value)
    if extra is not None or f"_{name}" in found:
        extras = found.setdefault(f"_{name}", [])
        extras.extend([None] * (len(values) - 1 - len(extras)))
        extras.append(extra)


def _content(child: Any, of: TypeInfo | None, model: Model) -> tuple[Any, dict[str, Any] | None]:
    if of is None:
        return _resource(next(iter(child)), model), None
    if of.name == "xhtml":
        return etree.tostring(child, encoding="unicode", with_tail=False), None
    return _primitive(child, of) if of.primitive else (_object(child, of), None)


def _element(kind: TypeInfo, name: str) -> tuple[bool, TypeInfo | None]:
    for element, (_, _, most, *_) in kind.elements.items():
        if element == name:
            return most != "1", kind.step(name)[0].type
        if element.endswith("[x]") and name.startswith(element[:-3]):
            for step in kind.step(element[:-3]):
                if step.key == name:
                    return False, step.type
    raise InvalidInput(f"{kind.name} has no element {name}.", where=kind.name)


def _primitive(node: Any, kind: TypeInfo) -> tuple[Any, dict[str, Any] | None]:
    text = node.get("value")
    extra = _object(node, kind)
    value: Any = text
    if text is not None and kind.name == "boolean":
        value = text == "true"
    elif text is not None and kind.name in _WHOLE:
        value = int(text)
    elif text is not None and kind.name == "decimal":
        value = Decimal(text)
    return value, extra or None


def _name(node: Any) -> str:
    name: str = node.tag.rpartition("}")[2]
    return name
