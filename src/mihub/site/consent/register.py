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

import orjson

from mihub.core.consent.policy import PolicyCatalogue, PolicyCode, broad_consent
from mihub.core.consent.ruling import Ruling, rule
from mihub.core.fhir import Resource
from mihub.core.query.permission import Permission
from mihub.site.facts.engine import DuckEngine


@dataclass(frozen=True, slots=True)
class Consented:
    """The permission, and how many patients with a Consent it leaves out for which reason."""

    permission: Permission
    refused: Mapping[str, int]


@dataclass(slots=True)
class ConsentRegister:
    """Rulings over the Consents that the engine holds; ask it inside `FactTable.asking`."""

    catalogue: PolicyCatalogue = field(default_factory=broad_consent)
    _key: tuple[int, frozenset[PolicyCode], date] | None = None
    _kept: Consented | None = None

    def consented(
        self, engine: DuckEngine, *, position: int, required: frozenset[PolicyCode], today: date
    ) -> Consented:
        """Everybody's permission. `required` is completed by the codes every count needs."""
        key = (position, required, today)
        if self._kept is None or key != self._key:
            self._kept, self._key = self._decide(engine, required, today), key
        return self._kept

    def ruling(
        self, engine: DuckEngine, patient: str, *, required: frozenset[PolicyCode], today: date
    ) -> Ruling:
        """The decision for one patient with its reasons, for the site's own engineer."""
        return rule(_by_patient(engine).get(patient, []), required, self.catalogue, today)

    def _decide(self, engine: DuckEngine, required: frozenset[PolicyCode], today: date) -> Consented:
        windows, refused = {}, Counter[str]()
        for patient, consents in _by_patient(engine).items():
            ruling = rule(consents, required, self.catalogue, today)
            if ruling.permitted:
                windows[patient] = ruling.windows.intervals
            else:
                refused[ruling.because] += 1
        return Consented(Permission(frozenset(windows), windows), dict(refused))


def _by_patient(engine: DuckEngine) -> dict[str, list[Resource]]:
    grouped: dict[str, list[Resource]] = defaultdict(list)
    for patient, body in engine.consents():
        if patient:
            grouped[patient].append(orjson.loads(body))
    return grouped
