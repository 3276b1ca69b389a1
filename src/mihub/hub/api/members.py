"""The signed list of members, handed out to everybody and taken from whoever holds a newer one.

The list needs no sign-in: it is public within the network, and only the registry's signature makes it count.
Below: `database`. Routes are put together in `app`.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from mihub.door.caller import body_of
from mihub.hub.api.served import hub_of


async def read(request: Request) -> JSONResponse:
    """`GET /hub/members`: the list as the registry signed it."""
    hub = hub_of(request)
    return JSONResponse({"version": hub.members.current.version, "list": hub.members.token})


async def publish(request: Request) -> JSONResponse:
    """`POST /hub/members`: keep a newer list."""
    token = (await body_of(request)).decode("ascii", "replace")
    listed = await run_in_threadpool(hub_of(request).members.accept, token)
    return JSONResponse({"version": listed.version})
