"""The opened hub behind a request.

Above: the handlers beside it.
"""

from __future__ import annotations

from starlette.requests import Request

from mihub.hub.hub import Hub


def hub_of(request: Request) -> Hub:
    """The opened hub that this app serves."""
    hub = request.app.state.hub
    if not isinstance(hub, Hub):
        raise TypeError("The app was made without a hub.")
    return hub
