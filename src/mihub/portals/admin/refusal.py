"""A site's refusal of a question, taken apart so that each sentence can be shown in the reader's language.

The site's administration API sends an error as one text (`MihubError.__str__`); reads nothing else. Above:
`routes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mihub.errors import MihubError

_PARTS: Final = re.compile(
    r"(?P<what>.*?)(?: Where: (?P<where>.*?)\.)?(?: Rule: (?P<rule>.*?)\.)?(?: Next: (?P<next>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was wrong, where in the question, what to do; the last two may be empty."""

    what: str
    where: str
    next_step: str


def refusal_of(error: MihubError) -> Refusal:
    """The sentences of an error that came from a site."""
    match = _PARTS.fullmatch(error.what)
    parts = match.groupdict(default="") if match else {}
    return Refusal(parts.get("what") or error.what, parts.get("where", ""), parts.get("next", ""))
