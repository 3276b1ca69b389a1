"""Tokens to the frozen tree, by recursive descent over the published precedence.

Evaluates nothing. Refuses nesting that would exhaust the interpreter's stack. Source: FHIRPath 2.0.0 grammar;
`sort(key desc)` is STU 3.0. Neighbours: `lexer` below, `compiler` above.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.lexer import Token, tokens, unquote
from mihub.core.fhir.fhirpath.nodes import Node, TypeName
from mihub.core.fhir.fhirpath.quantity import CALENDAR_WORDS
from mihub.core.fhir.fhirpath.temporal import READERS

MAX_DEPTH: Final = 60
# A chain a.b.c is a nesting of the tree too; the compiler walks it.
MAX_CHAIN: Final = 100
MAX_INTEGER_DIGITS: Final = 18

# Loosest first; `is` and `as` stand between the fifth and the sixth row.
PRECEDENCE: Final = (
    ("implies",), ("or", "xor"), ("and",), ("in", "contains"), ("=", "~", "!=", "!~"),
    ("<=", "<", ">", ">="), ("|",), ("is", "as"), ("+", "-", "&"), ("*", "/", "div", "mod"),
)  # fmt: skip
LEVELS: Final = {operator: level for level, row in enumerate(PRECEDENCE) for operator in row}
_TYPE_LEVEL: Final = PRECEDENCE.index(("is", "as"))

_RESERVED: Final = ("and", "or", "xor", "implies", "div", "mod", "true", "false")


def parse(expression: str) -> Node:
    """The tree of the whole text. Raises `FhirPathError` with the place."""
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._tokens = tokens(expression)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._level(0)
        if self._token.kind != "end":
            raise self._unexpected()
        return node

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _is(self, text: str) -> bool:
        token = self._token
        return token.text == text and token.kind in ("symbol", "identifier")

    def _accept(self, text: str) -> bool:
        if self._is(text):
            self._next += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._unexpected(f"{text!r} is missing")

    def _unexpected(self, problem: str = "") -> FhirPathError:
        token = self._token
        found = "the expression ends" if token.kind == "end" else f"here stands {token.text!r}"
        text = f"{problem}; {found}" if problem else f"This cannot follow: {found}"
        return FhirPathError(f"The expression cannot be read. {text}.", token.position)

    def _nested(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FhirPathError(f"The expression is nested deeper than {MAX_DEPTH}.", self._token.position)
        node = self._level(0)
        self._depth -= 1
        return node

    def _level(self, minimum: int) -> Node:
        """Operators that bind at least as tightly as this row of the table."""
        node = self._signed()
        length = 0
        while (level := self._operator_level()) >= minimum:
            length = self._longer(length)
            operator = self._take()
            if level == _TYPE_LEVEL:
                node = nodes.TypeOperation(operator.text, node, self._type_name(), operator.position)
            else:
                node = nodes.Binary(operator.text, node, self._level(level + 1), operator.position)
        return node

    def _operator_level(self) -> int:
        token = self._token
        return LEVELS.get(token.text, -1) if token.kind in ("symbol", "identifier") else -1

    def _longer(self, length: int) -> int:
        if length >= MAX_CHAIN:
            raise FhirPathError(f"More than {MAX_CHAIN} steps follow each other.", self._token.position)
        return length + 1

    def _signed(self) -> Node:
        signs: list[Token] = []
        while self._is("+") or self._is("-"):
            self._longer(len(signs))
            signs.append(self._take())
        node = self._postfix()
        for sign in reversed(signs):
            node = nodes.Sign(sign.text, node, sign.position)
        return node

    def _postfix(self) -> Node:
        node = self._term()
        length = 0
        while True:
            position = self._token.position
            if self._accept("."):
                node = self._invocation(node)
            elif self._accept("["):
                node = nodes.Index(node, self._nested(), position)
                self._expect("]")
            else:
                return node
            length = self._longer(length)

    def _term(self) -> Node:
        token = self._token
        if self._accept("("):
            node = self._nested()
            self._expect(")")
            return node
        if self._accept("{"):
            self._expect("}")
            return nodes.Empty(token.position)
        if self._accept("%"):
            return nodes.Variable(self._variable_name(), token.position)
        if token.kind in ("number", "string", "date", "datetime", "time"):
            return self._literal(self._take())
        if token.kind == "identifier" and token.text in ("true", "false"):
            self._take()
            return nodes.Literal(token.text == "true", token.position)
        return self._invocation(None)

    def _variable_name(self) -> str:
        token = self._token
        if token.kind == "identifier":
            return self._take().text
        if token.kind in ("delimited", "string"):
            return unquote(self._take())
        raise self._unexpected("after '%' a name is missing")

    def _literal(self, token: Token) -> Node:
        if token.kind == "number":
            return self._number(token)
        if token.kind == "string":
            return nodes.Literal(unquote(token), token.position)
        value = READERS[token.kind](
            token.text[1:].removeprefix("T") if token.kind == "time" else token.text[1:]
        )
        if value is None:
            raise FhirPathError("This date or time does not exist.", token.position)
        return nodes.Literal(value, token.position)

    def _number(self, token: Token) -> Node:
        unit = self._token
        if unit.kind == "string":
            self._take()
            return nodes.QuantityLiteral(Decimal(token.text), unquote(unit), False, token.position)
        if unit.kind == "identifier" and unit.text in CALENDAR_WORDS:
            self._take()
            word = CALENDAR_WORDS[unit.text]
            return nodes.QuantityLiteral(Decimal(token.text), word, True, token.position)
        if "." in token.text:
            return nodes.Literal(Decimal(token.text), token.position)
        if len(token.text.lstrip("0")) > MAX_INTEGER_DIGITS:
            raise FhirPathError(f"A whole number has at most {MAX_INTEGER_DIGITS} digits.", token.position)
        return nodes.Literal(int(token.text), token.position)

    def _invocation(self, source: Node | None) -> Node:
        token = self._token
        if token.kind == "special":
            self._take()
            if token.text not in ("$this", "$index", "$total") or source is not None:
                raise FhirPathError(f"{token.text} cannot stand here.", token.position)
            return nodes.Special(token.text[1:], token.position)
        name = self._name(member=source is not None)
        if self._accept("("):
            return nodes.Call(source, name, self._arguments(name), token.position)
        return nodes.Member(source, name, token.position)

    def _name(self, *, member: bool = False) -> str:
        token = self._token
        if token.kind == "delimited":
            return unquote(self._take())
        # After a dot no operator can stand: `text.div` is the narrative, as everybody writes it.
        if token.kind != "identifier" or (token.text in _RESERVED and not member):
            raise self._unexpected("a name is missing")
        return self._take().text

    def _arguments(self, function: str) -> tuple[Node, ...]:
        if self._accept(")"):
            return ()
        found: list[Node] = []
        while True:
            found.append(self._sort_key(self._nested()) if function == "sort" else self._nested())
            if not self._accept(","):
                break
        self._expect(")")
        return tuple(found)

    def _sort_key(self, key: Node) -> Node:
        position = self._token.position
        if self._accept("desc"):
            return nodes.Sorted(key, True, position)
        return nodes.Sorted(key, False, position) if self._accept("asc") else key

    def _type_name(self) -> TypeName:
        first = self._name()
        return TypeName(first, self._name()) if self._accept(".") else TypeName("", first)
