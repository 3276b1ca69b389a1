"""How many: from a question to the one number that may leave, and the same count for the site's engineer.

Both go one way: CCDL, question, facts, consent; only then the gate. The facts are brought up to date first,
so that a withdrawn consent counts at once. Never answers without consent, ledger and threshold. Above: the
mailbox agent, the site's API. Below: `core.query`, `core.consent`, `core.disclosure`, `site.facts`,
`site.consent`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from mihub import log
from mihub.core.audit.entry import OutcomeCode
from mihub.core.consent.policy import PolicyCode
from mihub.core.disclosure.cells import DEFAULT_MIN_CELL, LEAST_MIN_CELL, CellRule, suppress
from mihub.core.disclosure.gate import Gate, Refused
from mihub.core.fhir import Json
from mihub.core.mii.ccdl import parse_ccdl
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.core.query.canonical import canonical, criteria, query_hash
from mihub.core.query.from_ccdl import Cohort, from_ccdl
from mihub.core.query.nodes import Node, QuantityTest
from mihub.core.wire.feasibility import FeasibilityAnswer, FeasibilityQuestion
from mihub.site.consent.register import Consented, ConsentRegister
from mihub.site.facts.engine import DuckEngine
from mihub.site.facts.table import ChangeLog, FactTable
from mihub.site.feasibility.ledger import FileLedger
from mihub.site.feasibility.local import LocalCount
from mihub.site.store.protocol import Audit, Note


class Record(ChangeLog, Audit, Protocol):
    """What the room needs of a store: what changed, and where to note what was given away."""


@dataclass(frozen=True, slots=True)
class Feasibility:
    """The room of one site. `least_cell` is the site's own floor; a project's greater one wins."""

    member: MemberId
    facts: FactTable
    audit: Audit
    gate: Gate
    today: Callable[[], date]
    consents: ConsentRegister = field(default_factory=ConsentRegister)
    least_cell: int = LEAST_MIN_CELL
    rounding: int = 1

    def refresh(self) -> int:
        """Bring facts and consents up to date, so that the next question need not; returns the position."""
        catalogue = self.consents.catalogue
        self.facts.refresh()
        with self.facts.asking() as engine:
            self._consented(engine, frozenset({catalogue.use, catalogue.collect}), self.today())
            return self.facts.position

    def answer(self, question: FeasibilityQuestion) -> FeasibilityAnswer:
        """What leaves the site, noted in its audit. Raises for a question that has no meaning here, before any
        fact is read.
        """
        started = time.monotonic()
        cohort, required = self._read(question.ccdl, question.consent_codes)
        node, today = canonical(cohort.node), self.today()
        self.facts.refresh()
        with self.facts.asking() as engine:
            position = self.facts.position
            consented = self._consented(engine, required, today)
            people = engine.people(node, as_of=today, permission=consented.permission)
            shown = self.gate.release(
                people,
                project=question.project,
                query=_asked(node, required),
                rule=self._rule(question.min_cell),
            )
        log.info("feasibility.answered", member=self.member, position=position)
        count = None if isinstance(shown, Refused) else shown.value
        self._note("feasibility", node, self._project(question.project), count, isinstance(shown, Refused))
        return FeasibilityAnswer(
            question_id=question.id,
            member=self.member,
            count=count,
            shown=shown.shown,
            suppressed=count is None,
            position=position,
            duration_ms=_milliseconds(started),
            reason=shown.reason if isinstance(shown, Refused) else "",
        )

    def local_count(
        self,
        ccdl: Json,
        consent_codes: Iterable[str] = (),
        *,
        min_cell: int = DEFAULT_MIN_CELL,
        access: Access | None = None,
    ) -> LocalCount:
        """The same question for the site's own engineer: exact, with attrition, remembered by no ledger.

        `access`: who asks, for the audit; without one it is the site's own program.
        """
        started = time.monotonic()
        cohort, required = self._read(ccdl, consent_codes)
        node, today, rule = cohort.node, self.today(), self._rule(min_cell)
        self.facts.refresh()
        with self.facts.asking() as engine:
            position = self.facts.position
            consented = self._consented(engine, required, today)
            permission = consented.permission
            before = len(engine.people(node, as_of=today))
            after = len(engine.people(node, as_of=today, permission=permission))
            self._note("local-count", node, access or self._program(), before)
            return LocalCount(
                before_consent=before,
                with_consent=after,
                would_show=suppress(after, rule).shown,
                min_cell=rule.min_cell,
                position=position,
                query=query_hash(node),
                attrition=engine.attrition(node, as_of=today),
                attrition_with_consent=engine.attrition(node, as_of=today, permission=permission),
                refused=consented.refused,
                not_compared=_not_compared(engine, node),
                duration_ms=_milliseconds(started),
            )

    def _read(self, ccdl: Json, codes: Iterable[str]) -> tuple[Cohort, frozenset[PolicyCode]]:
        cohort = from_ccdl(parse_ccdl(ccdl))
        catalogue = self.consents.catalogue
        asked = catalogue.required([*codes, *cohort.consent_codes])
        return cohort, asked | {catalogue.use, catalogue.collect}

    def _consented(self, engine: DuckEngine, required: frozenset[PolicyCode], today: date) -> Consented:
        position = self.facts.position
        return self.consents.consented(engine, position=position, required=required, today=today)

    def _note(
        self, interaction: str, node: Node, access: Access, count: int | None, refused: bool = False
    ) -> None:
        outcome: OutcomeCode = "4" if refused else "0"
        asked = f"question={query_hash(node)}"
        note = Note("E", interaction, "Patient", count=count or 0, outcome=outcome, parameters=asked)
        self.audit.note([note], access)

    def _project(self, project: str) -> Access:
        # The person behind a federated question is known to the hub's project; the site knows whose key signed it.
        return Access(Actor(f"project:{project}", project, Role.RESEARCHER, MemberId("")), Purpose.RESEARCH)

    def _program(self) -> Access:
        return Access(Actor("site-count", "mihub site count", Role.SYSTEM, self.member), Purpose.OPERATIONS)

    def _rule(self, asked: int) -> CellRule:
        return CellRule(min_cell=max(asked, self.least_cell, LEAST_MIN_CELL), rounding=self.rounding)


def open_room(
    folder: Path, record: Record, *, member: MemberId, secret: bytes, today: Callable[[], date]
) -> Feasibility:
    """The room of a site with facts and ledger in this folder. `secret` is the site's own and must stay.

    Close with `room.facts.close()`. A lost folder of facts is rebuilt; a lost ledger is not, so back it up.
    """
    facts = FactTable(folder / "facts", record)
    return Feasibility(member, facts, record, Gate(FileLedger(folder / "released"), secret), today)


def _asked(node: Node, required: frozenset[PolicyCode]) -> str:
    """The question as the ledger knows it: other consent codes make another question."""
    return f"{query_hash(node)}/{'+'.join(sorted(required, key=int))}"


def _not_compared(engine: DuckEngine, node: Node) -> Mapping[str, int]:
    """Values of the asked codes in units that the question's unit is not comparable with."""
    left_out: dict[str, int] = {}
    for criterion in criteria(node):
        if isinstance(criterion.value, QuantityTest):
            comparable = {unit for unit, _ in criterion.value.units}
            found = engine.units_of(match.code for match in criterion.codes)
            left_out |= {unit: count for unit, count in found.items() if unit not in comparable}
    return left_out


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
