"""One request after its proof was checked: who asks, at which base URL, with which preferences."""

from __future__ import annotations

from dataclasses import dataclass

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput
from mihub.site.site import Site


@dataclass(frozen=True, slots=True)
class Call:
    """What every interaction is given."""

    site: Site
    access: Access
    base: str
    prefer: str = ""

    @property
    def minimal(self) -> bool:
        """`Prefer: return=minimal`."""
        return "return=minimal" in self.prefer

    @property
    def lenient(self) -> bool:
        """`Prefer: handling=lenient`."""
        return "handling=lenient" in self.prefer

    def within(self, action: Action) -> Restriction:
        """What the access may touch."""
        return self.site.gate.restriction(self.access, action)


def version_of(tag: str | None) -> int | None:
    """The version in `If-Match: W/"3"`. Raises `InvalidInput`."""
    if not tag:
        return None
    number = tag.strip().removeprefix("W/").strip('"')
    if not number.isdecimal():
        raise InvalidInput("If-Match does not name a version.", where="If-Match", rule='written W/"3"')
    return int(number)
