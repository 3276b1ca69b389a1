"""Who is calling: a member by its signed request, or a person by the statement of a member's portal.

Below: `database` (members, nonces), `core/wire/signature`, `core/policy/assertion`. Above: the handlers of hub and
trust centre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from mihub.core.fhir import Json
from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, MemberId
from mihub.core.wire import signature
from mihub.core.wire.members import Member
from mihub.database.member_list import KeptMembers
from mihub.database.nonces import Nonces
from mihub.errors import InvalidInput, TooLarge, Unauthenticated

MAX_BODY_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Door:
    """One house's door: its own member id, whom it knows, and its clock."""

    id: MemberId
    members: KeptMembers
    nonces: Nonces
    now: Callable[[], float]

    async def member_of(self, request: Request) -> Member:
        """The member that signed exactly this request. Raises `Unauthenticated`."""
        token = request.headers.get(signature.HEADER)
        if not token:
            raise Unauthenticated(
                "The request is not signed.",
                rule=signature.HEADER,
                next_step="Sign each request as a member.",
            )
        query = request.url.query
        signed = signature.verify_request(
            token,
            members=self.members.current,
            audience=self.id,
            method=request.method,
            path=request.url.path + (f"?{query}" if query else ""),
            body=await body_of(request),
            now_seconds=int(self.now()),
        )
        await run_in_threadpool(self.nonces.use, signed)
        return signed.member

    def access_of(self, request: Request) -> Access:
        """The person for whom a portal vouches. Raises `Unauthenticated`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Nobody is signed in.", next_step="Sign in at the portal.")
        return assertion.verify(
            token, keys=self.members.assertion_keys(), audience=self.id, now_seconds=int(self.now())
        )


async def body_of(request: Request) -> bytes:
    """The body, read at most to the limit. Raises `TooLarge`."""
    if hasattr(request, "_body"):
        return await request.body()
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLarge("The request is larger than is taken here.", rule="16 MiB per request")
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
