"""Addresses whose answer is not one resource: files, streams, states of background work. The proof comes first as everywhere.

Used by views, bulk export, import and asynchronous bundles. Below: `call`. Above: `views_http`, `export_http`, `import_http`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mihub.core.fhir import Json
from mihub.errors import MihubError, Unauthenticated
from mihub.site.api.call import Call
from mihub.site.api.reply import FHIR_JSON, failure
from mihub.site.site import Site

NO_STORE = {"Cache-Control": "no-store"}
ReadBody = Callable[[Request, int], Awaitable[bytes]]
BaseOf = Callable[[Site, Request], str]
Work = Callable[[Call, Request, bytes], Response]
# A status, the headers beside those of every answer, and the body; None for none.
Answer = tuple[int, dict[str, str], Json | None]


class Addresses:
    """Makes routes of one site."""

    def __init__(self, site: Site, read_body: ReadBody, base_of: BaseOf) -> None:
        self._site, self._read_body, self._base_of = site, read_body, base_of

    def at(self, path: str, work: Work, *methods: str) -> Route:
        """A route; `work` runs in a thread."""
        return Route(path, self._endpoint(work), methods=list(methods))

    def _endpoint(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        site = self._site

        async def endpoint(request: Request) -> Response:
            try:
                access = await run_in_threadpool(site.gate.authenticate, request.headers.get("authorization"))
                data = await self._read_body(request, site.settings.max_body_bytes)
                call = Call(site, access, self._base_of(site, request), request.headers.get("prefer", ""))
                return await run_in_threadpool(work, call, request, data)
            except MihubError as error:
                return refused(error)

        return endpoint


def refused(error: MihubError) -> Response:
    """The error as an OperationOutcome."""
    reply = failure(error)
    headers = dict(NO_STORE)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if error.http_status in (429, 503):
        headers["Retry-After"] = "10"
    return Response(reply.body, reply.status, headers, FHIR_JSON)


def answered(answer: Answer, media: str = FHIR_JSON) -> Response:
    """The answer as HTTP."""
    status, headers, document = answer
    content = None if document is None else orjson.dumps(document)
    return Response(content, status, {**NO_STORE, **headers}, media if document is not None else None)
