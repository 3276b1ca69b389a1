"""The portal as an ASGI application: start page, static files and all areas, each behind its guards.

Composed by apps, which decides about clients and demo mode. No page is reachable without `guarded` but the
start page, sign-in and sign-out, which check for themselves.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute, Route

from mihub.errors import MihubError
from mihub.portals.shell import areas, failures, start
from mihub.portals.shell.assets import Assets
from mihub.portals.shell.guard import guarded
from mihub.portals.shell.headers import SecurityHeaders
from mihub.portals.shell.page import environment
from mihub.portals.shell.portal import Portal


def create_app(portal: Portal, *, only: tuple[areas.Area, ...] | None = None) -> Starlette:
    """The application; `only` limits the areas (tests, small installations), default: all that are
    installed.
    """
    joined = areas.load() if only is None else only
    assets = Assets()
    routes: list[BaseRoute] = [Route("/static/{path:path}", assets.serve), *start.routes()]
    for area in joined:
        routes += [_guarded(route, area) for route in area.routes(portal)]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders), Middleware(GZipMiddleware, minimum_size=500)],
        exception_handlers={
            MihubError: failures.on_mihub_error,
            HTTPException: failures.on_http_error,
            Exception: failures.on_crash,
        },
    )
    app.state.portal = portal
    app.state.areas = joined
    app.state.environment = environment(assets)
    return app


def _guarded(route: Route, area: areas.Area) -> Route:
    methods = sorted(route.methods or {"GET"})
    return Route(route.path, guarded(route.endpoint, area.roles), methods=methods, name=route.name)
