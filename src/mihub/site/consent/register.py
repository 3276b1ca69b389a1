"""Which patients may be counted for research, and facts of which days, at the position the facts stand at.

Reads Consents from the facts' own segments, so that permission and facts are never of two moments. Decisions
are kept until the position, the day or the codes change. Below: `core.consent`, `site.facts`. Above:
`site.feasibility`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import orjson

from mihub.core.consent.policy import PolicyCatalogue, PolicyCode, broad_consent
from mihub.core.consent.provisions import Ignored, Statement, statements
from mihub.core.consent.ruling import Ruling, decide
from mihub.core.query.permission import Permission
from mihub.site.facts.engine import DuckEngine

Stated = tuple[Statement | Ignored, ...]
# Different questions whose decisions are kept at once.
_KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Consented:
    """The permission, and how many patients with a Consent it leaves out for which reason."""

    permission: Permission
    refused: Mapping[str, int]


@dataclass(slots=True)
class ConsentRegister:
    """Rulings over the Consents that the engine holds; ask it inside `FactTable.asking`.

    What each Consent states is kept as long as its body stays the same, so that a change costs only what
    changed.
    """

    catalogue: PolicyCatalogue = field(default_factory=broad_consent)
    _read: dict[str, tuple[str, str, Stated]] = field(default_factory=dict)
    _read_at: int = -1
    _kept: dict[tuple[frozenset[PolicyCode], date], Consented] = field(default_factory=dict)

    def consented(
        self, engine: DuckEngine, *, position: int, required: frozenset[PolicyCode], today: date
    ) -> Consented:
        """Everybody's permission. `required` is completed by the codes every count needs."""
        self._catch_up(engine, position)
        key = (required, today)
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = self._decide(required, today)
        return self._kept[key]

    def ruling(self, patient: str, *, required: frozenset[PolicyCode], today: date) -> Ruling:
        """One patient's decision and its reasons, as of the last `consented`; for the site's own engineer."""
        return decide(self._by_patient().get(patient, []), required, self.catalogue, today)

    def _catch_up(self, engine: DuckEngine, position: int) -> None:
        if position == self._read_at:
            return
        before, self._read = self._read, {}
        for resource, patient, body in engine.consents():
            known = before.get(resource)
            if known is None or known[0] != body:
                known = body, patient, tuple(statements(orjson.loads(body), self.catalogue))
            self._read[resource] = known
        if self._read != before:
            self._kept.clear()
        self._read_at = position

    def _by_patient(self) -> dict[str, list[Statement | Ignored]]:
        grouped: dict[str, list[Statement | Ignored]] = defaultdict(list)
        for _, patient, stated in self._read.values():
            if patient:
                grouped[patient].extend(stated)
        return grouped

    def _decide(self, required: frozenset[PolicyCode], today: date) -> Consented:
        windows, refused = {}, Counter[str]()
        for patient, stated in self._by_patient().items():
            ruling = decide(stated, required, self.catalogue, today)
            if ruling.permitted:
                windows[patient] = ruling.windows.intervals
            else:
                refused[ruling.because] += 1
        return Consented(Permission(frozenset(windows), windows), dict(refused))
