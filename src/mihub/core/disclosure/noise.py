"""Noise that depends on the people and the site's secret only: asking again, in any words, teaches nothing.

Source: Laplace mechanism with a pseudo-random source, keyed as in trust.md §2.4. The secret never leaves the
site.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable


def person_tag(secret: bytes, patient: str) -> int:
    """64 bits that stand for one patient at one site; without the secret they mean nothing."""
    return int.from_bytes(hmac.digest(secret, b"person " + patient.encode(), hashlib.sha256)[:8], "big")


def set_hash(tags: Iterable[int]) -> bytes:
    """One hash for a set of people, whatever question found them."""
    digest = hashlib.sha256()
    for tag in sorted(tags):
        digest.update(tag.to_bytes(8, "big"))
    return digest.digest()


def keyed_noise(secret: bytes, people: bytes, *, epsilon: float) -> int:
    """A rounded Laplace number of scale 1 / `epsilon`; the same set of people, the same number."""
    drawn = int.from_bytes(hmac.digest(secret, b"noise " + people, hashlib.sha256)[:8], "big")
    uniform = (drawn + 0.5) / 2**64 - 0.5
    return round(-math.copysign(math.log1p(-2 * abs(uniform)), uniform) / epsilon)
