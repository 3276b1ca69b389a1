"""One question: every site with its count or its silence, the sum as a range, and the same numbers as CSV.

While a site may still answer, the table refreshes itself where JavaScript is there; a plain link does it
anywhere. Neighbours: `results`, `asking`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mihub.portals.research.asker import QuestionStatus
from mihub.portals.research.asking import access_of, asking_of
from mihub.portals.research.cohort_page import pretty
from mihub.portals.research.results import add_up, is_suppressed, shown, to_csv
from mihub.portals.shell.page import page, text_of

_STATES = ("waiting", "received", "answered", "refused", "expired")


async def show(request: Request) -> Response:
    """GET /r/fragen/{id}"""
    question = await _question(request)
    title = question.title or text_of(request, "research.question.untitled")
    return page(
        request,
        "research/question.html",
        title=title,
        uses_htmx=bool(question.silent),
        **_context(question),
    )


async def table(request: Request) -> Response:
    """GET /r/fragen/{id}/stand: the table alone, for the refresh."""
    return page(request, "research/question_table.html", **_context(await _question(request)))


async def numbers(request: Request) -> Response:
    """GET /r/fragen/{id}/zahlen.csv: exactly the shown numbers."""
    question = await _question(request)
    columns = tuple(
        text_of(request, f"research.question.column.{name}") for name in ("site", "count", "state", "time")
    )
    states = {state: text_of(request, f"research.site.{state}") for state in _STATES}
    headers = {"content-disposition": 'attachment; filename="zahlen.csv"'}
    body = to_csv(question, (columns[0], columns[1], columns[2], columns[3]), states)
    return Response(body, media_type="text/csv", headers=headers)


async def _question(request: Request) -> QuestionStatus:
    return await asking_of(request).status(request.path_params["id"], access_of(request))


def _context(question: QuestionStatus) -> dict[str, Any]:

    return {
        "question": question,
        "rows": [(site, shown(site), is_suppressed(site)) for site in question.sites],
        "sum": add_up(question.sites),
        "document": pretty(question.ccdl),
    }
