"""Fetching one package from an address that the operator typed; nothing else in the program ever fetches a package.

https only, also where the server sends us on; limited in size and time; kept in a temporary file until it is shelved.
Above: `mihub packages add`. Below: the client that is passed in.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from mihub.errors import InvalidInput, NotSupported, TooLarge, Unavailable

TIMEOUT_SECONDS: Final = 30.0
_WHOLE_SECONDS: Final = 600.0
_MOST_BYTES: Final = 512 * 2**20
_MOST_REDIRECTS: Final = 5
_AS_IT_IS: Final = {"Accept-Encoding": "identity"}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_address(text: str) -> bool:
    """Is this an address and not a path?"""
    return "://" in text


@contextmanager
def fetched(address: str, client: httpx.Client, *, most_bytes: int = _MOST_BYTES) -> Iterator[Path]:
    """The package at an address, as a file that is removed at the end. Raises when it is not to be had."""
    with tempfile.TemporaryDirectory(prefix="mihub-package-") as folder:
        target = Path(folder, _file_name(address))
        _follow(address, client, target, most_bytes)
        yield target


def _follow(address: str, client: httpx.Client, target: Path, most_bytes: int) -> None:
    try:
        url = httpx.URL(address)
        for _ in range(_MOST_REDIRECTS + 1):
            _check(url)
            # The archive's own gzip is wanted as it is, so the transport shall add none.
            with client.stream("GET", url, headers=_AS_IT_IS, follow_redirects=False) as response:
                if response.next_request is not None:
                    url = response.next_request.url
                    continue
                _save(response, target, most_bytes)
                return
    except httpx.InvalidURL as error:
        raise _no_address(address) from error
    except httpx.HTTPError as error:
        raise Unavailable(
            f"The package could not be fetched ({type(error).__name__}).",
            where=address,
            next_step="Check the address and the network, or download the file and add it from the disk.",
        ) from error
    raise Unavailable("The server sends us in a circle.", where=address, next_step="Check the address.")


def _check(url: httpx.URL) -> None:
    if url.scheme != "https":
        raise NotSupported(
            "A package is fetched over https only.",
            where=f"{url.scheme}://{url.host}",
            rule="https",
            next_step="Use the https address, or download the file and add it from the disk.",
        )
    if not url.host:
        raise _no_address(str(url))


def _save(response: httpx.Response, target: Path, most_bytes: int) -> None:
    if response.status_code != httpx.codes.OK:
        raise Unavailable(
            f"The server answered {response.status_code} instead of a package.",
            where=str(response.url.copy_with(query=None)),
            next_step="Check name and version in the address.",
        )
    ends, count = time.monotonic() + _WHOLE_SECONDS, 0
    with target.open("wb") as file:
        for piece in response.iter_raw():
            count += len(piece)
            if count > most_bytes:
                raise TooLarge(
                    "The package is too large.",
                    where=str(response.url.copy_with(query=None)),
                    rule=f"at most {most_bytes // 2**20} MB packed",
                    next_step="Check the address.",
                )
            if time.monotonic() > ends:
                raise Unavailable(
                    "The server is too slow.", next_step="Download the file and add it from the disk."
                )
            file.write(piece)


def _file_name(address: str) -> str:
    """What the file is called: the last words of the address, so that an account of the shelf can be read."""
    parts = address.partition("://")[2].partition("?")[0].split("/")[1:]
    words = [part for part in parts if part not in (".", "..") and _NAME.fullmatch(part)]
    name = "-".join(words[-2:]) if words and not words[-1].endswith(".tgz") else "".join(words[-1:])
    return name[-120:].lstrip(".") or "package.tgz"


def _no_address(address: str) -> InvalidInput:
    return InvalidInput(
        "This is not an address.",
        where=address,
        rule="https://, a name, a path",
        next_step="For example: https://packages.example.org/de.basisprofil.r4/1.5.4",
    )
