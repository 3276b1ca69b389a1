"""Composes a validator: the site's packages and terminology when it has any, else R4 core alone.

Nothing is read or compiled before the first resource is looked at, so that a start stays fast. Above: `open_site`,
`validate`. Below: `site.validate`, `site.packages`, `site.terminology`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.site import Site
from mihub.site.validate.codes import Codes
from mihub.site.validate.finding import Finding, Validator


class LazyValidator:
    """A `Validator` made at the first question; safe from any thread."""

    def __init__(self, make: Callable[[], Validator]) -> None:
        self._make = make
        self._made: Validator | None = None
        self._lock = threading.Lock()

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """See `Validator`."""
        made = self._made
        if made is None:
            with self._lock:
                made = self._made = self._made or self._make()
        return made.validate(resource, profiles)


def terminology_of(definitions: Definitions) -> Codes:
    """What knows the codes of these definitions."""
    # Needed only once something is looked at.
    from mihub.site.terminology.terminology import Terminology

    return Terminology(definitions)


def validator_of(
    definitions: Definitions, codes: Codes | None = None, *, best_practice: bool = True
) -> Validator:
    """A validator over these definitions, with this terminology or the one that they hold."""
    # Needed only once something is looked at.
    from mihub.site.validate.validator import ProfileValidator

    return ProfileValidator(definitions, codes or terminology_of(definitions), best_practice=best_practice)


def site_validator(site: Callable[[], Site], *, best_practice: bool = False) -> Validator:
    """The validator of a site that is about to be opened.

    What HL7 only recommends (a narrative in every resource) is told to who asks, and not counted at every write.
    """
    return LazyValidator(
        lambda: validator_of(site().packages, site().terminology, best_practice=best_practice)
    )
