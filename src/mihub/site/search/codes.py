"""The seam to terminology: what the modifiers `:in`, `:not-in`, `:below` and `:above` ask of a code system or value set.

Engines: the site's terminology (`site.terminology.for_search`), `NoCodes` where there is none. Above: `conditions`.
"""

from __future__ import annotations

from typing import Final, Protocol

from mihub.errors import NotSupported, TooLarge

# Codes are sent to the database with the question; more would be slower than another way to ask.
MOST_CODES: Final = 10_000

Code = tuple[str, str]  # system, code


class Codes(Protocol):
    """Each answer holds at most `MOST_CODES`; a larger or unknown one raises `TooLarge` or `NotSupported`."""

    def members(self, value_set: str) -> frozenset[Code]:
        """All codes of a value set, by its canonical."""
        ...

    def below(self, system: str, code: str) -> frozenset[Code]:
        """The code and all that it subsumes."""
        ...

    def above(self, system: str, code: str) -> frozenset[Code]:
        """The code and all that subsume it."""
        ...


class NoCodes:
    """For a place without terminology: refuses."""

    def members(self, value_set: str) -> frozenset[Code]:
        """See `Codes.members`."""
        raise _without()

    def below(self, system: str, code: str) -> frozenset[Code]:
        """See `Codes.below`."""
        raise _without()

    def above(self, system: str, code: str) -> frozenset[Code]:
        """See `Codes.above`."""
        raise _without()


def too_many_codes() -> TooLarge:
    """The refusal for a value set or branch that is too large to be asked for at once."""
    return TooLarge(
        f"The value set or branch of a code system holds more than {MOST_CODES} codes, or can not be listed here.",
        rule=":in, :not-in, :below and :above ask for each code",
        next_step="Name a smaller value set or a lower code.",
    )


def _without() -> NotSupported:
    return NotSupported(
        "This search needs a terminology, and there is none here.",
        rule=":in, :not-in, :below and :above",
        next_step="List the codes, separated by commas.",
    )
