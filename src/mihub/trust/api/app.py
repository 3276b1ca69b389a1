"""The trust centre as a web application: its routes.

Below: the handlers beside it, `door`. Above: `apps`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from mihub.door.app import house_app
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
    app = house_app(ROUTES, trust.settings.now)
    app.state.trust = trust
    return app
