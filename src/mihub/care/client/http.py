"""A FHIR client over HTTP: in the all-in-one region the transport is in-process, else it is the network;
same code.

Bound to one server, one actor and one purpose by its token factory, which is asked anew for every request
because a token lives for minutes. It retries nothing and never puts a patient value into an error. Source:
https://hl7.org/fhir/R4/http.html. Errors of the wire are mapped in `outcome`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import orjson

from mihub.care.client.outcome import error_of
from mihub.core.fhir import Resource
from mihub.core.fhir.client import Parameters
from mihub.errors import MihubError, TooLarge, Unavailable

# Returns a fresh signed access statement for the server that this client speaks to.
TokenFactory = Callable[[], str]
_FHIR_JSON = "application/fhir+json"
_MAX_PAGES = 200


class HttpFhirClient:
    """`http` carries base_url, timeout and transport; `member` names the server in error texts."""

    def __init__(self, http: httpx.AsyncClient, token: TokenFactory, *, member: str) -> None:
        self._http = http
        self._token = token
        self._member = member

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        """The current version."""
        return await self._ask("GET", f"{resource_type}/{resource_id}")

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        """All matches over all pages; by POST, so that no identifier stands in an address."""
        form = _form([*parameters])
        page = await self._ask(
            "POST", f"{resource_type}/_search", content=form, content_type="application/x-www-form-urlencoded"
        )
        found = _resources(page)
        for _ in range(_MAX_PAGES):
            following = _next_link(page)
            if not following:
                return found
            page = await self._ask("GET", self._local(following))
            found += _resources(page)
        raise TooLarge(
            f"A search at {self._member} has more than {_MAX_PAGES} pages.", next_step="Narrow the search."
        )

    async def count(self, resource_type: str, parameters: Parameters = ()) -> int:
        """The number of matches."""
        form = _form([*parameters, ("_summary", "count")])
        page = await self._ask(
            "POST", f"{resource_type}/_search", content=form, content_type="application/x-www-form-urlencoded"
        )
        return int(page.get("total", 0))

    async def create(self, resource: Resource) -> Resource:
        """The stored resource."""
        return await self._ask("POST", resource["resourceType"], content=orjson.dumps(resource))

    async def update(self, resource: Resource, *, if_match: str | None = None) -> Resource:
        """Create or replace; `if_match` is a version id."""
        headers = {"If-Match": f'W/"{if_match}"'} if if_match is not None else {}
        place = f"{resource['resourceType']}/{resource['id']}"
        return await self._ask("PUT", place, content=orjson.dumps(resource), headers=headers)

    async def transaction(self, bundle: Resource) -> Resource:
        """All entries or none."""
        return await self._ask("POST", "", content=orjson.dumps(bundle))

    async def _ask(
        self,
        method: str,
        place: str,
        *,
        content: bytes | None = None,
        content_type: str = _FHIR_JSON,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        sent = {
            "Accept": _FHIR_JSON,
            "Authorization": f"Bearer {self._token()}",
            "Prefer": "return=representation",
        }
        if content is not None:
            sent["Content-Type"] = content_type
        try:
            answer = await self._http.request(
                method, place, content=content, headers={**sent, **(headers or {})}
            )
        except httpx.HTTPError as error:
            raise _silent(self._member) from error
        return self._content(answer)

    def _content(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code >= 300:
            raise error_of(answer.status_code, answer.content, member=self._member)
        if not answer.content:
            return {}
        try:
            document = orjson.loads(answer.content)
        except orjson.JSONDecodeError as error:
            raise Unavailable(f"{self._member} answered something that is not JSON.") from error
        if not isinstance(document, dict):
            raise Unavailable(f"{self._member} answered something that is not a resource.")
        return document

    def _local(self, link: str) -> str:
        """A next link below our own base address; another origin is never followed with our token."""
        target, base = urlsplit(link), self._http.base_url
        if target.netloc and target.netloc.split(":")[0] != base.host:
            raise Unavailable(f"{self._member} sent a next page that lies on another server.")
        path = target.path
        if path.startswith(base.path):
            path = path[len(base.path) :]
        return path.lstrip("/") + (f"?{target.query}" if target.query else "")


def _form(parameters: list[tuple[str, str]]) -> bytes:
    return urlencode(parameters).encode()


def _resources(bundle: dict[str, Any]) -> list[Resource]:
    return [
        entry["resource"]
        for entry in bundle.get("entry", [])
        if "resource" in entry and entry.get("search", {}).get("mode") != "outcome"
    ]


def _next_link(bundle: dict[str, Any]) -> str:
    return next((str(link["url"]) for link in bundle.get("link", []) if link.get("relation") == "next"), "")


def _silent(member: str) -> MihubError:
    return Unavailable(
        f"{member} does not answer.", next_step="Try again later; the rest of the page is complete."
    )
