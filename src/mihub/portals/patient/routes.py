"""The pages of the patient area. Each reads through to the sites, hands values to a template, and decides
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mihub.care.journeys.ahead import appointments, care_team, next_steps, responsible_now
from mihub.care.journeys.course import course_of
from mihub.care.journeys.events import Lane
from mihub.care.journeys.explain import explain, explanations
from mihub.care.journeys.plans import medicines, plans
from mihub.care.journeys.results import result_with, results_of
from mihub.care.sharing.accesses import read_accesses
from mihub.care.sharing.consents import consent_view, is_said, merged
from mihub.core.policy.actor import Role
from mihub.portals.patient.reading import own_events, read_own
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import language_of, page, text_of
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.timeline import Mark, day_of, drawing

_PATIENTS = frozenset({Role.PATIENT})
_NEW_DAYS = 60
_DRAWN_AHEAD_DAYS = 120


async def home(request: Request) -> Response:
    """What is next, who is responsible, whom to call, what is new."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    events, today = own_events(portal, read), portal.today()
    steps, team = next_steps(events, today.isoformat()), care_team(read)
    recent = [result for result in results_of(read) if _age_days(result.day, today) <= _NEW_DAYS]
    return page(
        request,
        "patient/home.html",
        steps=steps,
        responsible=responsible_now(team, steps),
        team=team,
        results=recent[:3],
        journey=course_of(events, today),
        read=read,
    )


async def journey(request: Request) -> Response:
    """The journey across sites: phases, timeline and table in the same order."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    events, today = own_events(portal, read), portal.today()
    horizon = today + timedelta(days=_DRAWN_AHEAD_DAYS)
    marks = [
        Mark(
            event.lane.value,
            event.start,
            event.end,
            text_of(request, f"journey.event.{event.kind}", name=event.name),
            event.is_planned,
            event.is_running,
        )
        for event in events
        # Dates years ahead and long-standing other illnesses are in the list; drawn, they would hide the
        # weeks between.
        if event.start[:10] <= horizon.isoformat()
        and event.kind not in ("diagnosis.other", "diagnosis.unnamed")
    ]
    lanes = [(lane.value, text_of(request, f"journey.lane.{lane.value}")) for lane in Lane]
    return page(
        request,
        "patient/journey.html",
        events=events,
        drawing=drawing(marks, lanes, today, text_of(request, "journey.today")),
        journey=course_of(events, today),
        read=read,
        shows_words="woerter" in request.query_params,
    )


async def results(request: Request) -> Response:
    """All results, newest first."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    return page(request, "patient/results.html", results=results_of(read), read=read)


async def result(request: Request) -> Response:
    """One result in plain language, with the original wording, its origin and whom to ask."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    found = result_with(read, request.path_params["member"], request.path_params["id"])
    return page(
        request,
        "patient/result.html",
        result=found,
        blocks=[block.texts[language_of(request)] for block in explain(found.resources)],
        catalogue=explanations(),
        read=read,
    )


async def dates(request: Request) -> Response:
    """Appointments, coming and past."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    coming, due, past = appointments(own_events(portal, read), portal.today().isoformat())
    return page(request, "patient/dates.html", coming=coming, due=due, past=past, read=read)


async def plan(request: Request) -> Response:
    """Plans made for me, what they contain, and my medicines."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    return page(request, "patient/plan.html", plans=plans(read), medicines=medicines(read), read=read)


async def accesses(request: Request) -> Response:
    """Who has seen my data, at all sites."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    clients = [(place.member, portal.site(session, place.member)) for place in session.records]
    log = await read_accesses(
        read,
        clients,
        timeout_seconds=portal.site_timeout_seconds,
    )
    shows_own = "alle" in request.query_params
    programs = [entry for entry in log.entries if entry.role == Role.SYSTEM.value]
    entries = [entry for entry in log.entries if entry not in programs and (shows_own or not entry.is_self)]
    return page(
        request,
        "patient/accesses.html",
        entries=entries[:300],
        programs=programs,
        log=log,
        shows_own=shows_own,
        read=read,
        total=len(entries),
    )


async def sharing(request: Request) -> Response:
    """Who may see my data, and what research may do with them."""
    portal, session = portal_of(request), session_of(request)
    read = await read_own(portal, session)
    today = portal.today().isoformat()
    said = ((member, consent) for member, consent in read.of("Consent") if is_said(consent))
    views = merged(consent_view(consent, member, today) for member, consent in said)
    return page(
        request,
        "patient/sharing.html",
        research=[view for view in views if view.kind == "research"],
        sharing=[view for view in views if view.kind == "sharing"],
        team=care_team(read),
        read=read,
    )


def routes(portal: Portal) -> Sequence[Route]:
    """All pages of the area."""
    return [
        Route("/p", home),
        Route("/p/verlauf", journey),
        Route("/p/befunde", results),
        Route("/p/befunde/{member}/{id}", result),
        Route("/p/termine", dates),
        Route("/p/plan", plan),
        Route("/p/zugriffe", accesses),
        Route("/p/freigaben", sharing),
    ]


def _age_days(day: str, today: date) -> int:
    known = day_of(day)
    return (today - known).days if known else _NEW_DAYS + 1


AREA = Area(
    "patient",
    _PATIENTS,
    routes,
    (
        NavItem("/p", "patient.nav.home", _PATIENTS, exact=True),
        NavItem("/p/verlauf", "patient.nav.journey", _PATIENTS),
        NavItem("/p/befunde", "patient.nav.results", _PATIENTS),
        NavItem("/p/termine", "patient.nav.dates", _PATIENTS),
        NavItem("/p/plan", "patient.nav.plan", _PATIENTS),
        NavItem("/p/zugriffe", "patient.nav.accesses", _PATIENTS),
        NavItem("/p/freigaben", "patient.nav.sharing", _PATIENTS),
    ),
    home="/p",
)
