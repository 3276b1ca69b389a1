"""Somebody who asks without a hub: keeps what was asked, answers as the test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mihub.core.fhir import Json
from mihub.core.policy.actor import Access, MemberId
from mihub.errors import NotFound
from mihub.portals.research.asker import Project, QuestionStatus, SiteStatus

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SITES = (
    SiteStatus(MemberId("dresden"), "Uniklinikum Elbaue", "answered", NOW, "120", 120, False, 7, 14),
    SiteStatus(MemberId("chemnitz"), "Klinikum Erzgebirgsblick", "answered", NOW, "<10", None, True, 7, 9),
    SiteStatus(
        MemberId("praxis-a"), "=Praxis", "answered", NOW, "–", None, True, 3, 4, reason="not-released"
    ),
    SiteStatus(MemberId("cottbus"), "Klinikum Spreewald", "waiting", NOW),
)


@dataclass
class FakeAsker:
    """`asked` holds every question; `sites` is what each of them shows."""

    asked: dict[str, tuple[Json, str, str]] = field(default_factory=dict)
    sites: tuple[SiteStatus, ...] = SITES
    allowed: tuple[Project, ...] = (Project("lung", "Lunge 2026"), Project("other", "Anderes"))

    @classmethod
    def filled(cls) -> FakeAsker:
        """One question asked already."""
        document: Json = {"version": "2", "display": "Lunge", "inclusionCriteria": []}
        return cls({"q1": (document, "lung", "Lungenkrebs ab 50")})

    async def projects(self, access: Access) -> list[Project]:
        return list(self.allowed)

    async def ask(
        self, ccdl: Json, project: str, access: Access, *, title: str = "", consent_codes: Sequence[str] = ()
    ) -> str:
        question = f"q{len(self.asked) + 1}"
        self.asked[question] = (ccdl, project, title)
        return question

    async def status(self, question_id: str, access: Access) -> QuestionStatus:
        if question_id not in self.asked:
            raise NotFound("There is no such question of yours.")
        ccdl, project, title = self.asked[question_id]
        return QuestionStatus(question_id, project, title, ccdl, NOW, NOW.replace(day=30), self.sites)

    async def questions(self, access: Access) -> list[QuestionStatus]:
        return [await self.status(each, access) for each in reversed(self.asked)]
