"""Who does what in the care team's area; the navigation and the pages take the same sets."""

from __future__ import annotations

from typing import Final

from mihub.care.tumour_board.permissions import Act, roles_of
from mihub.core.policy.actor import Role

TEAM: Final = frozenset(
    {Role.GP, Role.ONCOLOGIST, Role.RADIOLOGIST, Role.NURSE, Role.BOARD_COORDINATOR, Role.PALLIATIVE_TEAM}
)
SCREENING: Final = frozenset({Role.GP})
REFERRALS: Final = frozenset({Role.GP, Role.ONCOLOGIST, Role.RADIOLOGIST})
AFTERCARE: Final = frozenset({Role.GP, Role.ONCOLOGIST, Role.NURSE, Role.PALLIATIVE_TEAM})
# Whoever may see a case of the board; what each may do there is the board's own rule.
BOARD: Final = roles_of(Act.VIEW)
