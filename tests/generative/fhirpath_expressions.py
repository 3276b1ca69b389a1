"""Random FHIRPath expressions of a wanted type, and small Patients to run them on.

Every generated text is read by the grammar; types fit, so that both engines have to answer. Used by the second opinion.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Text = st.SearchStrategy[str]

WORDS = ["a", "b", "ab", "Ab", "phone", "home", "ä", "", "a b"]
NUMBERS = ["0", "1", "2", "3", "10"]
DECIMALS = ["0.5", "1.0", "2.50", "0.1", "3.14"]
DATES = [
    "@2020",
    "@2020-02",
    "@2020-02-29",
    "@1999-12-31",
    "@2020-02-29T10:30:00Z",
    "@2020-02-29T10:30:00.500Z",
]
QUANTITIES = ["1 'g'", "1000 'mg'", "2 'g'", "1 'm'", "3 days", "1 week", "7 days", "1 'wk'"]
TEXT_PATHS = [
    "name.given",
    "name.family",
    "telecom.value",
    "name.given.first()",
    "contact.name.family",
    "gender",
    "id",
]
NODE_PATHS = [
    "name",
    "telecom",
    "contact",
    "name.where(use = 'home')",
    "telecom.where(system = 'phone')",
    "contact.name",
]


def quoted(word: str) -> str:
    return f"'{word}'"


def one_of(*texts: str) -> Text:
    return st.sampled_from(texts)


def joined(*parts: Text | str) -> Text:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


def text(depth: int) -> Text:
    """One text, or none."""
    leaf = st.one_of(
        st.sampled_from(WORDS).map(quoted), one_of("name.given.first()", "name.family.first()", "gender")
    )
    if depth == 0:
        return leaf
    inner = text(depth - 1)
    return st.one_of(
        leaf,
        joined("(", inner, one_of(" & ", " + "), inner, ")"),
        joined(inner, ".", one_of("upper()", "lower()", "trim()")),
        joined(inner, ".substring(", number(0), ")"),
        joined(inner, ".substring(", number(0), ", ", number(0), ")"),
        joined(inner, ".replace(", inner, ", ", inner, ")"),
        joined("iif(", condition(depth - 1), ", ", inner, ", ", inner, ")"),
        joined(texts(depth - 1), ".first()"),
        joined(number(depth - 1), ".toString()"),
    )


def number(depth: int) -> Text:
    """One number, or none."""
    leaf = one_of(*NUMBERS)
    if depth == 0:
        return leaf
    inner = st.one_of(number(depth - 1), one_of(*DECIMALS))
    return st.one_of(
        leaf,
        joined("(", inner, one_of(" + ", " - ", " * ", " / ", " div ", " mod "), inner, ")"),
        joined(
            inner, ".", one_of("abs()", "ceiling()", "floor()", "truncate()", "round()", "round(1)", "sqrt()")
        ),
        joined(texts(depth - 1), ".count()"),
        joined(text(depth - 1), ".", one_of("length()", "indexOf('a')", "toInteger()", "toDecimal()")),
    )


def condition(depth: int) -> Text:
    """One Boolean, or none."""
    leaf = one_of("true", "false", "active", "{}", "name.exists()")
    if depth == 0:
        return leaf
    inner = condition(depth - 1)
    compared = one_of(" = ", " != ", " ~ ", " !~ ")
    ordered = one_of(" < ", " <= ", " > ", " >= ")
    return st.one_of(
        leaf,
        joined("(", inner, one_of(" and ", " or ", " xor ", " implies ", " = "), inner, ")"),
        joined(inner, ".not()"),
        joined("(", number(depth - 1), st.one_of(compared, ordered), number(depth - 1), ")"),
        joined("(", text(depth - 1), st.one_of(compared, ordered), text(depth - 1), ")"),
        joined("(", texts(depth - 1), compared, texts(depth - 1), ")"),
        joined("(", one_of(*DATES), st.one_of(compared, ordered), one_of(*DATES), ")"),
        joined("(", one_of(*QUANTITIES), st.one_of(compared, ordered), one_of(*QUANTITIES), ")"),
        joined("(", text(depth - 1), " in ", texts(depth - 1), ")"),
        joined("(", texts(depth - 1), " contains ", text(depth - 1), ")"),
        joined(text(depth - 1), ".", one_of("startsWith", "endsWith", "contains"), "(", text(depth - 1), ")"),
        joined(text(depth - 1), ".matches('^[a-b]+$')"),
        joined(
            texts(depth - 1),
            ".",
            one_of("exists()", "empty()", "isDistinct()", "exists($this = 'a')", "all($this = 'a')"),
        ),
        joined(texts(depth - 1), ".", one_of("subsetOf", "supersetOf"), "(", texts(depth - 1), ")"),
        joined(
            "(",
            one_of("active", "'a'", "1", "1.0", "name.first()"),
            " is ",
            one_of("Boolean", "String", "Integer", "Decimal"),
            ")",
        ),
        joined(
            text(depth - 1), ".", one_of("convertsToInteger()", "convertsToDecimal()", "convertsToBoolean()")
        ),
    )


def texts(depth: int) -> Text:
    """Any number of texts."""
    leaf = one_of(*TEXT_PATHS, "('a' | 'b' | 'a')", "{}")
    if depth == 0:
        return leaf
    inner = texts(depth - 1)
    return st.one_of(
        leaf,
        joined(
            inner,
            ".",
            one_of("first()", "last()", "tail()", "distinct()", "skip(1)", "take(2)", "trace('x')"),
        ),
        joined(inner, ".where(", one_of("$this = 'a'", "length() > 1", "$this != 'b'", "$index = 0"), ")"),
        joined(inner, ".select(", one_of("$this & 'x'", "upper()", "$this | 'b'", "toChars()"), ")"),
        joined("(", inner, " | ", inner, ")"),
        joined(inner, ".", one_of("union", "combine", "intersect", "exclude"), "(", inner, ")"),
        joined(
            one_of(*NODE_PATHS), ".select(", one_of("given", "value", "family | given", "name.given"), ")"
        ),
        joined(inner, "[", one_of("0", "1", "5"), "]"),
        joined(inner, ".repeat('a')"),
        joined(inner, ".ofType(String)"),
    )


EXPRESSIONS = st.one_of(text(2), number(2), condition(2), texts(2))

_NAMES = st.fixed_dictionaries(
    {},
    optional={
        "use": st.sampled_from(["home", "official"]),
        "family": st.sampled_from(WORDS[:5]),
        "given": st.lists(st.sampled_from(WORDS[:5]), min_size=1, max_size=3),
    },
)
_TELECOMS = st.fixed_dictionaries(
    {"value": st.sampled_from(WORDS[:5])}, optional={"system": st.sampled_from(["phone", "email"])}
)
PATIENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "id": st.just("p1"),
        "active": st.booleans(),
        "gender": st.sampled_from(["male", "female"]),
        "name": st.lists(_NAMES, min_size=1, max_size=3),
        "telecom": st.lists(_TELECOMS, min_size=1, max_size=3),
        "contact": st.lists(st.fixed_dictionaries({}, optional={"name": _NAMES}), min_size=1, max_size=2),
    },
)
