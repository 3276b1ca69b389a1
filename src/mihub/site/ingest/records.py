"""What a reader hands to the importer: a record to write, a record refused, or a note. Frozen values between
the stages.

Readers (`ndjson`, `fhir_bundle`, `obds`) make them, `importer` executes them; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mihub.site.ingest.report import Reason
from mihub.site.quarantine.protocol import Kind
from mihub.site.store.protocol import Delete, Put


@dataclass(frozen=True, slots=True)
class Body:
    """What a record was before it was read, for the quarantine; made only when it is asked for.

    `keys`: `Type/id` of what it would have written, as far as the reader knows.
    """

    kind: Kind
    content: bytes | Callable[[], bytes]
    resource_type: str = ""
    resource_id: str = ""
    keys: tuple[str, ...] = ()

    def text(self) -> bytes:
        """The bytes."""
        return self.content if isinstance(self.content, bytes) else self.content()


@dataclass(frozen=True, slots=True)
class Accepted:
    """`records` units of the account that stand or fall together. `alone`: its own transaction, never shared.

    `references`: the literal references in them, as far as the reader looked. `already`: entries that need no
    write because the store holds them (a conditional create that found its match).
    """

    entries: tuple[Put | Delete, ...]
    file: str
    records: int = 1
    line: int | None = None
    entry: int | None = None
    alone: bool = False
    already: int = 0
    references: tuple[str, ...] = ()
    body: Body | None = None
    # How each entry is named in what was sent; empty when the resources stand for themselves.
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """`records` units of the account that are not loaded, for these reasons."""

    reasons: tuple[Reason, ...]
    records: int = 1
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the reader of the report should know about a record that is loaded."""

    note: Reason


Record = Accepted | Rejected | Noted
