"""Texts as they are compared: without case, accents and surplus spaces; tokens as long as an index takes.

The same functions fold what is stored and what is asked, so both always meet. Above: `extract`, `values`.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

# The longest index row of PostgreSQL is 2,704 bytes; two texts of 250 characters fit in any script.
LONGEST: Final = 250


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """ "Müller-Lüdenscheidt " -> "muller-ludenscheidt"."""
    if text.isascii():
        return " ".join(text.lower().split())[:LONGEST]
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())[:LONGEST]


def clipped(text: str) -> str:
    """Values longer than the index takes are compared by their beginning; NUL, which no text may hold, is
    dropped.
    """
    return text[:LONGEST].replace("\0", "")
