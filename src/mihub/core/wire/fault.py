"""A refusal as it travels between hub, trust centre and their callers, and back into an error of ours.

Never carries a patient value, because no message of `mihub.errors` does. Above: hub, trust, agents, portals.
"""

from __future__ import annotations

from typing import Final

import orjson

from mihub.core.fhir import Json
from mihub.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    MihubError,
    NotFound,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)

_BY_STATUS: Final[dict[int, type[MihubError]]] = {
    kind.http_status: kind
    for kind in (InvalidInput, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Unprocessable)
}
# Statuses below 500 after which the same message may be sent again; every other one below 500 is permanent.
RETRYABLE: Final = frozenset({408, 409, 425, 429})


def to_json(error: MihubError) -> Json:
    """The body that answers a refused request."""
    return {
        "error": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "rule": error.rule,
        "next_step": error.next_step,
    }


def from_answer(status: int, body: bytes) -> MihubError:
    """The error that an answer stands for; a body that is not ours is not quoted."""
    kind = _BY_STATUS.get(status, StorageFull if status == StorageFull.http_status else Unavailable)
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("what"), str):
        return kind(
            f"The other side answered with status {status}.",
            next_step="Try again; if it stays, the operator of hub or trust centre checks it.",
        )
    texts = {name: str(told.get(name, "")) for name in ("where", "rule", "next_step")}
    return kind(told["what"], **texts)
