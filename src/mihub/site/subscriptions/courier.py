"""Carries one notification to an endpoint by HTTP and says how that went; it decides nothing about what follows.

Follows no redirect, reads no body, sends nowhere that the operator did not list. Above: `dispatcher`. Below: `hosts`.
Source: https://hl7.org/fhir/R4/subscription.html#rest-hook.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import httpx
import orjson

from mihub.errors import MihubError
from mihub.site.formats.xml_writing import resource_to_xml
from mihub.site.subscriptions.hosts import Hosts
from mihub.site.subscriptions.request import Wanted

# They say: not now. Everything else of 400 to 499 says: not this.
_NOT_NOW: Final = frozenset({401, 403, 404, 407, 408, 410, 421, 423, 425, 429})


@dataclass(frozen=True, slots=True)
class Outcome:
    """`fault` "" when it was taken. `refused`: this notification will never be taken as it is."""

    fault: str = ""
    reason: str = ""
    refused: bool = False
    retry_after: float = 0.0


class Courier:
    """`client` is the caller's; it must not follow redirects."""

    def __init__(self, client: httpx.AsyncClient, hosts: Hosts) -> None:
        self._client, self._hosts = client, hosts

    async def carry(self, wanted: Wanted, notification: bytes) -> Outcome:
        """Send it and wait for the answer's status, at most the subscription's timeout."""
        try:
            url = self._hosts.check(wanted.endpoint)
        except MihubError as error:
            return Outcome("no-response", error.what)
        xml = wanted.payload.endswith("xml")
        body = resource_to_xml(orjson.loads(notification)) if xml else notification
        headers = [*wanted.headers, ("Content-Type", wanted.payload)]
        try:
            async with (
                asyncio.timeout(wanted.timeout_seconds),
                self._client.stream(
                    "POST",
                    url,
                    content=body,
                    headers=headers,
                    timeout=wanted.timeout_seconds,
                    follow_redirects=False,
                ) as answer,
            ):
                return _outcome(answer)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome("no-response", f"The endpoint did not answer within {wanted.timeout_seconds} s.")
        except httpx.ConnectError:
            return Outcome("no-response", "The endpoint can not be reached.")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            return Outcome("no-response", "The endpoint broke off or does not speak HTTP.")


def _outcome(answer: httpx.Response) -> Outcome:
    code = answer.status_code
    if 200 <= code < 300:
        return Outcome()
    later = answer.headers.get("retry-after", "")
    seconds = float(later) if later.isdecimal() and len(later) < 6 else 0.0
    refused = 400 <= code < 500 and code not in _NOT_NOW
    return Outcome("error-response", f"The endpoint answered {code}.", refused, seconds)
