"""A view's expression made ready: constants put in as literals, functions and types known, possible types worked out.

What does not compile is refused with its place and character. Neighbours: FHIRPath below, `reading` above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.compiler import compiled
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.parser import parse
from mihub.core.fhir.fhirpath.shapes import Checker, Shape
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time
from mihub.core.fhir.fhirpath.types import Model, TypeInfo
from mihub.core.fhir.views.definition import Path, ViewError
from mihub.core.fhir.views.keys import JOINED

Constant = nodes.Literal
ENVIRONMENT: Final = frozenset(["context", "resource", "rootResource", "ucum", "sct", "loinc", "rowIndex"])
# What a view may not name its own constants, because it would change what FHIRPath means.
RESERVED: Final = frozenset(["context", "resource", "rootResource", "rowIndex"])
_BOOLEAN: Final = frozenset(
    ["exists", "empty", "not", "all", "allTrue", "anyTrue", "allFalse", "anyFalse", "subsetOf", "supersetOf",
     "isDistinct", "hasValue", "startsWith", "endsWith", "contains", "matches", "matchesFull", "is", "toBoolean",
     "memberOf", "conformsTo", "subsumes", "subsumedBy", "hasExtension"]
)  # fmt: skip
_RESULTS: Final = dict.fromkeys(_BOOLEAN, "boolean") | {
    "count": "integer", "length": "integer", "indexOf": "integer", "toInteger": "integer", "toDecimal": "decimal",
    "toString": "string", "upper": "string", "lower": "string", "substring": "string", "replace": "string",
    "replaceMatches": "string", "trim": "string", "split": "string", "encode": "string", "decode": "string",
    "escape": "string", "unescape": "string", JOINED: "string", "toDate": "date", "toDateTime": "dateTime",
    "toTime": "time", "today": "date", "now": "dateTime", "timeOfDay": "time",
    "getResourceKey": "id", "getReferenceKey": "id",
}  # fmt: skip
_COMPARING: Final = frozenset(
    ["=", "!=", "~", "!~", "<", ">", "<=", ">=", "and", "or", "xor", "implies", "in", "contains"]
)
_PLACED: Final = frozenset(["lowBoundary", "highBoundary"])


def prepare(text: str, place: str, focus: Shape, constants: Mapping[str, Constant], model: Model) -> Path:
    """The expression, to be run on items of these types. Raises `ViewError`."""
    try:
        tree = _ready(parse(text), constants, model, frozenset())
        compiled(tree, model)
        shape = _shape(tree, focus, model)
    except FhirPathError as error:
        raise at_place(error, place) from error
    except RecursionError:
        raise ViewError("The expression is nested too deeply.", place, next_step="Split it.") from None
    return Path(text, tree, place, shape if shape.types else Shape(_result(tree, focus, model)))


def at_place(error: FhirPathError, place: str) -> ViewError:
    """What FHIRPath refuses, with the place in the view."""
    where = place if error.position is None else f"{place}, character {error.position + 1}"
    return ViewError(error.what, where, rule=error.rule, next_step=error.next_step)


def oddity(path: Path, focus: Shape, model: Model) -> str:
    """Why a strict reading would refuse the path, such as an element that the type does not have; "" if it would not."""
    try:
        _shape(path.tree, focus, model, strict=True)
    except FhirPathError as error:
        return f"{at_place(error, path.place).where}: {error.what} It stays empty."
    return ""


def _shape(tree: Node, focus: Shape, model: Model, *, strict: bool = False) -> Shape:
    return Checker(model, strict, focus).check(_children_first(tree, model), focus)


def _children_first(node: Node, model: Model) -> Node:
    """`code.coding` as `$this.code.coding`: for the types, a child is meant, though `code` names a type as well."""
    if isinstance(node, nodes.Member) and node.source is None:
        kind = model.type(node.name)
        if kind is not None and kind.primitive:
            return replace(node, source=nodes.Special("this", node.position))
    if isinstance(node, nodes.Call) and node.name in ("is", "as", "ofType"):
        # Their argument is a type indeed.
        begin = None if node.source is None else _children_first(node.source, model)
        return replace(node, source=begin)
    return _changed(node, lambda each: _children_first(each, model))


def has_variables(node: Node) -> bool:
    """Whether the expression reads any variable, so that it must be given them."""
    return isinstance(node, nodes.Variable) or any(has_variables(each) for each in parts(node))


def parts(node: Node) -> tuple[Node, ...]:
    """The expressions inside of this one."""
    match node:
        case nodes.Member(source=source):
            return () if source is None else (source,)
        case nodes.Call(source=source, arguments=arguments):
            return arguments if source is None else (source, *arguments)
        case nodes.Index(source=source, index=index):
            return (source, index)
        case nodes.Binary(left=left, right=right):
            return (left, right)
        case nodes.Sign(operand=inner) | nodes.Sorted(key=inner) | nodes.TypeOperation(operand=inner):
            return (inner,)
        case _:
            return ()


def _ready(node: Node, constants: Mapping[str, Constant], model: Model, defined: frozenset[str]) -> Node:
    def inner(each: Node) -> Node:
        return _ready(each, constants, model, defined | _defined(node))

    match node:
        case nodes.Variable():
            return _variable(node, constants, defined)
        case nodes.Call():
            return _call(_changed(node, inner), node, model)
        case _:
            return _changed(node, inner)


def _changed(node: Node, inner: Callable[[Node], Node]) -> Node:
    """The node with the expressions inside of it changed."""
    match node:
        case nodes.Member(source=source):
            return node if source is None else replace(node, source=inner(source))
        case nodes.Call(source=source, arguments=arguments):
            begin = None if source is None else inner(source)
            return replace(node, source=begin, arguments=tuple(map(inner, arguments)))
        case nodes.Index(source=source, index=index):
            return replace(node, source=inner(source), index=inner(index))
        case nodes.Binary(left=left, right=right):
            return replace(node, left=inner(left), right=inner(right))
        case nodes.Sign(operand=operand) | nodes.TypeOperation(operand=operand):
            return replace(node, operand=inner(operand))
        case nodes.Sorted(key=key):
            return replace(node, key=inner(key))
        case _:
            return node


def _variable(node: nodes.Variable, constants: Mapping[str, Constant], defined: frozenset[str]) -> Node:
    name = node.name
    if name in constants and name not in defined:
        return replace(constants[name], position=node.position)
    if name in defined or name in ENVIRONMENT or name.startswith(("vs-", "ext-")):
        return node
    raise FhirPathError(
        f"The constant %{name} is not defined.",
        node.position,
        next_step="Define it in ViewDefinition.constant.",
    )


def _defined(node: Node) -> frozenset[str]:
    """Names that defineVariable gives somewhere before this point of the expression."""
    own: frozenset[str] = frozenset()
    if isinstance(node, nodes.Call) and node.name == "defineVariable" and node.arguments:
        first = node.arguments[0]
        if isinstance(first, nodes.Literal) and isinstance(first.value, str):
            own = frozenset([first.value])
    return own.union(*(_defined(each) for each in parts(node)))


def _call(ready: Node, written: nodes.Call, model: Model) -> Node:
    if not isinstance(ready, nodes.Call):
        return ready
    if ready.name == "join":
        return replace(ready, name=JOINED)
    if ready.name == "getReferenceKey" and len(ready.arguments) == 1:
        return replace(ready, arguments=(_resource_type(written, model),))
    return ready


def _resource_type(node: nodes.Call, model: Model) -> Node:
    argument = node.arguments[0]
    if isinstance(argument, nodes.Literal) and isinstance(argument.value, str):
        name = argument.value
    else:
        named = nodes.type_name(argument)
        name = "" if named is None or named.namespace not in ("", "FHIR") else named.name
    if not model.is_resource(name):
        raise FhirPathError("getReferenceKey() takes the name of a resource type.", argument.position)
    return nodes.Literal(name, argument.position)


def _result(node: Node, focus: Shape, model: Model) -> tuple[TypeInfo, ...] | None:
    """The type of what is computed, where the expression alone says it."""
    name = _result_name(node, focus, model)
    kind = model.type(name) if name else None
    return None if kind is None else (kind,)


def _result_name(node: Node, focus: Shape, model: Model) -> str:
    match node:
        case nodes.Literal(value=value):
            return _LITERALS.get(type(value), "")
        case nodes.Variable(name="rowIndex"):
            return "integer"
        case nodes.Binary(operator=operator) if operator in _COMPARING:
            return "boolean"
        case nodes.TypeOperation(operator="is"):
            return "boolean"
        case nodes.Call(name=name, source=source) if name in _PLACED and source is not None:
            found = _shape(source, focus, model).types
            return found[0].name if found and len(found) == 1 else ""
        case nodes.Call(name="first" | "last" | "single", source=source) if source is not None:
            return _result_name(source, focus, model)
        case nodes.Call(name=name):
            return _RESULTS.get(name, "")
        case _:
            return ""


_LITERALS: Final[dict[type, str]] = {
    bool: "boolean", str: "string", int: "integer", Date: "date", DateTime: "dateTime", Time: "time",
}  # fmt: skip
