"""One XML element as a frozen value: local name, text, attributes, children, line.

Cuts the mapping loose from the parser, so that a refused part can be left out without touching the others.
Above: `rules` and the mapping files. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """An element of the oBDS namespace.

    Other namespaces, comments and processing instructions are not kept.
    """

    name: str
    line: int
    text: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Node, ...] = ()

    def attribute(self, name: str) -> str:
        """The attribute's value without outer blanks; empty when absent."""
        return next((value.strip() for key, value in self.attributes if key == name), "")

    def all(self, *path: str) -> Iterator[Node]:
        """Every element at this path of child names, in document order."""
        for child in self.children:
            if child.name == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.all(*path[1:])

    def first(self, *path: str) -> Node | None:
        """The first element at this path, or None."""
        return next(self.all(*path), None)

    def value(self, *path: str) -> str:
        """The text of the first element at this path; empty when absent or empty."""
        found = self.first(*path)
        return found.text if found is not None else ""

    def said(self) -> list[Any]:
        """Everything but the line: the same for the same content, wherever it stands."""
        return [self.name, self.text, self.attributes, [child.said() for child in self.children]]

    def without(self, unwanted: frozenset[int]) -> Node:
        """The same element without the descendants whose `id()` is listed."""
        kept = tuple(child.without(unwanted) for child in self.children if id(child) not in unwanted)
        return replace(self, children=kept)
