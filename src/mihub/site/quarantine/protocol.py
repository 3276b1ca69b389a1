"""The seam of the quarantine: what a site refused, as it came, with the reasons, until somebody decides.

`memory` is the reference, `postgres` the product. A body is a patient's data and never part of a list; whoever asks for
one has been allowed and noted by `room`. States: waiting, repaired (somebody put a corrected text), retried-ok (it, or a
later delivery of the same resource, is in the record), discarded. With the last two the bodies are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from mihub.site.validate.finding import Finding

State = Literal["waiting", "repaired", "retried-ok", "discarded"]
OPEN_STATES: Final[tuple[State, ...]] = ("waiting", "repaired")
STATES: Final[tuple[State, ...]] = (*OPEN_STATES, "retried-ok", "discarded")
# resource: one resource; entry: one entry of a bundle; bundle: a whole bundle; obds: one report; file: a whole file.
Kind = Literal["resource", "entry", "bundle", "obds", "file"]
# As much as the import reads of one line and the API of one request.
MAX_BODY_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason that is no finding of the validation: a sentence, the rule, what to do next."""

    reason: str
    rule: str
    next: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What is put into the quarantine. `body` is None when it is larger than `MAX_BODY_BYTES`; `size_bytes` tells.

    `keys`: `Type/id` of what it would have written; when all of them are stored later, the item is done. `client`: who
    sent it through the API. The place of a finding in a bundle is part of its location.
    """

    kind: Kind
    source: str
    body: bytes | None
    size_bytes: int
    resource_type: str = ""
    resource_id: str = ""
    file: str = ""
    line: int | None = None
    entry: int | None = None
    client: str = ""
    findings: tuple[Finding, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that refused it, sorted: those of error findings and of troubles."""
        spoke = {found.rule for found in self.findings if found.severity in ("error", "fatal")}
        return tuple(sorted(spoke | {trouble.rule for trouble in self.troubles}))

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles whose rules were broken, sorted."""
        return tuple(sorted({found.profile for found in self.findings if found.profile}))


@dataclass(frozen=True, slots=True)
class Item:
    """One refused record without its body. `times`: how often the same bytes came; `tries`: how often it was retried."""

    id: int
    state: State
    refused: Refused
    received_at: datetime
    last_at: datetime
    times: int = 1
    tries: int = 0
    has_body: bool = True
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which items, newest first. `states` () means open ones; `limit` 0 means all of them."""

    states: tuple[State, ...] = ()
    rule: str = ""
    resource_type: str = ""
    profile: str = ""
    source: str = ""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A page of items and how many there are in all."""

    items: tuple[Item, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Overview:
    """How many of each: states over everything, the rest over open items."""

    states: Mapping[str, int]
    rules: Mapping[str, int]
    types: Mapping[str, int]
    profiles: Mapping[str, int]
    sources: Mapping[str, int]


class Quarantine(Protocol):
    """Synchronous, like the store; safe from any thread. An unknown id raises `NotFound`."""

    def keep(self, items: Sequence[Refused]) -> list[int]:
        """Their ids, durable when it returns. The same bytes of the same source that are open already are counted there."""
        ...

    def find(self, asked: Asked) -> Found:
        """A page of items."""
        ...

    def read(self, item_id: int) -> Item:
        """One item."""
        ...

    def body(self, item_id: int, *, as_it_came: bool = False) -> bytes | None:
        """The text to try: the repaired one if there is one; None when none is kept (any more)."""
        ...

    def repair(self, item_id: int, body: bytes, findings: Sequence[Finding], who: str) -> None:
        """Put a corrected text beside the first one. Raises `Conflict` unless the item is open."""
        ...

    def retried(
        self,
        item_id: int,
        who: str,
        *,
        stored: bool,
        findings: Sequence[Finding] = (),
        troubles: Sequence[Trouble] = (),
    ) -> None:
        """What trying it again gave: stored, or the reasons of now."""
        ...

    def discard(self, item_id: int, who: str, reason: str) -> None:
        """Give it up with a reason; the bodies are forgotten. Raises `Conflict` unless the item is open."""
        ...

    def accepted(self, keys: Sequence[str]) -> int:
        """These (`Type/id`) have just been stored: open items that waited for nothing else are done. How many."""
        ...

    def overview(self) -> Overview:
        """Numbers for the page's filters."""
        ...
