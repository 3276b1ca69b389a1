"""HTTP answers of a FHIR server, or of hub and trust, as errors of `mihub.errors`: the one table for care
and portals.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from mihub.errors import (
    Conflict,
    Forbidden,
    Gone,
    InvalidInput,
    MihubError,
    NotFound,
    NotSupported,
    PreconditionFailed,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)

_BY_STATUS: Final[dict[int, type[MihubError]]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: NotSupported,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    413: TooLarge,
    422: Unprocessable,
    429: Unavailable,
    501: NotSupported,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: StorageFull,
}


def error_of(status: int, content: bytes, *, member: str) -> MihubError:
    """The error that an answer with this status means; texts come from its OperationOutcome when it has
    one.
    """
    kind = _BY_STATUS.get(status, Unavailable)
    what, rule = _diagnostics(content)
    if kind is Unavailable and status not in _BY_STATUS:
        return Unavailable(f"{member} answered with an error ({status}).", next_step="Try again later.")
    return kind(what or f"{member} refused the request ({status}).", where=member, rule=rule)


def _diagnostics(content: bytes) -> tuple[str, str]:
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    issues = document.get("issue")
    first = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else document
    details = first.get("details")
    text = details.get("text") if isinstance(details, dict) else None
    what = first.get("diagnostics") or text or first.get("what") or first.get("detail")
    return (str(what), str(first.get("rule", ""))) if what else ("", "")
