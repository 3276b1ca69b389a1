"""Regular expressions that others wrote: bounded in length, in size once compiled, and in time.

The language is that of Python's `regex`, which is a superset of what the specification asks for. Above: the functions on
texts; anybody who has to run a pattern of a profile may use it. Below: `errors`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import regex

from mihub.core.fhir.fhirpath.errors import FhirPathError

MAX_PATTERN_CHARACTERS: Final = 2_000
MAX_MATCHED_CHARACTERS: Final = 1_000_000
# `a{1000}` is compiled to a thousand copies.
MAX_COPIES: Final = 100_000
_TOKEN: Final = regex.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>\d+)(?:,\d*)?\}|.", regex.DOTALL)


@lru_cache(maxsize=1024)
def pattern(expression: str) -> regex.Pattern[str]:
    """A compiled pattern. Raises `FhirPathError` for one that is broken, or too large."""
    if len(expression) > MAX_PATTERN_CHARACTERS:
        raise FhirPathError(f"The regular expression is longer than {MAX_PATTERN_CHARACTERS} characters.")
    if _copies(expression) > MAX_COPIES:
        raise FhirPathError(f"The regular expression repeats more than {MAX_COPIES} times what it repeats.")
    try:
        return regex.compile(expression, regex.DOTALL)
    except regex.error as error:
        raise FhirPathError(f"The regular expression is not valid: {_message(error)}.") from error
    except (RecursionError, OverflowError, MemoryError) as error:
        raise FhirPathError("The regular expression is nested too deeply or too large.") from error


def _message(error: regex.error) -> str:
    # The library's own words, without the place and the pattern that its text repeats.
    return str(error).partition(" at position")[0]


def _copies(expression: str) -> int:
    """How many atoms the pattern has once its counted repetitions are written out."""
    groups = [0]
    last = 0
    for token in _TOKEN.finditer(expression):
        text, least = token.group(), token["least"]
        if least is not None:
            groups[-1] += last * (int(least[:12]) - 1 if int(least[:12]) else 0)
            last *= int(least[:12])
        elif text == "(":
            groups.append(0)
            last = 0
        elif text == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] += last
        else:
            last = 1
            groups[-1] += 1
    return sum(groups)
