"""A house as a web application: errors as JSON, and the house's clock on every answer.

Below: `caller`. Above: the routes of hub and trust centre.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mihub import log
from mihub.core.wire import fault
from mihub.core.wire.signature import TIME_HEADER
from mihub.errors import MihubError


def house_app(routes: Sequence[BaseRoute], now: Callable[[], float]) -> Starlette:
    """The app; the house puts itself into its `state`."""
    return Starlette(
        routes=routes,
        exception_handlers={MihubError: _refuse},
        middleware=[Middleware(Clock, now=now)],
    )


class Clock:
    """Puts the house's time on every answer, so that a member can compare its own, and forbids keeping
    answers.
    """

    def __init__(self, app: ASGIApp, now: Callable[[], float]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[TIME_HEADER] = str(int(self._now()))
                headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, with_time)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MihubError):
        raise error
    log.info("a request was refused", error=type(error).__name__, status=error.http_status)
    return JSONResponse(fault.to_json(error), error.http_status)
