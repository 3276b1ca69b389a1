"""The site's words with the hub over outgoing HTTP(S): every request signed, the clocks compared.

Refuses to sign when its clock differs from the hub's by more than 300 s. Below: `core/wire`, httpx. Above:
`agent`, `site/linkage` (the trust centre takes the same signed requests). Source: mailbox rules 3 and 6.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import httpx
import orjson

from mihub import log
from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire import fault
from mihub.core.wire.keys import KeySet
from mihub.core.wire.signature import (
    HEADER,
    MAX_SKEW_SECONDS,
    TIME_HEADER,
    WARN_SKEW_SECONDS,
    sign_request,
)
from mihub.errors import MihubError, Unavailable

_RETRY_AFTER_LIMIT = 300


class Refused(Exception):
    """The other side said no. `permanent`: the same message will never be taken."""

    def __init__(self, error: MihubError, *, permanent: bool, retry_after: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.permanent = permanent
        self.retry_after = retry_after


class SignedClient:
    """One member's way to one receiver (hub or trust centre). `client` has the base URL, proxies and CA
    file."""

    def __init__(
        self, client: httpx.AsyncClient, keys: KeySet, audience: MemberId, now: Callable[[], float]
    ) -> None:
        self._client = client
        self._keys = keys
        self._audience = audience
        self._now = now
        self._skew = 0

    async def send(self, method: str, path: str, body: bytes = b"", *, wait_seconds: float = 0.0) -> Json:
        """The answer's JSON object. Raises `Refused` for an answer that says no, `Unavailable` for none."""
        if abs(self._skew) > MAX_SKEW_SECONDS:
            await self._look_at_clock()
        token = sign_request(
            self._keys,
            audience=self._audience,
            method=method,
            path=path,
            body=body,
            now_seconds=int(self._now()),
            nonce=secrets.token_hex(16),
        )
        return await self._exchange(method, path, body, {HEADER: token}, wait_seconds)

    async def fetch(self, path: str) -> Json:
        """An unsigned read of something public in the network."""
        return await self._exchange("GET", path, b"", {}, 0.0)

    async def _exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str], wait_seconds: float
    ) -> Json:
        timeout = httpx.Timeout(15.0, read=wait_seconds + 15.0)
        try:
            answer = await self._client.request(method, path, content=body, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise Unavailable("The other side does not answer.", rule="no-answer") from error
        self._compare_clock(answer)
        if answer.status_code >= 300:
            raise _refused(answer)
        return _object(answer)

    async def _look_at_clock(self) -> None:
        await self.fetch(f"/{self._audience}/members")
        if abs(self._skew) > MAX_SKEW_SECONDS:
            raise Unavailable(
                "This computer's clock differs too much from the network's; nothing is signed.",
                rule="clock-skew",
                next_step="Set the clock (NTP); the site goes on by itself.",
            )

    def _compare_clock(self, answer: httpx.Response) -> None:
        told = answer.headers.get(TIME_HEADER, "")
        if not told.isascii() or not told.isdigit():
            return
        self._skew = int(self._now()) - int(told)
        if abs(self._skew) > WARN_SKEW_SECONDS:
            log.warning("clock differs from the network", rule="clock-skew", count=self._skew)


def _refused(answer: httpx.Response) -> Refused:
    error = fault.from_answer(answer.status_code, answer.content)
    permanent = answer.status_code < 500 and answer.status_code not in fault.RETRYABLE
    told = answer.headers.get("retry-after", "")
    retry_after = float(told) if told.isascii() and told.isdigit() else 0.0
    return Refused(error, permanent=permanent, retry_after=min(retry_after, _RETRY_AFTER_LIMIT))


def _object(answer: httpx.Response) -> Json:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        # A proxy's page with status 200 is no answer of the network.
        raise Unavailable("Something else answered instead of the network.", rule="not-our-answer")
    return body
