"""`mihub codes ...`: the publishers' code lists of a site. Below: `site.terminology.lists`; beside: `folders`, `console`.

Works on the file in the site's folder, whether the site runs or not; a running site sees the change at its next question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mihub.apps import console, folders
from mihub.errors import InvalidInput
from mihub.site.packages.shelf import FILE_NAME as PACKAGES_FILE
from mihub.site.packages.shelf import Shelf
from mihub.site.terminology.lists import FILE_NAME, Added, CodeLists, Hit, Wanted

_SHOWN = 5


@contextmanager
def opened(folder: Path) -> Iterator[CodeLists]:
    """The code lists of a site's folder. Raises when the folder is no site's."""
    folders.read(folder, "site")
    with CodeLists.open(folder / FILE_NAME) as lists:
        yield lists


def add(folder: Path, paths: Sequence[Path], wanted: Wanted, *, as_json: bool) -> int:
    """Load lists, print the account, return the exit code: 65 when a list was refused."""
    with opened(folder) as lists, console.progress("Reading", quiet=as_json) as step:
        done = lists.add(paths, wanted, lambda name: step(0, 0, f"Loading {name}"))
    if as_json:
        console.json_line({"lists": [_account(one) for one in done]})
    else:
        for one in done:
            _print_added(one)
    return InvalidInput.exit_code if any(one.refused for one in done) else 0


def _account(one: Added) -> dict[str, Any]:
    found: dict[str, Any] = {"files": one.files, "seconds": round(one.seconds, 2)}
    if one.info is not None:
        found |= one.info.to_json()
        found["left_out"] = [
            {"what": each.what, "count": each.count, "examples": each.examples} for each in one.problems
        ]
    if one.refused is not None:
        error = one.refused
        found["refused"] = {
            "what": error.what,
            "where": error.where,
            "rule": error.rule,
            "next_step": error.next_step,
        }
    return found


def _print_added(one: Added) -> None:
    if one.refused is not None:
        _write(f"refused: {one.files}: {one.refused}")
        return
    if one.info is None:
        return
    _write(f"{one.info.title} {one.info.version}: {one.info.size:,} codes in {one.seconds:.1f} s.")
    for problem in one.problems:
        examples = "; ".join(problem.examples[:_SHOWN])
        _write(f"  {problem.count} {problem.what}" + (f": {examples}" if examples else ""))
    if one.info.notice:
        _write(f"  {one.info.notice}")


def show(folder: Path, *, as_json: bool) -> None:
    """Every list with its version and the sentence its publisher asks to be shown."""
    with opened(folder) as lists:
        found = lists.lists()
    if as_json:
        console.json_line({"lists": [one.to_json() for one in found]})
        return
    for one in found:
        _write(
            f"{one.key or one.title} {one.version}: {one.size:,} codes, loaded {one.loaded_at[:10]} from {one.files}"
        )
        _write(f"  {one.url}")
        if one.notice:
            _write(f"  {one.notice}")
    if not found:
        _write("No code list is loaded. Next: mihub codes add --help")


def remove(folder: Path, system: str, version: str, *, as_json: bool) -> None:
    """Take out one version of a system, or all of them."""
    with opened(folder) as lists:
        gone = lists.remove(system, version)
    if as_json:
        console.json_line({"removed": [one.to_json() for one in gone]})
        return
    for one in gone:
        _write(f"{one.title} {one.version} is removed ({one.size:,} codes).")


def search(
    folder: Path, text: str, systems: Sequence[str], *, limit: int, every_version: bool, as_json: bool
) -> None:
    """Codes as people type them, best first: over all lists, and the code systems of the loaded packages."""
    with opened(folder) as lists:
        packages = folder / PACKAGES_FILE
        if packages.exists():
            with closing(Shelf.open(packages)) as shelf:
                lists.index_definitions(shelf)
        hits = lists.search(text, systems=systems, limit=limit, every_version=every_version)
    if as_json:
        console.json_line({"hits": [_hit(one) for one in hits]})
        return
    for one in hits:
        _print_hit(one)
    if not hits:
        _write("Nothing was found. Next: type another word, or load more lists: mihub codes add --help")


def _hit(one: Hit) -> dict[str, Any]:
    return {
        "system": one.system,
        "version": one.version,
        "code": one.code,
        "display": one.display,
        "matched": one.matched,
        "abstract": one.abstract,
        "list": one.list_title,
        "path": [{"code": code, "display": display} for code, display in one.path],
    }


def _print_hit(one: Hit) -> None:
    found = f"  (found as: {one.matched})" if one.matched not in {one.display, one.code} else ""
    _write(f"{one.code}  {one.display}{found}")
    path = " > ".join(code for code, _ in one.path)
    _write(f"    {one.list_title} {one.version}" + (f"; {path}" if path else ""))


def _write(text: str) -> None:
    console.out.print(text, markup=False)
