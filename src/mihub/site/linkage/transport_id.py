"""One patient's name between this site and the trust centre: derived, never stored in a resource, useless
elsewhere.

Above: `feed`, the search index of Patient, `apps` (demo sign-ins). Source: HMAC as pseudonym, RFC 2104.
"""

from __future__ import annotations

import hmac

from mihub.core.policy.actor import TransportId

SYSTEM = "https://mihub.example/sid/transport-id"


def transport_id(secret: bytes, patient_id: str) -> TransportId:
    """32 hexadecimal digits for the logical id of a Patient; `secret` is the site's own, at least 32
    bytes."""
    return TransportId(hmac.digest(secret, b"transport-id|" + patient_id.encode(), "sha256")[:16].hex())
