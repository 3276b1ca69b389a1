"""A signed statement "this actor asks, for this purpose", from one organisation's portal to another's site.

A compact JWS (ES384), valid for minutes and for one audience; the site checks it against the region's list of
members and its own policy. The key is the issuer's in that list, whatever `kid` says. It never carries a clinical
value. Source: RFC 7515, RFC 7519, RFC 7523, RFC 8725.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import to_bytes

from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.errors import Unauthenticated

TTL_SECONDS = 300
_ALGORITHMS = ["ES384"]
# The same key signs requests and letters; a type of its own keeps each from passing for another.
_TYPE = "mihub-access"


def sign(access: Access, *, issuer: MemberId, audience: MemberId, key: ECKey, now_seconds: int) -> str:
    """The compact token; `key` is the issuer's private P-384 key, its `kid` names it in the member list."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "iat": now_seconds,
        "exp": now_seconds + TTL_SECONDS,
        "sub": access.actor.id,
        "name": access.actor.name,
        "role": access.actor.role.value,
        "org": access.actor.organization,
        "purpose": access.purpose.value,
        "subject": access.subject,
        "relation": access.care_relation,
    }
    return jwt.encode(
        {"alg": "ES384", "kid": key.kid or issuer, "typ": _TYPE}, claims, key, algorithms=_ALGORITHMS
    )


@dataclass(frozen=True, slots=True)
class Proven:
    """An access whose statement was checked with this key, and how long the statement holds."""

    access: Access
    issuer: MemberId
    key: ECKey
    issued: int
    expires: int

    def holds(self, keys: Mapping[MemberId, ECKey], now_seconds: int) -> bool:
        """Does it still hold: the issuer has the very same key, and its time is not over?"""
        return keys.get(self.issuer) is self.key and self.issued - 60 <= now_seconds <= self.expires


def verify(token: str, *, keys: Mapping[MemberId, ECKey], audience: MemberId, now_seconds: int) -> Access:
    """The access that a known member vouches for. Raises as `prove`."""
    return prove(token, keys=keys, audience=audience, now_seconds=now_seconds).access


def prove(token: str, *, keys: Mapping[MemberId, ECKey], audience: MemberId, now_seconds: int) -> Proven:
    """What a known member vouches for. Raises `Unauthenticated` with one sentence and no content of the token."""
    issuer = _claimed_issuer(token)
    key = keys.get(issuer)
    if key is None:
        raise _refused("the issuer is not a member of this region")
    try:
        signed = jwt.decode(token, key, algorithms=_ALGORITHMS)
    except (JoseError, ValueError) as error:
        raise _refused("its signature does not hold") from error
    claims = signed.claims
    if signed.header.get("typ") != _TYPE:
        raise _refused("it was signed for another use")
    if claims.get("aud") != audience:
        raise _refused("it was made for another organisation")
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int) or not isinstance(issued, int) or expires - issued > TTL_SECONDS:
        raise _refused("it has no valid lifetime")
    if not issued - 60 <= now_seconds <= expires:
        raise _refused("it has expired or is not yet valid; compare the clocks")
    return Proven(_access(claims), issuer, key, issued, expires)


def _claimed_issuer(token: str) -> MemberId:
    try:
        payload = jws.extract_compact(to_bytes(token)).payload
        claims = orjson.loads(payload)
    except (JoseError, ValueError) as error:
        raise _refused("it is not a token") from error
    return MemberId(str(claims.get("iss", ""))) if isinstance(claims, dict) else MemberId("")


def _access(claims: Mapping[str, Any]) -> Access:
    try:
        role, purpose = Role(str(claims.get("role"))), Purpose(str(claims.get("purpose")))
    except ValueError as error:
        raise _refused("its role or purpose is unknown here") from error
    subject = claims.get("subject")
    actor = Actor(
        id=str(claims.get("sub", "")),
        name=str(claims.get("name", "")),
        role=role,
        organization=MemberId(str(claims.get("org", ""))),
    )
    return Access(
        actor=actor,
        purpose=purpose,
        subject=TransportId(subject) if isinstance(subject, str) and subject else None,
        care_relation=str(claims.get("relation", "")),
    )


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"The access statement is refused: {why}.",
        rule="signed access statement (core.policy.assertion)",
        next_step="Sign in again; if it stays, the operator compares member list and clocks.",
    )
