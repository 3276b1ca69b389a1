"""A profile compiled to what it adds to R4. For now only the seam: nothing is added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mihub.core.fhir import Json
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check
from mihub.site.validate.tree import Node


class Profiles:
    """The compiled profiles by canonical."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def get(self, canonical: str) -> Check | None:
        """The compiled profile, None when nobody knows it."""
        return None

    def claimed(self, value: Json, name: str, where: Where, run: Run, more: Sequence[str]) -> None:
        """A resource against the profiles it claims and those named."""

    def fits(self, value: Json, canonical: str, run: Run) -> bool:
        """Whether a resource or element conforms to a profile."""
        return True

    def of_extension(self, url: str, root: Node | None) -> Check | None:
        """The profile of an extension."""
        return None
