"""A GraphQL document, read by the library `graphql-core`: the operation to run, its fragments and variables; bounded.

Never runs anything. Above: `execute`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLError, parse
from graphql.language import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
)
from graphql.utilities import value_from_ast_untyped

from mihub.errors import InvalidInput, NotSupported, TooLarge

MOST_CHARACTERS: Final = 50_000
MOST_TOKENS: Final = 5_000
DEEPEST: Final = 20
RULE: Final = "https://hl7.org/fhir/R4/graphql.html"


@dataclass(frozen=True, slots=True)
class Document:
    """What is asked. `variables`: given ones over defaults."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def fields(
        self, selections: SelectionSetNode | None, type_name: str, depth: int = 0
    ) -> Iterator[FieldNode]:
        """The fields that count for a type: fragments opened, `@skip` and `@include` obeyed."""
        if depth > DEEPEST:
            raise TooLarge("The query's fragments are nested too deeply.", rule=f"at most {DEEPEST} levels")
        for one in selections.selections if selections else ():
            if not self._wanted(one.directives or ()):
                continue
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode):
                if one.type_condition is None or one.type_condition.name.value == type_name:
                    yield from self.fields(one.selection_set, type_name, depth + 1)
            elif isinstance(one, FragmentSpreadNode):
                fragment = self.fragments.get(one.name.value)
                if fragment is None:
                    raise InvalidInput(
                        "The query names a fragment that it does not define.", where=one.name.value, rule=RULE
                    )
                if fragment.type_condition.name.value == type_name:
                    yield from self.fields(fragment.selection_set, type_name, depth + 1)

    def arguments(self, node: FieldNode | DirectiveNode) -> dict[str, Any]:
        """Arguments with their variables filled in; a bare word is its own text."""
        return {one.name.value: self._value(one.value) for one in node.arguments or ()}

    def directive(self, node: FieldNode, name: str) -> dict[str, Any] | None:
        """The arguments of a directive, None when the field does not carry it."""
        found = next((one for one in node.directives or () if one.name.value == name), None)
        return None if found is None else self.arguments(found)

    def _value(self, node: ValueNode) -> Any:
        try:
            return value_from_ast_untyped(node, dict(self.variables))
        except (GraphQLError, TypeError):
            raise InvalidInput("An argument of the query can not be read.", rule=RULE) from None

    def _wanted(self, directives: Any) -> bool:
        for one in directives:
            condition = self.arguments(one).get("if")
            if one.name.value == "skip" and condition is True:
                return False
            if one.name.value == "include" and condition is not True:
                return False
        return True


def read_document(query: str, operation: str = "", variables: Mapping[str, Any] | None = None) -> Document:
    """Read a query. Raises `InvalidInput` with the line, `NotSupported` for anything but reading, `TooLarge`."""
    if len(query) > MOST_CHARACTERS:
        raise TooLarge("The query is too long.", rule=f"at most {MOST_CHARACTERS} characters")
    try:
        tree = parse(query, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        place = error.locations[0] if error.locations else None
        where = f"line {place.line}, column {place.column}" if place else "query"
        raise InvalidInput(
            "The query is not GraphQL.", where=where, rule=RULE, next_step="Correct it there."
        ) from None
    operations = [one for one in tree.definitions if isinstance(one, OperationDefinitionNode)]
    named = [
        one for one in operations if not operation or (one.name is not None and one.name.value == operation)
    ]
    if len(named) != 1:
        raise InvalidInput(
            "It is not clear which operation is asked.", rule=RULE, next_step="Name it in operationName."
        )
    if named[0].operation is not OperationType.QUERY:
        raise NotSupported(
            "GraphQL reads here only.", rule="query", next_step="Write through the REST interactions."
        )
    fragments = {one.name.value: one for one in tree.definitions if isinstance(one, FragmentDefinitionNode)}
    defaults = {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in named[0].variable_definitions or ()
        if one.default_value is not None
    }
    return Document(named[0], fragments, defaults | dict(variables or {}))
