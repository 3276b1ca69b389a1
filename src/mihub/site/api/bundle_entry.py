"""One entry of a batch or transaction as an immutable request. Errors name `Bundle.entry[n]`.

Source: https://hl7.org/fhir/R4/http.html#transaction. Above: `batch`, `transaction`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.errors import InvalidInput, MihubError, NotSupported, TooLarge

METHODS: Final = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is the address below the base without its query, e.g. "Patient/1"."""

    number: int
    method: str
    path: str
    query: str
    resource: Resource | None
    full_url: str
    if_match: str | None
    if_none_exist: str

    @property
    def resource_type(self) -> str:
        """The first part of the address."""
        return self.path.partition("/")[0]

    @property
    def id(self) -> str:
        """The second part of the address, or ""."""
        return self.path.partition("/")[2]


def requests(bundle: Resource, most: int) -> list[Request]:
    """The entries in order. Raises `TooLarge`, `InvalidInput`, `NotSupported`."""
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        raise InvalidInput("The entries of a bundle are a list.", where="Bundle.entry")
    if len(listed) > most:
        raise TooLarge(
            f"The bundle has {len(listed)} entries.",
            rule=f"at most {most} (setting max_bundle_entries)",
            next_step="Send it in several parts, or import it with `mihub site import`.",
        )
    return [_request(number, entry) for number, entry in enumerate(listed)]


@contextmanager
def at(number: int) -> Iterator[None]:
    """An error inside names this entry."""
    try:
        yield
    except MihubError as error:
        error.where = f"Bundle.entry[{number}]{f', {error.where}' if error.where else ''}"
        raise


def _request(number: int, entry: object) -> Request:
    with at(number):
        asked = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(asked, dict):
            raise InvalidInput(
                "The entry says no request.", where="request", rule="request.method and request.url"
            )
        method, url = asked.get("method"), asked.get("url")
        if method not in METHODS or not isinstance(url, str):
            raise NotSupported("The entry asks with a method that is not known.", where="request.method")
        request = _parsed(number, method, url, asked, entry)
        _check(request)
        return request


def _parsed(number: int, method: str, url: str, asked: Json, entry: Json) -> Request:
    path, _, query = url.lstrip("/").partition("?")
    resource, full_url = entry.get("resource"), entry.get("fullUrl")
    return Request(
        number,
        method,
        path,
        query,
        resource if isinstance(resource, dict) else None,
        full_url if isinstance(full_url, str) else "",
        asked.get("ifMatch") if isinstance(asked.get("ifMatch"), str) else None,
        asked["ifNoneExist"] if isinstance(asked.get("ifNoneExist"), str) else "",
    )


def _check(request: Request) -> None:
    if request.method in ("GET", "HEAD") and request.path == "_history":
        return
    if request.resource_type not in RESOURCE_TYPES:
        raise InvalidInput("The entry's address names no resource type.", where="request.url")
    if request.method in ("GET", "HEAD"):
        return
    if request.id and not ID.fullmatch(request.id):
        raise InvalidInput("The entry's address names no valid id.", where="request.url")
    if request.method == "DELETE":
        if not request.id and not request.query:
            raise InvalidInput("A DELETE names an id or a condition.", where="request.url")
        return
    if request.method == "PATCH":
        _check_patch(request)
        return
    if request.resource is None or request.resource.get("resourceType") != request.resource_type:
        raise InvalidInput(
            "The entry's resource is missing or of another type than its address.", where="resource"
        )
    if request.method == "POST" and request.path != request.resource_type:
        raise InvalidInput("A POST names the type only.", where="request.url")
    if request.method == "PUT" and not request.id and not request.query:
        raise InvalidInput("A PUT names an id or a condition.", where="request.url")
    if request.method == "PUT" and request.id and request.resource.get("id") != request.id:
        raise InvalidInput("The id in the address and in the resource differ.", where="resource.id")


def _check_patch(request: Request) -> None:
    if request.resource is None or request.resource.get("resourceType") not in ("Parameters", "Binary"):
        raise InvalidInput(
            "The entry holds no patch.",
            where="resource",
            rule="Parameters (FHIRPath Patch) or a Binary with a JSON Patch",
        )
    if not request.id and not request.query:
        raise InvalidInput("A PATCH names an id or a condition.", where="request.url")
