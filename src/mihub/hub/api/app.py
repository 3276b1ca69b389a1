"""The hub as a web application: its routes.

Below: the handlers beside it, `door`. Above: `apps`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from mihub.door.app import house_app
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
    app = house_app(ROUTES, hub.settings.now)
    app.state.hub = hub
    return app
