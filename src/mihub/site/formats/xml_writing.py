"""A resource as FHIR XML: elements in the order of the specification. Source: https://hl7.org/fhir/R4/xml.html.

What R4 does not know cannot be ordered and is refused by name. Beside: `xml_reading`.
"""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.fhirpath.types import Step, TypeInfo, r4
from mihub.errors import InvalidInput
from mihub.site.formats.xml_reading import FHIR, XHTML

_RULE: Final = "https://hl7.org/fhir/R4/xml.html"
# Told as attributes, not as elements: the id of an element and the address of an extension.
_ATTRIBUTES: Final = ("id", "url")


def resource_to_xml(resource: Resource) -> bytes:
    """The document, UTF-8. Raises `InvalidInput` for a type or an element that R4 does not know."""
    root = _root(FHIR, _type_name(resource))
    _fill_resource(root, resource)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _type_name(resource: Any) -> str:
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(name, str) or not r4().is_resource(name):
        raise InvalidInput("R4 knows no such resource.", where="resourceType", rule=_RULE)
    return name


def _fill_resource(node: Any, resource: Any) -> None:
    kind = r4().type(_type_name(resource))
    if kind is not None:
        _fill(
            node,
            {key: value for key, value in resource.items() if key != "resourceType"},
            kind,
            attributes=False,
        )


def _fill(node: Any, value: Json, kind: TypeInfo, *, attributes: bool = True) -> None:
    left = dict(value)
    if attributes:
        for key in _ATTRIBUTES:
            if isinstance(left.get(key), str) and (key == "id" or kind.name == "Extension"):
                node.set(key, left.pop(key))
    for name in kind.elements:
        for step in kind.step(name.removesuffix("[x]")):
            held, beside = left.pop(step.key, None), left.pop(step.shadow, None)
            if held is not None or beside is not None:
                _add(node, step, held, beside)
    if left:
        raise InvalidInput(f"{kind.name} has no such element.", where=f"{kind.name}.{min(left)}", rule=_RULE)


def _add(node: Any, step: Step, held: Any, beside: Any) -> None:
    values = held if isinstance(held, list) else [held]
    extras = beside if isinstance(beside, list) else [beside]
    for index in range(max(len(values), len(extras))):
        value = values[index] if index < len(values) else None
        extra = extras[index] if index < len(extras) else None
        if step.type is not None and step.type.name == "xhtml":
            node.append(_narrative(value))
            continue
        child = etree.SubElement(node, f"{{{FHIR}}}{step.key}")
        if step.type is None:
            inside = etree.SubElement(child, f"{{{FHIR}}}{_type_name(value)}")
            _fill_resource(inside, value)
        elif step.type.primitive:
            _primitive(child, value, extra, step.type)
        elif isinstance(value, dict):
            _fill(child, value, step.type)


def _primitive(child: Any, value: Any, extra: Any, kind: TypeInfo) -> None:
    if isinstance(extra, dict):
        _fill(child, extra, kind)
    if value is not None:
        child.set("value", str(value).lower() if isinstance(value, bool) else str(value))


def _narrative(text: Any) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        return etree.fromstring(str(text).encode(), parser)
    except etree.XMLSyntaxError:
        # A narrative that is no XML cannot be carried; the reader learns that there was one.
        return _root(XHTML, "div")


def _root(namespace: str, name: str) -> Any:
    spaces: Any = {None: namespace}
    return etree.Element(f"{{{namespace}}}{name}", nsmap=spaces)
