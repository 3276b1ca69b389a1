"""The addresses of the research area and who may open it. Neighbours: the page modules of this folder."""

from __future__ import annotations

from starlette.routing import Route

from mihub.core.policy.actor import Role
from mihub.portals.research import cohort_page, projects_page, question_page
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.portal import Portal

_ROLES = frozenset({Role.RESEARCHER})


def routes(portal: Portal) -> list[Route]:
    """All routes of the area."""
    question = "/r/fragen/{id}"
    return [
        Route("/r", projects_page.overview),
        Route("/r/kohorte", cohort_page.form),
        Route("/r/kohorte", cohort_page.send, methods=["POST"]),
        Route(question, question_page.show),
        Route(f"{question}/stand", question_page.table),
        Route(f"{question}/zahlen.csv", question_page.numbers),
    ]


AREA = Area(
    name="research",
    roles=_ROLES,
    routes=routes,
    nav=(
        NavItem("/r", "research.nav.projects", _ROLES),
        NavItem("/r/kohorte", "research.nav.cohort", _ROLES),
    ),
    home="/r",
)
