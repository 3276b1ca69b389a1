"""The start page and the door: what MiHUB is, the demo sign-ins, signing out. Passkey sign-in is a later
issue.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mihub.core.policy.actor import Actor, Role
from mihub.errors import Forbidden, NotFound, Unavailable
from mihub.portals.shell.areas import home_of
from mihub.portals.shell.guard import check_csrf, optional_session, portal_of
from mihub.portals.shell.page import page, see_other
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Persona
from mihub.portals.shell.session import PATIENT_COOKIE, STAFF_COOKIE, Session

_GROUPS = (
    ("patient", frozenset({Role.PATIENT})),
    (
        "team",
        frozenset(
            {
                Role.GP,
                Role.ONCOLOGIST,
                Role.RADIOLOGIST,
                Role.NURSE,
                Role.BOARD_COORDINATOR,
                Role.PALLIATIVE_TEAM,
            }
        ),
    ),
    ("research", frozenset({Role.RESEARCHER})),
    ("admin", frozenset({Role.SITE_ENGINEER, Role.DATA_PROTECTION_OFFICER, Role.HUB_OPERATOR})),
)


def routes() -> list[Route]:
    """`/`, `/anmelden`, `/abmelden`, `/p/abmelden`."""
    return [
        Route("/", start, name="start"),
        Route("/anmelden", start, methods=["GET"]),
        Route("/anmelden", sign_in, methods=["POST"]),
        Route("/abmelden", sign_out, methods=["POST"]),
        Route("/p/abmelden", sign_out, methods=["POST"]),
    ]


async def start(request: Request) -> Response:
    """For everybody, signed in or not."""
    portal = portal_of(request)
    personas = portal.region.personas if portal.is_demo else ()
    groups = [(name, [persona for persona in personas if persona.role in roles]) for name, roles in _GROUPS]
    return page(
        request,
        "shell/start.html",
        groups=[(name, found) for name, found in groups if found],
        must_sign_in="anmelden" in request.query_params or request.url.path == "/anmelden",
    )


async def sign_in(request: Request) -> Response:
    """Demo mode only: become one of the region's personas."""
    await check_csrf(request)
    portal = portal_of(request)
    if not portal.is_demo:
        raise Forbidden("Demo sign-ins are switched off here.", next_step="Sign in with your own account.")
    persona = portal.region.persona(str((await request.form()).get("persona", "")))
    if persona is None:
        raise NotFound("There is no such demo sign-in.", next_step="Choose one on the start page.")
    session = await _open(portal, persona)
    # Whoever was signed in for this area before is so no longer.
    portal.sessions.close(request.cookies.get(PATIENT_COOKIE if session.is_patient else STAFF_COOKIE))
    answer = see_other(request, home_of(request.app.state.areas, persona.role))
    cookie, path = (PATIENT_COOKIE, "/p") if session.is_patient else (STAFF_COOKIE, "/")
    answer.set_cookie(
        cookie, session.token, path=path, httponly=True, samesite="lax", secure=portal.secure_cookies
    )
    return answer


async def sign_out(request: Request) -> Response:
    """End the session of this area."""
    await check_csrf(request)
    session = optional_session(request)
    answer = see_other(request, "/")
    if session is not None:
        portal_of(request).sessions.close(session.token)
        cookie, path = (PATIENT_COOKIE, "/p") if session.is_patient else (STAFF_COOKIE, "/")
        answer.delete_cookie(cookie, path=path)
    return answer


async def _open(portal: Portal, persona: Persona) -> Session:
    actor = Actor(f"{persona.member}/{persona.id}", persona.name, persona.role, persona.member)
    if persona.role is not Role.PATIENT:
        return portal.sessions.open(actor, persona.id)
    person, records = await portal.people.by_number(persona.member, persona.patient_number, actor)
    if not records:
        raise Unavailable(
            "No record of this person was found in the region.",
            next_step="Wait until the demo has loaded its data, then sign in again.",
        )
    return portal.sessions.open(actor, persona.id, person=person, records=records)
