"""Regular expressions that come from value sets and requests: matched whole, bounded in time.

First the backtracking engine with a short timeout; when it runs out, an engine without backtracking (Rust's, which
pydantic brings) answers in linear time. What neither can do (look-around that explodes) is refused. Never bare `re`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import regex
from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from mihub.site.terminology.protocol import FilterRefused

_TIMEOUT_SECONDS = 0.02
_LONGEST_PATTERN = 4096


@lru_cache(maxsize=512)
def whole(pattern: str) -> Callable[[str], bool]:
    """A test whether a text as a whole matches. Raises `FilterRefused` for what is not a pattern."""
    if len(pattern) > _LONGEST_PATTERN:
        raise FilterRefused(
            "The regular expression of a filter is too long.", rule="at most 4,096 characters"
        )
    try:
        backtracking = regex.compile(pattern)
    except regex.error as error:
        raise FilterRefused(
            "The regular expression of a filter can not be read.", rule="filter operator regex"
        ) from error

    def test(text: str) -> bool:
        try:
            return backtracking.fullmatch(text, timeout=_TIMEOUT_SECONDS) is not None
        except TimeoutError:
            return _linear(pattern)(text)

    return test


@lru_cache(maxsize=64)
def _linear(pattern: str) -> Callable[[str], bool]:
    schema = core_schema.str_schema(pattern=rf"\A(?:{pattern})\z", regex_engine="rust-regex")
    try:
        validator = SchemaValidator(schema)
    except SchemaError as error:
        raise FilterRefused(
            "The regular expression of a filter takes too long.",
            rule="bounded time",
            next_step="Write it without look-around and without nested repetition.",
        ) from error

    def test(text: str) -> bool:
        try:
            validator.validate_python(text)
        except ValidationError:
            return False
        return True

    return test
