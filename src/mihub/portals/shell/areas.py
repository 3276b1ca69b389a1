"""The areas of the portal and how each joins: a module with `AREA`, found by name; the shell knows no page
of theirs.

A request to an area's route meets its guards before its page: a session of the right kind, the area's
roles, the CSRF field for every POST. An area cannot forget them. Neighbours: `guard`, `app`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from mihub.core.policy.actor import Role

if TYPE_CHECKING:
    from mihub.portals.shell.portal import Portal

# Modules that offer `AREA`; one that is not built (yet) is left out, so that a small install may drop areas.
MODULES: Final = (
    "mihub.portals.patient.routes",
    "mihub.portals.team.routes",
    "mihub.portals.team.board.routes",
    "mihub.portals.team.board_routes",
    "mihub.portals.research.routes",
    "mihub.portals.admin.routes",
)


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main navigation: shown to these roles. `text` is a key; `exact` marks only the very
    path.
    """

    path: str
    text: str
    roles: frozenset[Role]
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """One area: `name` is its folder and text catalogue, `home` where its people land after signing in."""

    name: str
    roles: frozenset[Role]
    routes: Callable[[Portal], Sequence[Route]]
    nav: tuple[NavItem, ...]
    home: str
    # Roles whose first page is this area's home (an area may admit more roles than it is home to).
    home_for: frozenset[Role] = frozenset()


def load() -> tuple[Area, ...]:
    """All areas of this installation, in the order of `MODULES`."""
    return tuple(import_module(name).AREA for name in MODULES if _exists(name))


def home_of(areas: Sequence[Area], role: Role) -> str:
    """Where this role lands after signing in: its area's home, else the first page of its menu, else the start page."""
    home = next((area.home for area in areas if role in (area.home_for or area.roles)), None)
    menu = (item.path for area in areas for item in area.nav if role in item.roles)
    return home or next(menu, "/")


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
