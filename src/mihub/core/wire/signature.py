"""A member signs each request to hub or trust centre, because inspecting proxies strip client certificates.

Signed are method, path with query, body digest, receiver, time and a nonce that the receiver remembers; the
time may differ by 300 s. Source: reference design of the network's transport (request signature). Below:
`compact`, `members`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mihub.core.policy.actor import MemberId
from mihub.core.wire.compact import refused, sign, unverified, verify
from mihub.core.wire.keys import KeySet
from mihub.core.wire.members import Member, MemberList

HEADER = "mihub-signature"
TIME_HEADER = "mihub-time"  # the receiver's clock, seconds of the epoch, on every answer
MAX_SKEW_SECONDS = 300
WARN_SKEW_SECONDS = 120
NONCE_SECONDS = 900
_USE = "request"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Who sent it, and the nonce that must not have been seen before."""

    member: Member
    nonce: str


def sign_request(
    keys: KeySet, *, audience: MemberId, method: str, path: str, body: bytes, now_seconds: int, nonce: str
) -> str:
    """The value of the header `mihub-signature`. `path` holds the query as sent; `nonce` is random, ≥ 128
    bit.
    """
    claims = {
        "iss": keys.owner,
        "aud": audience,
        "method": method.upper(),
        "path": path,
        "sha384": hashlib.sha384(body).hexdigest(),
        "iat": now_seconds,
        "nonce": nonce,
    }
    return sign(claims, keys, _USE)


def verify_request(
    token: str,
    *,
    members: MemberList,
    audience: MemberId,
    method: str,
    path: str,
    body: bytes,
    now_seconds: int,
) -> SignedRequest:
    """Who signed exactly this request. Raises `Unauthenticated`; the caller then checks the nonce."""
    member = members.get(str(unverified(token, _USE).get("iss", "")))
    claims = verify(token, member.keys, _USE)
    expected = {
        "aud": audience,
        "method": method.upper(),
        "path": path,
        "sha384": hashlib.sha384(body).hexdigest(),
    }
    for name, value in expected.items():
        if claims.get(name) != value:
            raise refused(_USE, f"its {name} is not that of this request")
    issued, nonce = claims.get("iat"), claims.get("nonce")
    if not isinstance(issued, int) or abs(now_seconds - issued) > MAX_SKEW_SECONDS:
        raise refused(_USE, f"its time differs by more than {MAX_SKEW_SECONDS} s")
    if not isinstance(nonce, str) or not 16 <= len(nonce) <= 64:
        raise refused(_USE, "it has no usable nonce")
    return SignedRequest(member, nonce)
