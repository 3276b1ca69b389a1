"""What went wrong, in plain words: every `MihubError` becomes a page with the reason and the next step.

A page never shows a stack trace, an address of ours or a value of a patient. Requests of htmx get the
fragment alone.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mihub import log
from mihub.errors import MihubError, Unauthenticated
from mihub.portals.shell.guard import portal_of
from mihub.portals.shell.page import language_of, page

_KNOWN_STATUS = (400, 401, 403, 404, 409, 410, 412, 413, 422, 503, 507)


async def on_mihub_error(request: Request, error: Exception) -> Response:
    """The page for an error of ours; whoever is not signed in lands on the start page."""
    if isinstance(error, Unauthenticated) and request.method == "GET":
        return RedirectResponse("/?anmelden=1", 303)
    if not isinstance(error, MihubError):
        return _failure(request, 500, None)
    log.warning("portal.refused", error=type(error).__name__, status=error.http_status, method=request.method)
    return _failure(request, error.http_status, error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """The page for an unknown address or a wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _failure(request, status, None)


async def on_crash(request: Request, error: Exception) -> Response:
    """The page for a defect of ours: says so, keeps the details for the log."""
    log.warning("portal.crashed", error=type(error).__name__, method=request.method)
    return _failure(request, 500, None)


def _failure(request: Request, status: int, error: MihubError | None) -> Response:
    is_fragment = request.headers.get("hx-request") == "true"
    template = "shell/failure_fragment.html" if is_fragment else "shell/failure.html"
    kind = str(status) if status in _KNOWN_STATUS else "500"
    # Our own errors speak English for operators; German readers get our words for the kind and the detail
    # below.
    texts, language = portal_of(request).texts, language_of(request)
    return page(
        request,
        template,
        status=status,
        kind=kind,
        error=error,
        title=texts.text(language, f"shell.failure.{kind}.title"),
    )
