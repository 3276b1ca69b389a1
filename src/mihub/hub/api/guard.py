"""Who is calling: a member by its signed request, or a person by the statement of a member's portal.

Below: `database`, `core/wire/signature`, `core/policy/assertion`. Above: the handlers beside it.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from mihub.core.fhir import Json
from mihub.core.policy import assertion
from mihub.core.policy.actor import Access
from mihub.core.wire import signature
from mihub.core.wire.members import Member
from mihub.errors import InvalidInput, TooLarge, Unauthenticated
from mihub.hub.hub import Hub

MAX_BODY_BYTES = 16 * 2**20


def hub_of(request: Request) -> Hub:
    """The opened hub that this app serves."""
    hub = request.app.state.hub
    if not isinstance(hub, Hub):
        raise TypeError("The app was made without a hub.")
    return hub


async def member_of(request: Request) -> Member:
    """The member that signed exactly this request. Raises `Unauthenticated`."""
    hub, token = hub_of(request), request.headers.get(signature.HEADER)
    if not token:
        raise Unauthenticated(
            "The request is not signed.", rule=signature.HEADER, next_step="Sign each request as a member."
        )
    query = request.url.query
    signed = signature.verify_request(
        token,
        members=hub.members.current,
        audience=hub.id,
        method=request.method,
        path=request.url.path + (f"?{query}" if query else ""),
        body=await body_of(request),
        now_seconds=int(hub.settings.now()),
    )
    await run_in_threadpool(hub.nonces.use, signed)
    return signed.member


def access_of(request: Request) -> Access:
    """The person for whom a portal vouches. Raises `Unauthenticated`."""
    hub = hub_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Nobody is signed in.", next_step="Sign in at the portal.")
    return assertion.verify(
        token,
        keys=hub.members.assertion_keys(),
        audience=hub.id,
        now_seconds=int(hub.settings.now()),
    )


async def body_of(request: Request) -> bytes:
    """The body, read at most to the limit. Raises `TooLarge`."""
    if hasattr(request, "_body"):
        return await request.body()
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLarge("The request is larger than the hub takes.", rule="16 MiB per request")
        chunks.append(chunk)
    request._body = b"".join(chunks)
    return request._body


async def json_of(request: Request) -> Json:
    """The body as a JSON object. Raises `InvalidInput`."""
    try:
        body: Any = orjson.loads(await body_of(request))
    except orjson.JSONDecodeError as error:
        raise InvalidInput("The request's body is not JSON.", where="$") from error
    if not isinstance(body, dict):
        raise InvalidInput("The request's body is not a JSON object.", where="$")
    return body
