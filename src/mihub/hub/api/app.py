"""The hub as a web application: routes, errors as JSON, and the hub's clock on every answer.

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
from mihub.hub.api import mailbox, members, questions
from mihub.hub.hub import Hub

ROUTES = [
    Route("/hub/members", members.read, methods=["GET"]),
    Route("/hub/members", members.publish, methods=["POST"]),
    Route("/hub/mailbox", mailbox.poll, methods=["GET"]),
    Route("/hub/letters/{id}", mailbox.put_letter, methods=["PUT"]),
    Route("/hub/letters/{id}/receipt", mailbox.put_receipt, methods=["POST"]),
    Route("/hub/streams/{stream}", mailbox.last_heads, methods=["GET"]),
    Route("/hub/projects", questions.projects, methods=["GET"]),
    Route("/hub/questions", questions.newest, methods=["GET"]),
    Route("/hub/questions", questions.submit, methods=["POST"]),
    Route("/hub/questions/{id}", questions.read, methods=["GET"]),
]


def create_app(hub: Hub) -> Starlette:
    """The app of one opened hub."""
    app = Starlette(
        routes=ROUTES,
        exception_handlers={MihubError: _refuse},
        middleware=[Middleware(Clock, hub=hub)],
    )
    app.state.hub = hub
    return app


class Clock:
    """Puts the hub's time on every answer, so that a member can compare its own, and forbids keeping
    answers."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[TIME_HEADER] = str(int(self._hub.settings.now()))
                headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, with_time)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MihubError):
        raise error
    log.info("hub refused a request", error=type(error).__name__, status=error.http_status)
    return JSONResponse(fault.to_json(error), error.http_status)
