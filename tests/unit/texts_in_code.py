"""Reads the sentences out of source files, so that a test can ask for the German of each.

Every text with a space counts that stands in a file which speaks of reasons or errors, however it is composed: an f-string
and a sum become one template with `{}` for what is filled in, a choice becomes both. Docstrings and enum values do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

from mihub import errors

SOURCE = Path(errors.__file__).resolve().parent
ERRORS = frozenset(name for name, kind in vars(errors).items() if isinstance(kind, type))
# Of the program's own making at its start: no page can show it.
_NOT_SHOWN = frozenset({"ConfigurationError", "TypeError", "ValueError"})
_SPEAKS = ERRORS | {"Reason", "Fault", "Violation", "Header", "NOT_READ", "refused"}


def speaks(tree: ast.AST) -> bool:
    """Whether a file names anything that carries a sentence into a report or an error."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return bool(names & _SPEAKS)


def in_file(path: Path) -> set[str]:
    """All sentences of a file that speaks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return set(_said(tree, tree)) if speaks(tree) else set()


def in_errors(path: Path) -> set[str]:
    """Only what is handed to an error: for files full of SQL and words of other kinds."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) in ERRORS]
    return {sentence for call in calls for sentence in _said(call, tree)}


def _said(root: ast.AST, tree: ast.AST) -> Iterator[str]:
    constants = _constants(tree)
    inlined = {
        node.id
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Name)
    }
    yield from (
        sentence
        for text in _texts(root, frozenset(inlined))
        for sentence in _expanded(text, constants)
        if " " in sentence and any(sign.isalpha() for sign in sentence.replace("{}", ""))
    )


def _texts(node: ast.AST, inlined: frozenset[str]) -> Iterator[ast.expr]:
    """The outermost expressions that make a text."""
    if isinstance(node, ast.Constant | ast.JoinedStr) or (isinstance(node, ast.BinOp) and _is_text(node)):
        yield node
        return
    if isinstance(node, ast.Call) and _name(node.func) in _NOT_SHOWN:
        return
    if isinstance(node, ast.ClassDef) and any(_name(base) == "Enum" for base in node.bases):
        return
    if isinstance(node, ast.AnnAssign) and _name(node.target) in inlined:
        return
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_docstring:
            yield from _texts(child, inlined)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _expanded(node: ast.expr, constants: dict[str, str]) -> list[str]:
    """Every sentence that the expression can make, `{}` for a value that is not known here."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Name):
        return [constants.get(node.id, "{}")]
    if isinstance(node, ast.IfExp):
        return _expanded(node.body, constants) + _expanded(node.orelse, constants)
    if isinstance(node, ast.FormattedValue):
        return _expanded(node.value, constants) or ["{}"]
    if isinstance(node, ast.JoinedStr):
        return ["".join(one) for one in product(*(_expanded(part, constants) for part in node.values))]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = product(_expanded(node.left, constants), _expanded(node.right, constants))
        return ["".join(one) for one in both]
    return ["{}"]


def _constants(tree: ast.AST) -> dict[str, str]:
    return {
        _name(node.target): node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


@cache
def all_sentences() -> frozenset[str]:
    """Everything that an import or a count can answer, from the sources as they are."""
    whole = [
        *(SOURCE / "site" / "ingest").rglob("*.py"),
        *(SOURCE / "core" / "mii").rglob("*.py"),
        *(SOURCE / "core" / "query").rglob("*.py"),
        *(SOURCE / "core" / "consent").rglob("*.py"),
        SOURCE / "site" / "subscriptions" / "request.py",
        SOURCE / "site" / "subscriptions" / "hosts.py",
        SOURCE / "site" / "store" / "content.py",
        SOURCE / "site" / "store" / "deciding.py",
        SOURCE / "database" / "faults.py",
    ]
    only_errors = [
        SOURCE / "core" / "fhir" / "dates.py",
        *(SOURCE / "site" / "facts").rglob("*.py"),
        SOURCE / "apps" / "site_admin.py",
        SOURCE / "apps" / "site_quarantine.py",
        *(SOURCE / "site" / "quarantine").rglob("*.py"),
        SOURCE / "portals" / "research" / "documents.py",
        SOURCE / "portals" / "research" / "cohort_page.py",
    ]
    found = [in_file(path) for path in whole] + [in_errors(path) for path in only_errors]
    return frozenset().union(*found)
