"""Signed receipts: the hub's that a letter is durable there, a site's that it has it, did it, or refuses it.

A sender resends until it holds one; an answer of 200 from a proxy's error page is none. Below: `compact`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from mihub.core.policy.actor import MemberId
from mihub.core.wire.compact import refused, sign, verify
from mihub.core.wire.keys import KeySet, PublicKeys

State = Literal["queued", "received", "done", "refused", "failed", "expired"]
FINAL: frozenset[str] = frozenset({"done", "refused", "failed", "expired"})
_USE = "receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """`by` says of envelope `id` (`head_sha256`: digest of its header) what became of it. `reason` is a
    rule's id.
    """

    id: str
    head_sha256: str
    by: MemberId
    state: State
    at: int
    reason: str = ""


def sign_receipt(receipt: Receipt, keys: KeySet) -> str:
    """The receipt as a signed text."""
    claims = {
        "id": receipt.id,
        "head": receipt.head_sha256,
        "by": receipt.by,
        "state": receipt.state,
        "at": receipt.at,
        "reason": receipt.reason,
    }
    return sign(claims, keys, _USE)


def verify_receipt(token: str, keys: PublicKeys) -> Receipt:
    """Raises `Unauthenticated` when its signer is not its speaker or a field is unknown."""
    claims = verify(token, keys, _USE)
    state: Any = claims.get("state")
    at = claims.get("at")
    if state not in get_args(State) or not isinstance(at, int):
        raise refused(_USE, "its state or time is unknown here")
    if claims.get("by") != keys.owner:
        raise refused(_USE, "it speaks for another member")
    return Receipt(
        id=str(claims.get("id")),
        head_sha256=str(claims.get("head")),
        by=MemberId(keys.owner),
        state=state,
        at=at,
        reason=str(claims.get("reason", "")),
    )
