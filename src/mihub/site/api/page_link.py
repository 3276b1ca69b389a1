"""Links to further pages: sealed, so that a URL never holds the value that was searched for.

The token holds question and place; it is bound to the resource type and useless at another site. Source:
AES-GCM.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mihub.errors import InvalidInput

_NONCE: Final = 12

Parameters = list[tuple[str, str]]


def seal(key: bytes, scope: str, parameters: Parameters, after: tuple[object, ...]) -> str:
    """The token for the page after `after`."""
    nonce = os.urandom(_NONCE)
    place = [{"at": value.isoformat()} if isinstance(value, datetime) else value for value in after]
    plain = orjson.dumps([parameters, place])
    return urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, plain, scope.encode())).decode().rstrip("=")


def unseal(key: bytes, scope: str, token: str) -> tuple[Parameters, tuple[object, ...]]:
    """Parameters and place. Raises `InvalidInput` for a token that is not ours."""
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], scope.encode())
    except (InvalidTag, ValueError) as error:
        raise InvalidInput(
            "This link to a page does not hold here.", where="_page", next_step="Search again."
        ) from error
    parameters, place = orjson.loads(plain)
    return [(name, text) for name, text in parameters], tuple(_value(value) for value in place)


def _value(value: Any) -> object:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
