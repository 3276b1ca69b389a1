"""Links to further pages: sealed, so that a URL never holds the value that was searched for.

The token holds question and place; it is bound to the resource type and useless at another site. Source:
AES-GCM.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mihub.errors import InvalidInput

_NONCE: Final = 12
# How far back a token leads; a URL must not grow with every page.
_KEPT_PLACES: Final = 20

Parameters = list[tuple[str, str]]


def seal(key: bytes, scope: str, parameters: Parameters, after: tuple[object, ...]) -> str:
    """The token for the page after `after`."""
    return _sealed(key, scope, [parameters, _written(after)])


def _written(place: tuple[object, ...]) -> list[object]:
    return [{"at": value.isoformat()} if isinstance(value, datetime) else value for value in place]


def _sealed(key: bytes, scope: str, content: list[Any]) -> str:
    nonce = os.urandom(_NONCE)
    plain = orjson.dumps(content)
    return urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, plain, scope.encode())).decode().rstrip("=")


def unseal(key: bytes, scope: str, token: str) -> tuple[Parameters, tuple[object, ...]]:
    """Parameters and place. Raises `InvalidInput` for a token that is not ours."""
    parameters, place, *_ = _unsealed(key, scope, token)
    return [(name, text) for name, text in parameters], tuple(_value(value) for value in place)


def _unsealed(key: bytes, scope: str, token: str) -> list[Any]:
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], scope.encode())
    except (InvalidTag, ValueError) as error:
        raise InvalidInput(
            "This link to a page does not hold here.", where="_page", next_step="Search again."
        ) from error
    content = orjson.loads(plain)
    return content if isinstance(content, list) else []


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: `after` the last of the page before (empty: the first page), and the places of the newest
    pages that came before it.
    """

    after: tuple[object, ...] = ()
    trail: tuple[tuple[object, ...], ...] = ()

    def then(self, after: tuple[object, ...]) -> Place:
        """The place of the next page."""
        return Place(after, (*self.trail, self.after)[-_KEPT_PLACES:])

    def before(self) -> Place | None:
        """The place of the page before; None on the first page, and where the way back is no longer known."""
        return Place(self.trail[-1], self.trail[:-1]) if self.trail else None


def seal_place(key: bytes, scope: str, parameters: Parameters, place: Place) -> str:
    """The token for the page at a place."""
    listed = [_written(one) for one in (place.after, *place.trail)]
    return _sealed(key, scope, [parameters, listed[0], listed[1:]])


def unseal_place(key: bytes, scope: str, token: str) -> tuple[Parameters, Place]:
    """Parameters and place. Raises `InvalidInput` for a token that is not ours."""
    parameters, after, *more = _unsealed(key, scope, token)
    places = [tuple(_value(value) for value in one) for one in (after, *(more[0] if more else []))]
    return [(name, text) for name, text in parameters], Place(places[0], tuple(places[1:]))


def _value(value: Any) -> object:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
