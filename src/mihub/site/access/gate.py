"""From a request's proof to an access, from an access to what it may touch.

Nothing is open without a signed statement of a known member. A patient is known to others by a transport id
only; the gate finds whose it is here. What is not allowed answers like what is not there. Below:
`core.policy`, the search index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from joserfc.jwk import ECKey

from mihub.core.policy.actor import Access, MemberId, TransportId
from mihub.core.policy.assertion import verify
from mihub.core.policy.catalogue import RULES
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action, Decision, Place, decide
from mihub.errors import Unauthenticated

# The id of the Patient at this site, or None when the transport id is nobody's.
PatientOf = Callable[[TransportId], str | None]
# Whose portals may vouch for people; asked at each request, because the list of members changes.
AssertionKeys = Callable[[], Mapping[MemberId, ECKey]]


class Gate:
    """One site's door."""

    def __init__(
        self, place: Place, keys: AssertionKeys, patient_of: PatientOf, now: Callable[[], float]
    ) -> None:
        self.place = place
        self._keys = keys
        self._patient_of = patient_of
        self._now = now

    def authenticate(self, authorization: str | None) -> Access:
        """The access that the header `Authorization` proves. Raises `Unauthenticated`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "Nobody is signed in.",
                rule="every request carries a signed access statement",
                next_step="Send the header Authorization: Bearer with a statement of a member of the region.",
            )
        return verify(
            token.strip(), keys=self._keys(), audience=self.place.member, now_seconds=int(self._now())
        )

    def restriction(self, access: Access, action: Action) -> Restriction:
        """What the access may touch with this action; nothing when no rule permits anything."""
        decision = self._decide(access, action)
        if decision.patient_types and access.subject is not None:
            return decision.restriction(self._patient_of(access.subject))
        return decision.restriction(None)

    def _decide(self, access: Access, action: Action) -> Decision:
        return decide(RULES, access, self.place, action)
