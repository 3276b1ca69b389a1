"""The researcher's start: projects that may be asked for, and the questions asked so far. Read only."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mihub.portals.research.asking import access_of, asking_of
from mihub.portals.research.results import add_up
from mihub.portals.shell.page import page, text_of


async def overview(request: Request) -> Response:
    """GET /r"""
    asker, access = asking_of(request), access_of(request)
    projects = await asker.projects(access)
    names = {each.id: each.title for each in projects}
    questions = [(each, add_up(each.sites)) for each in await asker.questions(access)]
    return page(
        request,
        "research/projects.html",
        title=text_of(request, "research.projects.title"),
        projects=projects,
        names=names,
        questions=questions,
    )
