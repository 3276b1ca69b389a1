"""The cohort builder: one form, every button sends it, nothing is kept on the server until the question is
asked.

What it shows as JSON is what will be asked. A pasted document that the form can not show may be asked as
it stands. Neighbours: `cohort_form`, `documents`, `asking`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mihub.core.fhir import Json
from mihub.core.mii.ccdl import parse_ccdl
from mihub.core.query.from_ccdl import from_ccdl
from mihub.errors import Forbidden, InvalidInput, MihubError, NotSupported, TooLarge
from mihub.portals.research import codes
from mihub.portals.research.asking import access_of, asking_of
from mihub.portals.research.cohort import KINDS, Cohort, Line, Side
from mihub.portals.research.cohort_form import check, read_cohort, searched, step
from mihub.portals.research.documents import from_document, to_document
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.page import language_of, page, see_other, text_of
from mihub.portals.shell.reasons import told

_USE = "2.16.840.1.113883.3.1937.777.24.5.3.8"
_START = Cohort(include=((Line("diagnosis"),), (Line("consent", codes=(_USE,)),)))
_LARGEST_PASTE = 400_000


async def form(request: Request) -> Response:
    """GET /r/kohorte?frage=: empty, or filled with an earlier question."""
    earlier = request.query_params.get("frage")
    cohort, pasted, problem = _START, "", None
    if earlier:
        question = await asking_of(request).status(earlier, access_of(request))
        try:
            cohort = from_document(question.ccdl)
        except NotSupported as error:
            pasted, problem = pretty(question.ccdl), error
    return await _render(request, cohort, FormErrors(), {"pasted": pasted, "problem": problem})


async def send(request: Request) -> Response:
    """POST /r/kohorte: button `act` says what to do."""
    sent = await request.form()
    act = str(sent.get("act", ""))
    if act in ("paste", "ask-pasted"):
        return await _pasted(request, sent, act)
    errors = FormErrors()
    cohort = read_cohort(sent, errors)
    project = str(sent.get("project", ""))
    if act in ("ask", "download"):
        check(cohort, errors)
        if errors:
            return await _render(request, cohort, errors, {"project": project}, status=422)
        if act == "download":
            return _download(to_document(cohort))
        return await _ask(request, to_document(cohort), project, cohort.title)
    if act == "empty":
        return await _render(request, _START, FormErrors(), {"project": project})
    changed = step(cohort, act, sent)
    place = searched(act)
    looked_for = str(sent.get(f"find-{'-'.join(map(str, place))}", "")) if place else ""
    more = {"project": project, "place": place, "looked_for": looked_for}
    return await _render(request, changed, FormErrors(), more)


async def _pasted(request: Request, sent: FormData, act: str) -> Response:
    text = str(sent.get("document", ""))
    project = str(sent.get("project", ""))
    more: dict[str, Any] = {"pasted": text, "project": project}
    try:
        document = _loaded(text)
        if act == "ask-pasted":
            return await _ask(request, document, project, str(document.get("display", "")))
        cohort = from_document(document)
    except (InvalidInput, NotSupported, TooLarge) as error:
        return await _render(request, _START, FormErrors(), {**more, "problem": error}, status=422)
    return await _render(request, cohort, FormErrors(), {"project": project})


async def _ask(request: Request, document: Json, project: str, title: str) -> Response:
    """Ask, after the same check that every site makes: a question that none could answer is not sent."""
    from_ccdl(parse_ccdl(document))
    asker, access = asking_of(request), access_of(request)
    known = [each.id for each in await asker.projects(access)]
    chosen = project or next(iter(known), "")
    if chosen not in known:
        raise Forbidden(
            "You may not ask for this project.",
            rule="a question belongs to a project that is open to the person",
            next_step="Choose one of your projects.",
        )
    question = await asker.ask(document, chosen, access, title=title[:120])
    return see_other(request, f"/r/fragen/{question}")


async def _render(
    request: Request, cohort: Cohort, errors: FormErrors, more: dict[str, Any], status: int = 200
) -> Response:
    language = language_of(request)
    place = more.get("place")
    line = _line_at(cohort, place)
    is_coded = line is not None and line.kind in codes.CODED_KINDS
    hits = codes.find(line.kind, more["looked_for"], language) if line and is_coded else ()
    problem: MihubError | None = more.get("problem")
    return page(
        request,
        "research/cohort.html",
        status=status,
        title=text_of(request, "research.cohort.title"),
        cohort=cohort,
        errors=errors,
        kinds=[(kind, text_of(request, f"research.kind.{kind}")) for kind in KINDS],
        projects=await asking_of(request).projects(access_of(request)),
        project=more.get("project", ""),
        place=place,
        looked_for=more.get("looked_for", ""),
        hits=hits,
        name_of=lambda kind, code: codes.name_of(kind, code, language),
        known=codes.known,
        unit_of=codes.unit_of,
        document=pretty(to_document(cohort)),
        pasted=more.get("pasted", ""),
        problem=problem,
        told=partial(told, language),
        verified=codes.document()["verified"],
    )


def _line_at(cohort: Cohort, place: tuple[Side, int, int] | None) -> Line | None:
    if place is None:
        return None
    groups = cohort.groups(place[0])
    lines = groups[place[1]] if place[1] < len(groups) else ()
    return lines[place[2]] if place[2] < len(lines) else None


def _loaded(text: str) -> Json:
    if len(text) > _LARGEST_PASTE:
        raise TooLarge("The document is too large.", rule=f"at most {_LARGEST_PASTE} characters")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            "The text is not JSON.", where=f"line {error.lineno}", next_step="Paste the whole document."
        ) from error
    if not isinstance(document, dict):
        raise InvalidInput("A cohort definition is a JSON object.", where="$", rule="CCDL version 2")
    return document


def pretty(document: Json) -> str:
    """A document as people read JSON."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _download(document: Json) -> Response:
    headers = {"content-disposition": 'attachment; filename="kohorte.ccdl.json"'}
    return Response(pretty(document), media_type="application/json", headers=headers)
