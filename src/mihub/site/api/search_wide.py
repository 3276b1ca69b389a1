"""search over types, GET [base]?_type=..., and inside a compartment, GET [base]/Patient/[id]/Observation?... or /*.

Source: https://hl7.org/fhir/R4/http.html#search, compartmentdefinition.html. Below: `search_type`.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.errors import NotFound
from mihub.site.api.call import Call
from mihub.site.api.page_link import Parameters
from mihub.site.api.reply import Reply
from mihub.site.api.search_type import search
from mihub.site.search.catalogue import ANY_TYPE

Work = Callable[[Call, Request, bytes], Reply]


def search_system(call: Call, parameters: Parameters) -> Reply:
    """A page of all types, or of those that `_type` names. Raises as `search_type` does."""
    return search(
        call,
        "",
        parameters,
        lambda asked: call.site.parser.parse(ANY_TYPE, asked, lenient=call.lenient),
    )


def search_compartment(call: Call, owner: str, owner_id: str, wanted: str, parameters: Parameters) -> Reply:
    """A page of what is in one compartment: one type, or `*` for all. Raises `NotFound` for another address."""
    if owner not in RESOURCE_TYPES or not (wanted == ANY_TYPE or wanted in RESOURCE_TYPES):
        raise NotFound("There is no such address.")
    return search(
        call,
        f"{owner}/{owner_id}/{wanted}",
        parameters,
        lambda asked: call.site.parser.parse(
            wanted, asked, lenient=call.lenient, compartment=(owner, owner_id)
        ),
    )


def over_types() -> list[tuple[str, dict[str, Work]]]:
    """Address and method to work; before those of one type."""
    return [
        ("/", {"GET": lambda call, request, data: search_system(call, _query(request))}),
        ("/_search", {"POST": lambda call, request, data: search_system(call, _form(request, data))}),
    ]


def in_compartments() -> list[tuple[str, dict[str, Work]]]:
    """Address and method to work; after all others."""
    return [
        ("/{owner}/{id}/{wanted}", {"GET": _compartment}),
        ("/{owner}/{id}/{wanted}/_search", {"POST": _compartment_form}),
    ]


def _compartment(call: Call, request: Request, data: bytes) -> Reply:
    return search_compartment(call, *_place(request), _query(request))


def _compartment_form(call: Call, request: Request, data: bytes) -> Reply:
    return search_compartment(call, *_place(request), _form(request, data))


def _place(request: Request) -> tuple[str, str, str]:
    path = request.path_params
    return str(path["owner"]), str(path["id"]), str(path["wanted"])


def _query(request: Request) -> Parameters:
    return request.query_params.multi_items()


def _form(request: Request, data: bytes) -> Parameters:
    return _query(request) + parse_qsl(data.decode("utf-8", errors="replace"), keep_blank_values=True)
