"""Cut KERN UX down to the components we use: `python tools/purge_kern.py KERN.css OUT.css`.

Keeps a rule when every `.kern-…` class in one of its selectors is in `KEPT`, drops selectors that name
others, then drops custom properties that nothing refers to. The result stays under KERN's licence
(EUPL-1.2) in its own folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

KEPT = re.compile(
    r"kern-(btn(--(primary|secondary|tertiary|block))?|label(__optional)?|alert(__(header|body)|--\w+)?|title|body"
    r"|badge(--(info|success|warning|danger|small))?|form-input(__(input|select|select-wrapper|textarea)(--error)?|--error)?"
    r"|form-check(__(radio|checkbox)(--error)?|--error)?|fieldset(__\w+)?(--\w+)?|hint|error|link|sr-only"
    r"|icon(--(info|success|warning|danger|check|help|download|arrow-forward|arrow-back|calendar-today))?)"
)
_CLASS = re.compile(r"\.(kern-[\w-]+)")
_VARIABLE = re.compile(r"var\((--[\w-]+)")
_DEFINITION = re.compile(r"(--[\w-]+):[^;{}]*(;|(?=\}))")
_DROPPED_ROOTS = re.compile(r"data-kern-theme=dark|\.kern-dark")


def blocks(css: str) -> list[tuple[str, str]]:
    """Top-level (prelude, body) pairs; at-rules without body get an empty one."""
    found, position = [], 0
    while position < len(css):
        opening = css.find("{", position)
        semicolon = css.find(";", position)
        if opening < 0:
            break
        if 0 <= semicolon < opening:
            found.append((css[position : semicolon + 1].strip(), ""))
            position = semicolon + 1
            continue
        depth, end = 1, opening + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        found.append((css[position:opening].strip(), css[opening + 1 : end - 1]))
        position = end
    return found


def purged(css: str) -> str:
    """The rules that remain."""
    kept = []
    for prelude, body in blocks(css):
        if "prefers-color-scheme: dark" in prelude:
            continue
        if prelude.startswith(("@media", "@supports")):
            inner = purged(body)
            if inner:
                kept.append(f"{prelude}{{{inner}}}")
        elif prelude.startswith("@") or not body.strip():
            continue
        else:
            selectors = [selector.strip() for selector in split_selectors(prelude)]
            selectors = [selector for selector in selectors if wanted(selector)]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{compact(body)}}}")
    return "".join(kept)


def split_selectors(prelude: str) -> list[str]:
    """Split at commas outside of parentheses."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(prelude):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(prelude[start:index])
            start = index + 1
    return [*parts, prelude[start:]]


def wanted(selector: str) -> bool:
    """Whether a selector concerns only what we use; the dark theme waits until it is designed."""
    classes = [name for name in _CLASS.findall(selector) if name not in ("kern-light",)]
    return not _DROPPED_ROOTS.search(selector) and all(KEPT.fullmatch(name) for name in classes)


def compact(body: str) -> str:
    """Declarations without white space."""
    return ";".join(
        re.sub(r"\s+", " ", part).strip().replace(": ", ":", 1) for part in body.split(";") if part.strip()
    )


def without_unused_variables(css: str) -> str:
    """Drop custom properties that no `var()` names, until nothing changes."""
    used = frozenset(_VARIABLE.findall(css))

    def kept(match: re.Match[str]) -> str:
        return match[0] if match[1] in used else ""

    smaller = _DEFINITION.sub(kept, css)
    return without_unused_variables(smaller) if smaller != css else re.sub(r"[^{}]+\{\s*\}", "", css)


def main(source: Path, target: Path) -> None:
    """Read, purge, write, tell the sizes."""
    css = re.sub(r"/\*.*?\*/", "", source.read_text(encoding="utf-8"), flags=re.DOTALL)
    result = without_unused_variables(purged(css))
    head = "/* KERN UX native 2.7.2, purged by tools/purge_kern.py. EUPL-1.2, see LICENSE.md. */\n"
    target.write_text(head + result + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(css)} -> {len(result)} characters\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
