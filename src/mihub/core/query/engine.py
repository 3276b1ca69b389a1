"""The seam of the engines: a question in, people out. `memory` is the reference, `site.facts` counts."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from mihub.core.query.explain import Attrition
from mihub.core.query.nodes import Node
from mihub.core.query.permission import Permission


class Engine(Protocol):
    """A person counts once and only while their Patient resource is there; `as_of` is the day of asking."""

    def people(self, node: Node, *, as_of: date, permission: Permission | None = None) -> frozenset[str]:
        """The patients who satisfy the question; without a permission, before consent."""
        ...

    def attrition(self, node: Node, *, as_of: date, permission: Permission | None = None) -> Attrition:
        """How many people each part of the question leaves."""
        ...
