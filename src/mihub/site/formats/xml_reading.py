"""FHIR XML as JSON objects, driven by the packaged table of R4 types.

Comments are dropped (R4's JSON has none), narrative is kept as text. What R4 does not know is refused with its line; no entity
is ever resolved. Source: https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html. Beside: `xml_writing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lxml import etree

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.fhirpath.types import Model, TypeInfo, r4
from mihub.errors import InvalidInput

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"
_RULE: Final = "https://hl7.org/fhir/R4/xml.html"
_WHOLE: Final = frozenset(["integer", "positiveInt", "unsignedInt"])


def resource_from_xml(body: bytes, *, number: Callable[[str], Any] = float) -> Resource:
    """The resource in a document. `number` reads decimals. Raises `InvalidInput` with the line."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(
            "The document is not XML.",
            where=f"line {error.lineno}",
            rule="XML 1.0",
            next_step="Correct it at this line.",
        ) from None
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise InvalidInput(
            "A document type is not allowed here.", where="line 1", rule=_RULE, next_step="Remove DOCTYPE."
        )
    return resource_from_element(root, number=number)


def resource_from_element(root: Any, *, number: Callable[[str], Any] = float) -> Resource:
    """The resource that an element of a parsed document is."""
    return _Reader(r4(), number).resource(root)


class _Reader:
    """One document."""

    def __init__(self, model: Model, number: Callable[[str], Any]) -> None:
        self._model = model
        self._number = number

    def resource(self, node: Any) -> Resource:
        name = self._name(node)
        if not self._model.is_resource(name):
            raise _refused(node, "R4 knows no such resource.", name)
        kind = self._model.type(name)
        return {"resourceType": name, **(self._object(node, kind) if kind else {})}

    def _object(self, node: Any, kind: TypeInfo) -> Json:
        found: Json = dict(_attributes(node, kind))
        for child in node:
            if isinstance(child.tag, str):
                self._add(found, child, kind)
        if (node.text or "").strip():
            raise _refused(node, "Text stands where elements belong.", kind.name)
        # A list of primitives without any value has only what stands beside the values.
        return {
            key: one
            for key, one in found.items()
            if not (isinstance(one, list) and all(v is None for v in one))
        }

    def _add(self, found: Json, child: Any, kind: TypeInfo) -> None:
        name = self._name(child)
        element = _element(kind, name)
        if element is None:
            raise _refused(child, f"{kind.name} has no such element.", name)
        repeats, of = element
        value, extra = self._content(child, of)
        if repeats:
            _append(found, name, value, extra)
        elif name in found or f"_{name}" in found:
            raise _refused(child, f"{kind.name} has this element once only.", name)
        else:
            found.update(
                {key: each for key, each in ((name, value), (f"_{name}", extra)) if each is not None}
            )

    def _content(self, child: Any, of: TypeInfo | None) -> tuple[Any, Json | None]:
        if of is None:
            inside = [one for one in child if isinstance(one.tag, str)]
            if len(inside) != 1:
                raise _refused(child, "One resource belongs here.", self._name(child))
            return self.resource(inside[0]), None
        if of.name == "xhtml":
            return etree.tostring(child, encoding="unicode", with_tail=False), None
        return self._primitive(child, of) if of.primitive else (self._object(child, of), None)

    def _primitive(self, node: Any, kind: TypeInfo) -> tuple[Any, Json | None]:
        text = node.get("value")
        extra = self._object(node, kind)
        if text is None and not extra:
            raise _refused(node, "The element has neither a value nor an extension.", kind.name)
        return (None if text is None else self._value(node, text, kind.name)), extra or None

    def _value(self, node: Any, text: str, kind: str) -> Any:
        try:
            if kind == "boolean":
                return {"true": True, "false": False}[text]
            if kind in _WHOLE:
                return int(text)
            return self._number(text) if kind == "decimal" else text
        except (KeyError, ValueError, ArithmeticError):
            raise _refused(node, f"The value is no {kind}.", self._name(node)) from None

    def _name(self, node: Any) -> str:
        namespace, _, name = str(node.tag).rpartition("}")
        if namespace != f"{{{XHTML if name == 'div' else FHIR}":
            raise _refused(node, "The element is not of FHIR's namespace.", name)
        return name


def _append(found: Json, name: str, value: Any, extra: Json | None) -> None:
    """One more item; what primitives carry beside their value stands at the same index."""
    values = found.setdefault(name, [])
    values.append(value)
    if extra is not None or f"_{name}" in found:
        extras = found.setdefault(f"_{name}", [])
        extras.extend([None] * (len(values) - 1 - len(extras)))
        extras.append(extra)


def _attributes(node: Any, kind: TypeInfo) -> list[tuple[str, str]]:
    allowed = {"id", "value"} if kind.primitive else {"id", "url"}
    for key in node.keys():  # noqa: SIM118  # lxml's own method; iterating yields the children
        if key not in allowed and not key.startswith("{"):
            raise _refused(node, f"{kind.name} has no such attribute.", str(key))
    return [(key, node.get(key)) for key in ("id", "url") if node.get(key) is not None]


def _element(kind: TypeInfo, name: str) -> tuple[bool, TypeInfo | None] | None:
    """Whether it repeats and its type; type None: a resource of any kind."""
    row = kind.elements.get(name)
    if row is not None and (steps := kind.step(name)):
        return row[2] != "1", steps[0].type
    for element in kind.elements:
        if element.endswith("[x]") and name.startswith(element[:-3]):
            step = next((one for one in kind.step(element[:-3]) if one.key == name), None)
            if step is not None:
                return False, step.type
    return None


def _refused(node: Any, what: str, name: str) -> InvalidInput:
    return InvalidInput(
        what, where=f"line {node.sourceline}, {name}", rule=_RULE, next_step="Correct it at this line."
    )
