"""Compact JWS with ES384 and one type per use, so that a signature for one use never passes for another.

Source: RFC 7515, RFC 8725 (explicit typing). The payload's bytes are what is signed; JSON is canonical (RFC
8785 for texts, whole numbers, lists and objects with ASCII names, which is all that a header holds). Above:
all of wire.
"""

from __future__ import annotations

from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from mihub.core.fhir import Json
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.errors import Unauthenticated

_ALGORITHMS = ["ES384"]


def canonical(body: Json) -> bytes:
    """One sequence of bytes for one value."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def sign(body: Json, keys: KeySet, kind: str) -> str:
    """`body` signed by `keys` for the use `kind`."""
    key = keys.signing_key()
    header = {"alg": "ES384", "kid": key.kid, "typ": f"mihub-{kind}"}
    return jws.serialize_compact(header, canonical(body), key, algorithms=_ALGORITHMS)


def verify(token: str, keys: PublicKeys, kind: str) -> Json:
    """The body, when `keys` signed it for `kind`. Raises `Unauthenticated`, never quoting it."""
    try:
        signed = jws.deserialize_compact(token, keys.verifying_key(), algorithms=_ALGORITHMS)
        body = orjson.loads(signed.payload)
    except (JoseError, ValueError) as error:
        raise refused(kind, "its signature does not hold") from error
    if signed.headers().get("typ") != f"mihub-{kind}":
        raise refused(kind, "it was signed for another use")
    return _object(body, kind)


def unverified(token: str, kind: str) -> Json:
    """The body before its signer is known; only to find out which keys to check with."""
    try:
        body: Any = orjson.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError) as error:
        raise refused(kind, "it is not a signed statement") from error
    return _object(body, kind)


def refused(kind: str, why: str) -> Unauthenticated:
    """One sentence for a signed statement that does not count."""
    return Unauthenticated(
        f"The signed {kind} is refused: {why}.",
        rule=f"signed {kind} (core.wire)",
        next_step="Compare the member lists and the clocks of both sides.",
    )


def _object(body: Any, kind: str) -> Json:
    if not isinstance(body, dict):
        raise refused(kind, "it holds no object")
    return body
