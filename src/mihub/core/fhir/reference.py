"""What a FHIR reference points to, and where references stand in a resource.

Source: https://hl7.org/fhir/R4/references.html. Above: search extraction, transactions, ingest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.types import RESOURCE_TYPES

_LITERAL: Final = re.compile(
    r"(?:(https?://[^?#]+)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?"
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A reference by type and id; `base` is "" when it is relative."""

    resource_type: str
    id: str
    base: str = ""
    version: str = ""

    @property
    def relative(self) -> str:
        """`Type/id`."""
        return f"{self.resource_type}/{self.id}"


def literal(reference: str) -> Literal | None:
    """The parts of a literal reference; None for urn, fragment, conditional and logical ones."""
    match = _LITERAL.fullmatch(reference)
    if match is None or match[2] not in RESOURCE_TYPES:
        return None
    return Literal(match[2], match[3], match[1] or "", match[4] or "")


def holders(resource: Any) -> Iterator[tuple[str, Json]]:
    """Every object with a text under `reference`, with its element path, in document order."""
    stack: list[tuple[str, Any]] = [("", resource)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("reference"), str):
                yield path, node
            stack += [(f"{path}.{key}" if path else key, value) for key, value in reversed(node.items())]
        elif isinstance(node, list):
            stack += [(f"{path}[{index}]", node[index]) for index in range(len(node) - 1, -1, -1)]
