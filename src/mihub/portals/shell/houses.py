"""The ways out of the portal: FHIR to sites and the care record, JSON to hub, trust centre and a site's own
counter.

Every request carries a fresh signed access statement for exactly one receiver. Nothing else leaves a
portal. Below: `mihub.care.client`; above: `portal.Portal`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import orjson

from mihub.care.client import HttpFhirClient
from mihub.care.client.outcome import error_of
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Access, MemberId
from mihub.errors import NotFound, Unavailable

# Signs one access statement for one receiver (apps gives core.policy.assertion with the network's key).
Signer = Callable[[Access, MemberId], str]


class _NoAddress(httpx.AsyncBaseTransport):
    """Where nobody answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no address")


_NOWHERE: Final = httpx.AsyncClient(transport=_NoAddress(), base_url="http://nowhere.invalid/fhir")


class HouseClient:
    """JSON over HTTP to one house, for one actor and purpose. Errors are those of `mihub.errors`."""

    def __init__(self, http: httpx.AsyncClient, token: Callable[[], str], *, name: str) -> None:
        self._http = http
        self._token = token
        self._name = name

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON answer."""
        return await self.ask("GET", path, params=params)

    async def post(self, path: str, document: Any) -> Any:
        """Send JSON, get JSON."""
        headers = {"Content-Type": "application/json"}
        return await self.ask("POST", path, content=orjson.dumps(document), headers=headers)

    async def upload(self, path: str, filename: str, content: bytes) -> Any:
        """Send one file as multipart form field `file`, get JSON."""
        return await self.ask("POST", path, files={"file": (filename, content)})

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Any:
        """Any request; `None` for an empty answer. Raises `Unavailable` when the house is silent."""
        sent = {"Accept": "application/json", "Authorization": f"Bearer {self._token()}", **(headers or {})}
        try:
            answer = await self._http.request(method, path, headers=sent, **request)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._name} does not answer.", next_step="Try again later.") from error
        if answer.status_code >= 300:
            raise error_of(answer.status_code, answer.content, member=self._name)
        return orjson.loads(answer.content) if answer.content else None


class Houses:
    """The HTTP clients that apps composed: one per site with base `.../fhir`, one per house with its root
    as base.

    `fhir` maps a member id to a client whose base_url ends in `/fhir`; `roots` maps `hub`, `trust` and
    member ids to a client whose base_url is the root of that house (`/hub/...`, `/trust/...`, `/admin/...`
    are paths below it).
    """

    def __init__(
        self, *, fhir: Mapping[str, httpx.AsyncClient], roots: Mapping[str, httpx.AsyncClient], sign: Signer
    ) -> None:
        self._fhir = fhir
        self._roots = roots
        self._sign = sign

    @property
    def sites(self) -> tuple[MemberId, ...]:
        """The members that have a FHIR address here."""
        return tuple(MemberId(member) for member in self._fhir)

    def fhir(self, member: str, access: Access) -> FhirClient:
        """A FHIR client to one site; a member without address (data may name former members) stays silent."""
        http = self._fhir.get(member, _NOWHERE)
        return HttpFhirClient(http, lambda: self._sign(access, MemberId(member)), member=member)

    def json(self, house: str, access: Access) -> HouseClient:
        """A JSON client to one house."""
        http = self._known(self._roots, house)
        return HouseClient(http, lambda: self._sign(access, MemberId(house)), name=house)

    @staticmethod
    def _known(clients: Mapping[str, httpx.AsyncClient], name: str) -> httpx.AsyncClient:
        if name not in clients:
            raise NotFound(
                f"{name} is not a member of this region.", next_step="Look at the list of members."
            )
        return clients[name]
