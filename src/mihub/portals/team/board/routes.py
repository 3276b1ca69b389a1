"""The addresses of the board area and who may open it. Neighbours: the page modules of this folder."""

from __future__ import annotations

from starlette.routing import Route

from mihub.core.policy.actor import Role
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.portal import Portal
from mihub.portals.team.board import case_page, decide, follow, lists, register, release_page, session
from mihub.portals.team.roles import BOARD

_POST = ["POST"]


def routes(portal: Portal) -> list[Route]:
    """All routes of the area."""
    case, person = "/tb/fall/{id}", "/tb/anmelden/{member}/{patient}"
    return [
        Route("/tb", lists.overview),
        Route("/tb/anmelden", lists.choose_patient, methods=["GET", "POST"]),
        Route(person, register.form),
        Route(person, register.send, methods=_POST),
        Route("/tb/sitzung/{date}", session.show),
        Route("/tb/sitzung/{date}/reihenfolge", session.reorder, methods=_POST),
        Route(case, case_page.show),
        Route(f"{case}/quelle/{{member}}/{{type}}/{{resource}}", case_page.source),
        Route(f"{case}/absetzen", session.leave, methods=_POST),
        Route(f"{case}/termin", session.new_date, methods=_POST),
        Route(f"{case}/beschluss", decide.form),
        Route(f"{case}/beschluss", decide.save, methods=_POST),
        Route(f"{case}/unterschrift", decide.sign, methods=_POST),
        Route(f"{case}/freigabe", release_page.form),
        Route(f"{case}/freigabe", release_page.send, methods=_POST),
        Route(f"{case}/empfehlung/{{recommendation}}", follow.form),
        Route(f"{case}/empfehlung/{{recommendation}}", follow.close, methods=_POST),
        Route("/tb/nachverfolgung", follow.overview),
    ]


AREA = Area(
    name="board",
    roles=BOARD,
    routes=routes,
    nav=(
        NavItem("/tb", "board.nav.boards", BOARD),
        NavItem("/tb/anmelden", "board.nav.register", BOARD),
        NavItem("/tb/nachverfolgung", "board.nav.follow", BOARD),
    ),
    home="/tb",
    home_for=frozenset({Role.BOARD_COORDINATOR}),
)
