"""The tree to Python closures: one closure per node, types and functions looked up once.

A closure takes the scope and gives a collection. Errors leave with the place of the operator or function that
raised them. Neighbours: `nodes`, `operators`, `functions` below, `expression` above.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir.fhirpath import nodes, quantity
from mihub.core.fhir.fhirpath.comparison import distinct
from mihub.core.fhir.fhirpath.elements import Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions import (
    boundaries,
    conversion,
    existence,
    fhir,
    filtering,
    numbers,
    strings,
    subsetting,
    surroundings,
)
from mihub.core.fhir.fhirpath.functions.registry import FUNCTIONS, Function
from mihub.core.fhir.fhirpath.leaves import child, constant, special, start, variable
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.operators import OPERATORS, Operator, negative, positive, truth
from mihub.core.fhir.fhirpath.scope import SMALL, SMALL_TEXT, Run, Scope
from mihub.core.fhir.fhirpath.type_tests import Change, cast, of_type, type_test
from mihub.core.fhir.fhirpath.types import Model

# Importing a group enters its functions into the table.
GROUPS: Final = (
    boundaries,
    conversion,
    existence,
    fhir,
    filtering,
    numbers,
    strings,
    subsetting,
    surroundings,
)
_DECIDES: Final = {"and": False, "or": True}
# Operators whose work grows with the product of their sides, or whose results can double again and again.
_GROWING: Final = frozenset(["~", "!~", "+", "&"])


def compiled(node: Node, model: Model) -> Run:
    """What evaluates this node. Raises `FhirPathError` for unknown functions, types and argument counts."""
    match node:
        case nodes.Literal(value=value):
            return constant([value])
        case nodes.QuantityLiteral(value=value, unit=unit, calendar=calendar):
            return constant([quantity.literal(value, unit, calendar)])
        case nodes.Empty():
            return constant([])
        case nodes.Variable():
            return variable(node)
        case nodes.Special(name=name):
            return special(name)
        case nodes.Member():
            return _member(node, model)
        case nodes.Call():
            return _call(node, model)
        case nodes.Index(source=source, index=index):
            at = _located(subsetting.at, node.position)
            return _applied(at, compiled(source, model), _scoped(index, model))
        case nodes.Sign(operator=operator, operand=operand):
            return _sign(operator, compiled(operand, model), node.position)
        case nodes.Binary():
            return _binary(node, model)
        case nodes.TypeOperation(operator=operator, operand=operand, type=name):
            # R4's own search parameters write `as` for several items; only the function as() refuses them.
            test = type_test if operator == "is" else of_type
            return _one(
                _located_one(test(model, name, node.position), node.position), compiled(operand, model)
            )
        case nodes.Sorted():
            raise FhirPathError("A direction can stand in the arguments of sort only.", node.position)


def _member(node: nodes.Member, model: Model) -> Run:
    name = node.name
    if node.source is None:
        starts = model.type(name) is not None
        return start(name) if starts else child(lambda scope: scope.this, name)
    return child(compiled(node.source, model), name)


def _call(node: nodes.Call, model: Model) -> Run:
    if node.name in ("is", "as", "ofType"):
        return _type_call(node, model)
    source: Run = compiled(node.source, model) if node.source is not None else lambda scope: scope.this
    if node.name == "sort":
        return _sort(node, source, model)
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise FhirPathError(f"There is no function {node.name}().", node.position)
    _check_count(node, function.minimum, function.maximum)
    arguments = tuple(_scoped(each, model) for each in node.arguments)
    return _called(function, source, arguments, node.position)


def _check_count(node: nodes.Call, minimum: int, maximum: int) -> None:
    if not minimum <= len(node.arguments) <= maximum:
        wanted = str(minimum) if minimum == maximum else f"{minimum} to {maximum}"
        raise FhirPathError(
            f"{node.name}() takes {wanted} arguments; here are {len(node.arguments)}.", node.position
        )


def _called(function: Function, source: Run, arguments: tuple[Run, ...], position: int) -> Run:
    body = function.body

    def lazily(scope: Scope) -> Items:
        items = source(scope)
        try:
            found = body(scope, items, *arguments)
            if len(found) > SMALL:
                scope.spend(len(found))
            return found
        except FhirPathError as error:
            raise error.at(position) from error

    def eagerly(scope: Scope) -> Items:
        items = source(scope)
        values = [argument(scope) for argument in arguments]
        try:
            found = body(scope, items, *values)
            if len(found) > SMALL:
                scope.spend(len(found))
            return found
        except FhirPathError as error:
            raise error.at(position) from error

    return lazily if function.lazy else eagerly


def _type_call(node: nodes.Call, model: Model) -> Run:
    _check_count(node, 1, 1)
    name = nodes.type_name(node.arguments[0])
    if name is None:
        raise FhirPathError(f"{node.name}() needs the name of a type.", node.position)
    make = {"is": type_test, "as": cast, "ofType": of_type}[node.name]
    source: Run = compiled(node.source, model) if node.source is not None else lambda scope: scope.this
    return _one(_located_one(make(model, name, node.position), node.position), source)


def _sort(node: nodes.Call, source: Run, model: Model) -> Run:
    keys = tuple(_sort_key(each, model) for each in node.arguments)

    def run(scope: Scope) -> Items:
        items = source(scope)
        try:
            return filtering.sort(scope, items, keys)
        except FhirPathError as error:
            raise error.at(node.position) from error

    return run


def _sort_key(node: Node, model: Model) -> filtering.SortKey:
    """A leading minus turns the direction, also of texts."""
    match node:
        case nodes.Sorted(key=key, descending=descending):
            return _scoped(key, model), descending
        case nodes.Sign(operator="-", operand=operand):
            return _scoped(operand, model), True
        case _:
            return _scoped(node, model), False


def _sign(operator: str, operand: Run, position: int) -> Run:
    return _one(_located_one(negative if operator == "-" else positive, position), operand)


def _binary(node: nodes.Binary, model: Model) -> Run:
    left, right = _scoped(node.left, model), _scoped(node.right, model)
    if node.operator == "|":
        return _union(left, right, node.position)
    operate = _located(OPERATORS[node.operator], node.position)
    if node.operator in _GROWING:
        return _counted(operate, left, right, node.position)
    if node.operator not in _DECIDES:
        return _applied(operate, left, right)
    decides = _DECIDES[node.operator]

    def run(scope: Scope) -> Items:
        first = left(scope)
        # The other side need not run once this one decides.
        if len(first) == 1 and truth(first) is decides:
            return [decides]
        return operate(first, right(scope))

    return run


def _located(operate: Operator, position: int) -> Operator:
    def run(left: Items, right: Items) -> Items:
        try:
            return operate(left, right)
        except FhirPathError as error:
            raise error.at(position) from error

    return run


def _located_one(operate: Change, position: int) -> Change:
    def run(items: Items) -> Items:
        try:
            return operate(items)
        except FhirPathError as error:
            raise error.at(position) from error

    return run


def _applied(operate: Operator, left: Run, right: Run) -> Run:
    return lambda scope: operate(left(scope), right(scope))


def _union(left: Run, right: Run, position: int) -> Run:
    def run(scope: Scope) -> Items:
        items = [*left(scope), *right(scope)]
        try:
            return distinct(items, scope.spend)
        except FhirPathError as error:
            raise error.at(position) from error

    return run


def _counted(operate: Operator, left: Run, right: Run, position: int) -> Run:
    """An operator whose work or result grows with both sides: pairs compared, texts joined."""

    def run(scope: Scope) -> Items:
        first, second = left(scope), right(scope)
        try:
            if len(first) + len(second) > SMALL:
                scope.spend((len(first) + len(second)) ** 2 // SMALL)
            found = operate(first, second)
            if found and found[0].__class__ is str and len(str(found[0])) > SMALL_TEXT:
                scope.spend(len(str(found[0])) // SMALL)
            return found
        except FhirPathError as error:
            raise error.at(position) from error

    return run


def _one(operate: Change, source: Run) -> Run:
    return lambda scope: operate(source(scope))


def _scoped(node: Node, model: Model) -> Run:
    """An inner expression; a variable it defines is not seen outside of it."""
    run = compiled(node, model)
    if not _defines(node):
        return run

    def apart(scope: Scope) -> Items:
        variables = scope.variables
        found = run(scope)
        scope.variables = variables
        return found

    return apart


def _defines(node: Node) -> bool:
    match node:
        case nodes.Call(source=source, name=name):
            return name == "defineVariable" or (source is not None and _defines(source))
        case nodes.Member(source=source):
            return source is not None and _defines(source)
        case nodes.Index(source=source) | nodes.Sign(operand=source) | nodes.TypeOperation(operand=source):
            return _defines(source)
        case _:
            return False
