"""What the pages need of whoever asks: projects, ask, status. The `Asker` of this area fulfils it; apps
puts it in place.

`app.state.asker` holds it; without one the pages say that asking is not set up here. Neighbours: `asker`,
the pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request

from mihub.core.fhir import Json
from mihub.core.policy.actor import Access, Purpose
from mihub.errors import Unavailable
from mihub.portals.research.asker import Project, QuestionStatus
from mihub.portals.shell.guard import session_of


class Asking(Protocol):
    """The part of `Asker` that the pages use."""

    async def projects(self, access: Access) -> list[Project]:
        """The projects that this person may ask for."""
        ...

    async def ask(
        self, ccdl: Json, project: str, access: Access, *, title: str = "", consent_codes: Sequence[str] = ()
    ) -> str:
        """Ask all sites; the question's id."""
        ...

    async def status(self, question_id: str, access: Access) -> QuestionStatus:
        """Every site's state now."""
        ...

    async def questions(self, access: Access) -> list[QuestionStatus]:
        """What this person asked, newest first."""
        ...


def asking_of(request: Request) -> Asking:
    """Whoever asks here. Raises `Unavailable` when apps put nobody in place."""
    found: Asking | None = getattr(request.app.state, "asker", None)
    if found is None:
        raise Unavailable(
            "Asking the sites is not set up at this portal.",
            rule="app.state.asker",
            next_step="The operator connects the portal to a hub and gives it a project's key.",
        )
    return found


def access_of(request: Request) -> Access:
    """The signed-in researcher for the purpose of research."""
    return Access(session_of(request).actor, Purpose.RESEARCH)
