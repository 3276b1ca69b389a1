"""What a reader hands to the importer: a record to write, a record refused, or a note. Frozen values between
the stages.

Readers (`ndjson`, `fhir_bundle`, `obds`) make them, `importer` executes them; neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from mihub.site.ingest.report import Reason
from mihub.site.store.protocol import Delete, Put


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


@dataclass(frozen=True, slots=True)
class Rejected:
    """`records` units of the account that are not loaded, for these reasons."""

    reasons: tuple[Reason, ...]
    records: int = 1


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the reader of the report should know about a record that is loaded."""

    note: Reason


Record = Accepted | Rejected | Noted
