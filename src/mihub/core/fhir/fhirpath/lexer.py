"""An expression's text as tokens, each with its place.

Comments and white space disappear here; a literal is still text. Source: FHIRPath 2.0.0 §Lexical elements
and its grammar. Above: `parser`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir.fhirpath.errors import FhirPathError

MAX_EXPRESSION_CHARACTERS: Final = 65_536

_TIME: Final = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_TOKEN: Final = re.compile(
    rf"""(?P<space>[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)
    |(?P<time>@T{_TIME})
    |(?P<datetime>@\d{{4}}(?:-\d\d(?:-\d\d)?)?T(?:{_TIME}(?:Z|[+-]\d\d:\d\d)?)?)
    |(?P<date>@\d{{4}}(?:-\d\d(?:-\d\d)?)?)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<identifier>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<delimited>`(?:[^`\\]|\\.)*`)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<special>\$[A-Za-z]+)
    |(?P<symbol><=|>=|!=|!~|[-+*/&|=~<>.,()\[\]{{}}%])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PLAIN: Final = frozenset("'\"`\\/")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the expression. `kind` is a group of the pattern above, or `end`."""

    kind: str
    text: str
    position: int


def tokens(expression: str) -> list[Token]:
    """All tokens and one `end`. Raises `FhirPathError` where the text fits no token."""
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        raise FhirPathError(
            f"The expression is longer than {MAX_EXPRESSION_CHARACTERS} characters.",
            next_step="Split the expression.",
        )
    found: list[Token] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None or (expression.startswith("/*", position) and match.lastgroup == "symbol"):
            raise FhirPathError(_unreadable(expression, position), position)
        if match.lastgroup is not None and match.lastgroup != "space":
            found.append(Token(match.lastgroup, match.group(), position))
        position = match.end()
    found.append(Token("end", "", len(expression)))
    return found


def unquote(token: Token) -> str:
    """The text of a string or of an identifier in backticks, escapes resolved."""

    def resolve(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape in _PLAIN:
            return escape
        if escape not in _ESCAPES:
            raise FhirPathError(f"The escape \\{escape} is not known.", token.position + 1 + match.start())
        return _ESCAPES[escape]

    return _ESCAPE.sub(resolve, token.text[1:-1])


def _unreadable(expression: str, position: int) -> str:
    rest = expression[position:]
    if rest.startswith("/*"):
        return "A comment has no end."
    if rest[0] in "'`":
        return "A quoted text has no end."
    return f"The character {rest[0]!r} cannot stand here."
