"""Fetching a package: https only, also behind a redirect; size and kind of answer are looked at; nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from mihub.errors import MihubError
from mihub.site.packages.fetch import fetched
from mihub.site.packages.shelf import Shelf
from tests.package_maker import code_system, manifest, package

Answer = Callable[[httpx.Request], httpx.Response]


def _client(answer: Answer) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def test_a_package_behind_a_redirect_is_shelved(tmp_path: Path) -> None:
    body = package(tmp_path, manifest(), code_system("one")).read_bytes()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/maker.one/1.0.0":
            return httpx.Response(302, headers={"location": "/files/one"})
        return httpx.Response(200, content=iter([body[:9], body[9:]]))

    with fetched("https://registry.example/maker.one/1.0.0?x=1", _client(answer)) as path:
        assert path.name == "maker.one-1.0.0"
        assert [one.source for one in Shelf.open(None).add(path).added] == ["maker.one-1.0.0"]
    assert not path.exists()


def _raise(error: Exception) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("address", "answer", "said"),
    [
        ("http://registry.example/p.tgz", _raise(AssertionError()), "A package is fetched over https only."),
        ("https://registry.example/p.tgz", lambda _: httpx.Response(302, headers={"location": "http://other.example/p"}),
         "A package is fetched over https only."),
        ("https://registry.example/p.tgz", lambda _: httpx.Response(302, headers={"location": "file:///etc/passwd"}),
         "A package is fetched over https only."),
        ("https://registry.example/p.tgz", lambda r: httpx.Response(302, headers={"location": str(r.url)}),
         "The server sends us in a circle."),
        ("https://registry.example/p.tgz", lambda _: httpx.Response(404), "The server answered 404 instead of a package."),
        ("https://registry.example/p.tgz", lambda _: httpx.Response(200, content=iter([bytes(2000)])),
         "The package is too large."),
        ("https://registry.example/p.tgz", _raise(httpx.ReadTimeout("slow")), "The package could not be fetched (ReadTimeout)."),
        ("https://registry.example/p.tgz", _raise(httpx.ConnectError("no")), "The package could not be fetched (ConnectError)."),
        ("https://", _raise(AssertionError()), "This is not an address."),
        ("https://r.example:port/", _raise(AssertionError()), "This is not an address."),
    ],
)  # fmt: skip
def test_what_is_not_to_be_had_is_named(address: str, answer: Answer, said: str) -> None:
    with pytest.raises(MihubError) as refused, fetched(address, _client(answer), most_bytes=1000):
        pass
    assert refused.value.what == said
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://r.example/a/b/base-1.5.4.tgz", "base-1.5.4.tgz"),
        ("https://r.example/base/1.5.4", "base-1.5.4"),
        ("https://r.example/../..", "package.tgz"),
        ("https://r.example/%2e%2e/x", "x"),
        ("https://r.example", "package.tgz"),
    ],
)
def test_the_address_never_becomes_a_path(address: str, name: str) -> None:
    with fetched(address, _client(lambda _: httpx.Response(200, content=iter([b"x"])))) as path:
        assert path.name == name
        assert path.read_bytes() == b"x"
