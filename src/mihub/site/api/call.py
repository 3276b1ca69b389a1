"""One request after its proof was checked: who asks, at which base URL, with which preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mihub.core.audit.entry import ActionCode
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput, NotFound
from mihub.site.api.refused import keep_refused
from mihub.site.quarantine.door import NotConformant
from mihub.site.site import Site
from mihub.site.store.protocol import Note


@dataclass(frozen=True, slots=True)
class Call:
    """What every interaction is given."""

    site: Site
    access: Access
    base: str
    prefer: str = ""
    language: str = "en"
    # The body as it came, for a request that is one interaction; "" inside a batch.
    sent: bytes = field(default=b"", repr=False)
    _within: dict[Action, Restriction] = field(default_factory=dict, repr=False)

    @property
    def minimal(self) -> bool:
        """`Prefer: return=minimal`."""
        return "return=minimal" in self.prefer

    @property
    def wants_outcome(self) -> bool:
        """`Prefer: return=OperationOutcome`."""
        return "return=OperationOutcome" in self.prefer

    @property
    def lenient(self) -> bool:
        """`Prefer: handling=lenient`."""
        return "handling=lenient" in self.prefer

    def within(self, action: Action) -> Restriction:
        """What the access may touch; decided once, however many entries a bundle has."""
        if action not in self._within:
            self._within[action] = self.site.gate.restriction(self.access, action)
        return self._within[action]


@contextmanager
def refusal_noted(
    call: Call,
    action: ActionCode,
    interaction: str,
    resource_type: str,
    resource_id: str = "",
    whole: Callable[[], bytes] | None = None,
) -> Iterator[None]:
    """A change that the rules refuse leaves its line in the audit; the store notes only what it does.

    What validation refuses goes into the quarantine; `whole` makes the bytes of a transaction.
    """
    try:
        yield
    except NotConformant as error:
        # A patch is no resource; what it would have made is kept.
        sent = b"" if interaction == "patch" else call.sent
        keep_refused(call.site, call.access, error, sent, whole, is_new=interaction == "create")
        raise
    except (Forbidden, NotFound):
        call.site.store.note(
            [Note(action, interaction, resource_type, resource_id, outcome="4")], call.access
        )
        raise


def version_of(tag: str | None) -> int | None:
    """The version in `If-Match: W/"3"`. Raises `InvalidInput`."""
    if not tag:
        return None
    number = tag.strip().removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 9:
        raise InvalidInput("If-Match does not name a version.", where="If-Match", rule='written W/"3"')
    return int(number)
