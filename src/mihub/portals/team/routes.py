"""The addresses of the care team's area and who may open them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route

from mihub.core.policy.actor import Role
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.portal import Portal
from mihub.portals.team import (
    aftercare_new,
    aftercare_plan,
    inbox,
    patients,
    referral_pages,
    screening,
    screening_forms,
)
from mihub.portals.team.roles import AFTERCARE, REFERRALS, SCREENING, TEAM


def routes(portal: Portal) -> Sequence[Route]:
    """All pages and actions; the shell puts its guards before each."""
    return [
        Route("/t", inbox.show),
        Route("/t/patienten", patients.listing, methods=["GET"]),
        Route("/t/patienten", patients.listing, methods=["POST"]),
        Route("/t/patienten/{id}", patients.summary),
        Route("/t/vorsorge", screening.listing),
        Route("/t/vorsorge/{id}", screening.detail),
        Route("/t/vorsorge/{id}/rauchzeit", screening_forms.add, methods=["POST"]),
        Route("/t/vorsorge/{id}/rauchzeit/ende", screening_forms.end, methods=["POST"]),
        Route("/t/vorsorge/{id}/rauchzeit/entfernen", screening_forms.withdraw, methods=["POST"]),
        Route("/t/vorsorge/{id}/ct", screening_forms.last_ct, methods=["POST"]),
        Route("/t/vorsorge/{id}/ueberweisen", screening_forms.send, methods=["POST"]),
        Route("/t/ueberweisungen", referral_pages.listing),
        Route("/t/ueberweisungen/{id}", referral_pages.detail),
        Route("/t/ueberweisungen/{id}/schritt", referral_pages.step, methods=["POST"]),
        Route("/t/ueberweisungen/{id}/ergebnis", referral_pages.result, methods=["POST"]),
        Route("/t/nachsorge", aftercare_plan.listing),
        Route("/t/nachsorge/plan/{plan}", aftercare_plan.show),
        Route("/t/nachsorge/plan/{plan}/termine.ics", aftercare_plan.calendar),
        Route("/t/nachsorge/plan/{plan}/beenden", aftercare_plan.end, methods=["POST"]),
        Route("/t/nachsorge/plan/{plan}/termin/{visit}/{act}", aftercare_plan.act, methods=["POST"]),
        Route("/t/nachsorge/{patient}/neu", aftercare_new.form, methods=["GET"]),
        Route("/t/nachsorge/{patient}/neu", aftercare_new.create, methods=["POST"]),
    ]


AREA = Area(
    "team",
    TEAM,
    routes,
    nav=(
        NavItem("/t", "team.nav.inbox", TEAM, exact=True),
        NavItem("/t/patienten", "team.nav.patients", TEAM),
        NavItem("/t/vorsorge", "team.nav.screening", SCREENING),
        NavItem("/t/ueberweisungen", "team.nav.referrals", REFERRALS),
        NavItem("/t/nachsorge", "team.nav.aftercare", AFTERCARE),
    ),
    home="/t",
    # The board's coordinator starts at the board.
    home_for=TEAM - {Role.BOARD_COORDINATOR},
)
