"""What stands before every page: who is signed in, are they allowed here, did this browser really send this
form.

The CSRF token is an HMAC over a random cookie of the browser and the session, so it holds for one browser
and one sign-in. Checks are `raise`, never `assert`. Above: `app` wraps every route of every area with
`guarded`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection
from functools import wraps
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from mihub.core.policy.actor import Role
from mihub.errors import Forbidden, Unauthenticated
from mihub.portals.shell.session import PATIENT_COOKIE, STAFF_COOKIE, Session

if TYPE_CHECKING:
    from mihub.portals.shell.portal import Portal

Endpoint = Callable[[Request], Awaitable[Response]]
CSRF_FIELD: Final = "_csrf"
SEED_COOKIE: Final = "mihub_seed"
_NONCE_LENGTH: Final = 16
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def portal_of(request: Request) -> Portal:
    """The portal that serves this request."""
    portal: Portal = request.app.state.portal
    return portal


def session_of(request: Request) -> Session:
    """The signed-in session. Raises `Unauthenticated` when nobody is signed in for this area."""
    session = optional_session(request)
    if session is None:
        raise Unauthenticated("Nobody is signed in here.", next_step="Sign in on the start page.")
    return session


def optional_session(request: Request) -> Session | None:
    """The session of this area's cookie, or None. Patient pages look at the patient cookie only, others at
    the other.
    """
    path = request.url.path
    in_patient_area = path == "/p" or path.startswith("/p/")
    cookie = PATIENT_COOKIE if in_patient_area else STAFF_COOKIE
    session = portal_of(request).sessions.find(request.cookies.get(cookie))
    return session if session is not None and session.is_patient == in_patient_area else None


def require(*roles: Role) -> Callable[[Endpoint], Endpoint]:
    """Decorator for one page that only some roles of its area may open."""
    allowed = frozenset(roles)

    def decorate(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def checked(request: Request) -> Response:
            check_role(session_of(request), allowed)
            return await endpoint(request)

        return checked

    return decorate


def check_role(session: Session, allowed: Collection[Role]) -> None:
    """Raises `Forbidden` unless the session's role is allowed."""
    if session.actor.role not in allowed:
        raise Forbidden(
            "Your role does not include this page.",
            rule="roles of an area",
            next_step="Go back, or sign in with the role that does this work.",
        )


def guarded(endpoint: Endpoint, roles: frozenset[Role]) -> Endpoint:
    """The endpoint behind all guards of its area."""

    @wraps(endpoint)
    async def checked(request: Request) -> Response:
        check_role(session_of(request), roles)
        await check_csrf(request)
        return await endpoint(request)

    return checked


def csrf_token(request: Request) -> str:
    """The token for forms of this page; a fresh nonce each time, so that compression gives nothing away."""
    return _token(request, secrets.token_hex(_NONCE_LENGTH // 2))


def _token(request: Request, nonce: str) -> str:
    session = optional_session(request)
    message = f"{nonce}|{seed_of(request)}|{session.token if session else ''}".encode()
    return nonce + hmac.new(portal_of(request).secret, message, hashlib.sha256).hexdigest()


async def check_csrf(request: Request) -> None:
    """Raises `Forbidden` for a changing request without this browser's token (form field or X-CSRF-Token
    header).
    """
    if request.method in _SAFE_METHODS:
        return
    sent = request.headers.get("x-csrf-token")
    if sent is None:
        value = (await request.form()).get(CSRF_FIELD)
        sent = value if isinstance(value, str) else ""
    is_ours = hmac.compare_digest(sent.encode(), _token(request, sent[:_NONCE_LENGTH]).encode())
    if SEED_COOKIE not in request.cookies or not is_ours:
        raise Forbidden(
            "This form was not sent from an open page of yours.",
            rule="CSRF token",
            next_step="Open the page again and repeat; nothing was changed.",
        )


def seed_of(request: Request) -> str:
    """The browser's random seed; a new one is kept on the request until `page` sets the cookie."""
    known = request.cookies.get(SEED_COOKIE)
    if known:
        return known
    if not hasattr(request.state, "new_seed"):
        request.state.new_seed = secrets.token_urlsafe(16)
    fresh: str = request.state.new_seed
    return fresh
