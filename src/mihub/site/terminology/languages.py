"""Languages people ask for: `de-CH, de;q=0.8, *;q=0` -> an ordered wish list, and how well a tag satisfies it.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4 and https://www.rfc-editor.org/rfc/rfc4647. Below: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

from mihub.errors import InvalidInput

_TAG = regex.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|\*")
_QUALITY = regex.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)")


@dataclass(frozen=True, slots=True)
class Wish:
    """One language and how much it is wanted; 0 means not at all."""

    tag: str
    quality: float = 1.0


@dataclass(frozen=True, slots=True)
class Languages:
    """What was asked, best first."""

    wishes: tuple[Wish, ...] = ()

    @property
    def text(self) -> str:
        """As it is written in an answer's own parameters: `de,en` and `de, *; q=0`."""
        parts = (
            f",{one.tag}" if one.quality == 1 else f", {one.tag}; q={one.quality:g}" for one in self.wishes
        )
        return "".join(parts).lstrip(", ")

    @property
    def hard(self) -> bool:
        """`*;q=0`: nothing else will do."""
        return any(wish.tag == "*" and wish.quality <= 0 for wish in self.wishes)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The tags that are wanted, best first."""
        return tuple(wish.tag for wish in self.wishes if wish.quality > 0)

    @property
    def named(self) -> str:
        """For a sentence: `de, en`, or `--` when nobody asked."""
        return ",".join(tag for tag in self.wanted if tag != "*") or "--"


def parse(text: str) -> Languages:
    """Raises `InvalidInput` for what is not a list of language tags."""
    wishes = [_wish(part.strip()) for part in text.split(",") if part.strip()]
    if not wishes:
        raise _unreadable()
    ordered = sorted(wishes, key=lambda wish: -wish.quality)
    return Languages(tuple(ordered))


def _wish(part: str) -> Wish:
    tag, _, parameters = (piece.strip() for piece in part.partition(";"))
    quality = 1.0
    if parameters:
        name, _, value = (piece.strip() for piece in parameters.partition("="))
        if name.lower() != "q" or not _QUALITY.fullmatch(value):
            raise _unreadable()
        quality = float(value)
    if not _TAG.fullmatch(tag):
        raise _unreadable()
    return Wish(tag, quality)


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "A language can not be read.",
        where="displayLanguage",
        rule="BCP 47 tags with weights, as in `de-CH, de;q=0.8`",
    )


def distance(wanted: str, given: str) -> int | None:
    """0: the same; 1: same language and region; 2: same language; None: another language."""
    if wanted == "*" or wanted.lower() == given.lower():
        return 0
    a, b = wanted.lower().split("-"), given.lower().split("-")
    if a[0] != b[0]:
        return None
    if len(a) > 1 and len(b) > 1 and a[1] == b[1]:
        return 1
    return 2 if len(a) == 1 or len(b) == 1 else None
