"""The HTTP client: pages followed at home only, errors by the one table, a fresh statement for every
request.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from mihub.care.client import HttpFhirClient
from mihub.errors import (
    Conflict,
    Forbidden,
    Gone,
    InvalidInput,
    MihubError,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)

_BASE = "http://chemnitz.test/fhir"


def _client(handler: Callable[[httpx.Request], httpx.Response]) -> HttpFhirClient:
    tokens = (f"token-{number}" for number in itertools.count())
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url=_BASE)
    return HttpFhirClient(http, lambda: next(tokens), member="chemnitz")


def _bundle(*ids: str, following: str = "") -> dict[str, Any]:
    links = [{"relation": "next", "url": following}] if following else []
    entries: list[dict[str, Any]] = [{"resource": {"resourceType": "Patient", "id": one}} for one in ids]
    outcome = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    return {"resourceType": "Bundle", "link": links, "entry": [*entries, outcome]}


def test_search_posts_its_parameters_and_follows_pages_at_home() -> None:
    seen: list[httpx.Request] = []

    def site(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "POST":
            return httpx.Response(200, json=_bundle("1", following=f"{_BASE}/Patient?page=2"))
        return httpx.Response(200, json=_bundle("2"))

    found = asyncio.run(_client(site).search("Patient", [("identifier", "x|A,B"), ("_count", "1")]))
    assert [resource["id"] for resource in found] == ["1", "2"], "the outcome entry is no result"
    assert seen[0].url.path == "/fhir/Patient/_search"
    assert seen[0].url.query == b"", "no identifier stands in an address"
    assert parse_qsl(seen[0].content.decode()) == [("identifier", "x|A,B"), ("_count", "1")]
    assert str(seen[1].url) == f"{_BASE}/Patient?page=2"
    assert [request.headers["authorization"] for request in seen] == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.parametrize(
    "link", ["http://evil.test/fhir/Patient?page=2", "http://chemnitz.test.evil.test/fhir/Patient"]
)
def test_a_page_on_another_server_is_never_followed(link: str) -> None:
    asked: list[str] = []

    def site(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json=_bundle("1", following=link))

    with pytest.raises(Unavailable, match="another server"):
        asyncio.run(_client(site).search("Patient"))
    assert asked == ["chemnitz.test"]


def test_endless_pages_end_with_an_error() -> None:
    with pytest.raises(TooLarge, match="pages"):
        asyncio.run(
            _client(
                lambda request: httpx.Response(200, json=_bundle("1", following=f"{_BASE}/Patient?x"))
            ).search("Patient")
        )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (412, PreconditionFailed),
        (413, TooLarge),
        (422, Unprocessable),
        (500, Unavailable),
        (503, Unavailable),
        (304, Unavailable),
    ],
)
def test_every_refusal_is_an_error_of_ours(status: int, kind: type[MihubError]) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "The rule says no."}]}
    with pytest.raises(kind) as caught:
        asyncio.run(_client(lambda request: httpx.Response(status, json=outcome)).read("Patient", "1"))
    assert caught.value.http_status == kind.http_status
    if status not in (500, 304):
        assert caught.value.what == "The rule says no."


@pytest.mark.parametrize(
    "handler",
    [
        lambda request: httpx.Response(200, content=b"<html>"),
        lambda request: httpx.Response(200, content=b"[]"),
        lambda request: httpx.Response(502, content=b"\xff\xfe"),
    ],
)
def test_nonsense_is_unavailable_not_a_crash(handler: Callable[[httpx.Request], httpx.Response]) -> None:
    with pytest.raises(Unavailable, match="chemnitz"):
        asyncio.run(_client(handler).read("Patient", "1"))


def test_silence_names_the_member_and_nothing_else() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("secret internals")

    with pytest.raises(Unavailable) as caught:
        asyncio.run(_client(silent).search("Patient", [("identifier", "kvnr|A123456789")]))
    assert "chemnitz does not answer" in str(caught.value)
    assert "A123456789" not in str(caught.value)


def test_update_sends_the_version_and_count_asks_for_a_number() -> None:
    seen: list[httpx.Request] = []

    def site(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"resourceType": "Bundle", "total": 7, "id": "1"})

    async def story() -> None:
        client = _client(site)
        await client.update({"resourceType": "Task", "id": "t"}, if_match="3")
        assert await client.count("Task", [("status", "requested")]) == 7

    asyncio.run(story())
    assert seen[0].method == "PUT"
    assert seen[0].headers["if-match"] == 'W/"3"'
    assert ("_summary", "count") in parse_qsl(seen[1].content.decode())
