"""The signed-in patient's own record over all sites, read once for a page. Never another person's, never
kept.
"""

from __future__ import annotations

from mihub.care.journeys.events import Event, events_of, merge
from mihub.care.journeys.reading import Place, ReadThrough, read_person
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.session import Session

# Duties among the team; what comes of them is an event of its own.
_TEAM_ONLY = frozenset({"step.board_case", "step.call", "step.implement"})


async def read_own(portal: Portal, session: Session) -> ReadThrough:
    """Everything at every place that holds a record of this patient."""
    places = [
        Place(place.member, portal.site(session, place.member), place.transport_id)
        for place in session.records
    ]
    return await read_person(places, timeout_seconds=portal.site_timeout_seconds)


def own_events(portal: Portal, read: ReadThrough) -> list[Event]:
    """One journey over all sites, without the team's own open duties."""
    today = portal.today().isoformat()
    events = merge(
        [
            events_of((*record.patients, *record.resources), record.member, today=today)
            for record in read.records
        ]
    )
    return [event for event in events if event.kind not in _TEAM_ONLY]
