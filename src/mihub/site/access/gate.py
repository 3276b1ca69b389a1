"""From a request's proof to an access, from an access to what it may touch.

Nothing is open without a signed statement of a known member. A patient is known to others by a transport id
only; the gate finds whose it is here. What is not allowed answers like what is not there. Below:
`core.policy`, the search index.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress

from joserfc.jwk import ECKey

from mihub.core.policy.actor import Access, MemberId, TransportId
from mihub.core.policy.assertion import Proven, prove
from mihub.core.policy.catalogue import RULES
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action, Decision, Place, decide
from mihub.errors import Unauthenticated

# The id of the Patient at this site, or None when the transport id is nobody's.
PatientOf = Callable[[TransportId], str | None]
# Whose portals may vouch for people; asked at each request, because the list of members changes.
AssertionKeys = Callable[[], Mapping[MemberId, ECKey]]

_REMEMBERED = 2048


class Gate:
    """One site's door."""

    def __init__(
        self, place: Place, keys: AssertionKeys, patient_of: PatientOf, now: Callable[[], float]
    ) -> None:
        self.place = place
        self._keys = keys
        self._patient_of = patient_of
        self._now = now
        # A checked signature costs a millisecond of CPU, and a portal sends one statement with many requests.
        self._proven: OrderedDict[str, Proven] = OrderedDict()

    def known(self, authorization: str | None) -> Access | None:
        """The access of a statement that was checked before and still holds; checks no signature."""
        scheme, _, token = (authorization or "").partition(" ")
        proven = self._proven.get(token.strip()) if scheme.lower() == "bearer" else None
        return proven.access if proven and proven.holds(self._keys(), int(self._now())) else None

    def authenticate(self, authorization: str | None) -> Access:
        """The access that the header `Authorization` proves. Raises `Unauthenticated`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "Nobody is signed in.",
                rule="every request carries a signed access statement",
                next_step="Send the header Authorization: Bearer with a statement of a member of the region.",
            )
        token, keys, now = token.strip(), self._keys(), int(self._now())
        known = self._proven.get(token)
        if known is not None and known.holds(keys, now):
            return known.access
        proven = prove(token, keys=keys, audience=self.place.member, now_seconds=now)
        self._proven[token] = proven
        with suppress(KeyError):
            # Threads may drop more than needed, never keep more.
            while len(self._proven) > _REMEMBERED:
                self._proven.popitem(last=False)
        return proven.access

    def restriction(self, access: Access, action: Action) -> Restriction:
        """What the access may touch with this action; nothing when no rule permits anything."""
        decision = self._decide(access, action)
        if decision.patient_types and access.subject is not None:
            return decision.restriction(self._patient_of(access.subject))
        return decision.restriction(None)

    def _decide(self, access: Access, action: Action) -> Decision:
        return decide(RULES, access, self.place, action)
