"""Which role may do which act of the board. An act that is not listed is refused.

The site that holds the care record checks again; this check answers earlier and in the board's words.
Above: the actions of this room and the pages. Below: `core.policy.actor`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from mihub.core.policy.actor import Actor, Role
from mihub.errors import Forbidden


class Act(StrEnum):
    """The named permissions of the room."""

    VIEW = "view"
    REGISTER = "register"
    MODERATE = "moderate"
    DECIDE = "decide"
    SIGN = "sign"
    RELEASE = "release"
    FOLLOW_UP = "follow-up"


_TEAM: Final = frozenset({Role.BOARD_COORDINATOR, Role.ONCOLOGIST, Role.RADIOLOGIST})
_ALLOWED: Final[dict[Act, frozenset[Role]]] = {
    Act.VIEW: _TEAM,
    Act.REGISTER: _TEAM,
    Act.MODERATE: frozenset({Role.BOARD_COORDINATOR, Role.ONCOLOGIST}),
    Act.DECIDE: frozenset({Role.BOARD_COORDINATOR, Role.ONCOLOGIST}),
    Act.SIGN: frozenset({Role.ONCOLOGIST, Role.RADIOLOGIST}),
    Act.RELEASE: frozenset({Role.BOARD_COORDINATOR, Role.ONCOLOGIST}),
    Act.FOLLOW_UP: frozenset({Role.BOARD_COORDINATOR, Role.ONCOLOGIST}),
}


def roles_of(act: Act) -> frozenset[Role]:
    """The roles that may do the act."""
    return _ALLOWED[act]


def may(actor: Actor, act: Act) -> bool:
    """Whether the role permits the act."""
    return actor.role in _ALLOWED[act]


def require(actor: Actor, act: Act) -> None:
    """Raises `Forbidden` naming act and role."""
    if not may(actor, act):
        raise Forbidden(
            f"The role {actor.role.value} may not do this at the tumour board: {act.value}.",
            rule="care.tumour_board.permissions",
            next_step="Ask the board's coordinator.",
        )
