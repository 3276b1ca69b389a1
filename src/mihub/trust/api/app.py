"""The trust centre as a web application: routes, errors as JSON, and its clock on every answer.

Below: the handlers beside it. Above: `apps`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mihub import log
from mihub.core.wire import fault
from mihub.core.wire.signature import TIME_HEADER
from mihub.errors import MihubError
from mihub.trust.api import handlers
from mihub.trust.trust import Trust

ROUTES = [
    Route("/trust/identities", handlers.take_identities, methods=["POST"]),
    Route("/trust/persons/{id}", handlers.read_person, methods=["GET"]),
    Route("/trust/lookup", handlers.lookup, methods=["GET"]),
    Route("/trust/members", handlers.read_members, methods=["GET"]),
    Route("/trust/members", handlers.publish_members, methods=["POST"]),
]


def create_app(trust: Trust) -> Starlette:
    """The app of one opened trust centre."""
    app = Starlette(
        routes=ROUTES,
        exception_handlers={MihubError: _refuse},
        middleware=[Middleware(Clock, trust=trust)],
    )
    app.state.trust = trust
    return app


class Clock:
    """Puts the trust centre's time on every answer and forbids keeping answers."""

    def __init__(self, app: ASGIApp, trust: Trust) -> None:
        self._app = app
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[TIME_HEADER] = str(int(self._trust.settings.now()))
                headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, with_time)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MihubError):
        raise error
    log.info("trust centre refused a request", error=type(error).__name__, status=error.http_status)
    return JSONResponse(fault.to_json(error), error.http_status)
