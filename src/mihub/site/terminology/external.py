"""Another terminology server over HTTP, named by the site's setting `terminology_url`: asked only what this site can not know.

Codes and addresses leave the site this way, nothing else: no display that was typed, no patient. A server that does not answer
in time, or not with FHIR, is `Unavailable`. Above: `site.site`. Below: nothing of ours but errors.
"""

from __future__ import annotations

from typing import Final

import httpx
import orjson

from mihub.core.fhir import Resource
from mihub.errors import Unavailable

_TIMEOUT_SECONDS: Final = 5.0
_LARGEST_BYTES: Final = 8 * 1024 * 1024
_FHIR: Final = "application/fhir+json"


class HttpFallback:
    """Implements `Fallback`. `url` is the server's FHIR base."""

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = client or httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False)

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def ask(self, operation: str, parameters: Resource) -> Resource:
        """One operation; the answer whatever its status, when it is FHIR. Raises `Unavailable`."""
        headers = {"Accept": _FHIR, "Content-Type": _FHIR}
        try:
            answer = self._client.post(
                f"{self._url}/{operation}", content=orjson.dumps(parameters), headers=headers
            )
            content = answer.content
        except httpx.HTTPError as error:
            raise _down() from error
        if answer.status_code >= 500 or len(content) > _LARGEST_BYTES:
            raise _down()
        try:
            resource = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise _down() from error
        if not isinstance(resource, dict) or resource.get("resourceType") not in (
            "Parameters",
            "OperationOutcome",
            "ValueSet",
        ):
            raise _down()
        return resource


def _down() -> Unavailable:
    return Unavailable(
        "The terminology server that this site may ask does not answer.",
        rule="setting terminology_url",
        next_step="Codes it would decide stay unchecked until it answers again.",
    )
