"""The askers' side: hand in a question with its sealed letters, read how far each site is.

Below: `hub.feasibility`, `hub.projects`, `door`. Routes are put together in `app`.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from mihub.core.fhir import Json
from mihub.core.wire.envelope import Envelope, parse, verify_sender
from mihub.core.wire.members import MemberList
from mihub.door.caller import json_of
from mihub.errors import InvalidInput, Unprocessable
from mihub.hub.api.served import hub_of
from mihub.hub.feasibility.questions import MAX_NOTE_CHARS, Question

MAX_LETTERS = 500


async def submit(request: Request) -> JSONResponse:
    """`POST /hub/questions`: 201 when the question and all its letters are durable."""
    hub = hub_of(request)
    access = hub.door.access_of(request)
    question = _question(await json_of(request))
    members = hub.members.current
    for letter in question.letters:
        _check_parties(letter, members)
    await run_in_threadpool(hub.questions.submit, question, access)
    for letter in question.letters:
        hub.arrivals.announce(letter.header.receiver)
    return JSONResponse({"id": question.id}, 201)


async def read(request: Request) -> JSONResponse:
    """`GET /hub/questions/{id}`: the asker's own question."""
    hub = hub_of(request)
    access = hub.door.access_of(request)
    return JSONResponse(await run_in_threadpool(hub.questions.read, request.path_params["id"], access))


async def newest(request: Request) -> JSONResponse:
    """`GET /hub/questions`: the asker's own questions."""
    hub = hub_of(request)
    access = hub.door.access_of(request)
    return JSONResponse({"questions": await run_in_threadpool(hub.questions.newest, access)})


async def projects(request: Request) -> JSONResponse:
    """`GET /hub/projects`: what this person may ask for."""
    hub = hub_of(request)
    access = hub.door.access_of(request)
    found = await run_in_threadpool(hub.projects.for_asker, access)
    return JSONResponse({"projects": [{"id": one.id, "title": one.title} for one in found]})


def _question(body: Json) -> Question:
    letters, note = body.get("envelopes"), _text(body, "note")
    if not isinstance(letters, list) or not all(isinstance(one, str) for one in letters):
        raise InvalidInput("The question has no letters.", where="$.envelopes")
    if len(letters) > MAX_LETTERS or len(note) > MAX_NOTE_CHARS:
        raise InvalidInput("The question is larger than the hub takes.", where="$")
    expires = body.get("expires")
    if not isinstance(expires, int):
        raise InvalidInput("The question has no time of expiry.", where="$.expires")
    return Question(
        id=_text(body, "id"),
        project=_text(body, "project"),
        expires=expires,
        note=note,
        letters=tuple(parse(one.encode()) for one in letters),
    )


def _check_parties(letter: Envelope, members: MemberList) -> None:
    sender, receiver = members.get(letter.header.sender), members.get(letter.header.receiver)
    verify_sender(letter, sender.keys)
    if "portal" not in sender.duties or "site" not in receiver.duties:
        raise Unprocessable("Questions go from a portal to sites.", where="$.envelopes", rule="member list")


def _text(body: Json, name: str) -> str:
    value: Any = body.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"The question has no {name!r}.", where=f"$.{name}")
    return value
