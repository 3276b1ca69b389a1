"""The children of one element while they are worked on: each element with its slices behind it, found without searching.

Never changes a node. Below: `tree`. Above: `generate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mihub.core.fhir.definitions.snapshot.tree import Node


class Siblings:
    """Children by name, then by slice; the slice "" is the element itself."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._groups: dict[str, dict[str, Node]] = {}
        for node in nodes:
            self.put(node)

    def get(self, name: str, cut: str = "") -> Node | None:
        """The element, or one of its slices."""
        return self._groups.get(name, {}).get(cut)

    def put(self, node: Node) -> None:
        """In the place of the one of the same name and slice; a new one behind its element's last slice."""
        self._groups.setdefault(node.name, {})[node.slice] = node

    def put_behind(self, node: Node, above: str) -> None:
        """A slice that cuts the slice `above` again, behind it and its other cuts."""
        group = list(self._groups[node.name].values())
        last = max(i for i, n in enumerate(group) if n.slice == above or n.slice.startswith(f"{above}/"))
        self._groups[node.name] = {n.slice: n for n in [*group[: last + 1], node, *group[last + 1 :]]}

    def put_instead(self, node: Node, cut: str) -> None:
        """In the place of another slice of its element."""
        group = self._groups[node.name].values()
        self._groups[node.name] = {n.slice: n for n in (node if one.slice == cut else one for one in group)}

    def choices(self) -> Iterator[Node]:
        """The elements that may be of several types."""
        for name, group in self._groups.items():
            if name.endswith("[x]") and "" in group:
                yield group[""]

    def names(self) -> list[str]:
        """Names of the elements, in order."""
        return list(self._groups)

    def nodes(self) -> list[Node]:
        """All of them, in the order of a snapshot."""
        return [node for group in self._groups.values() for node in group.values()]
