"""The terminology operations over HTTP: $expand, $lookup, $validate-code, $subsumes, $translate, $closure, $versions.

Any signed-in actor may ask: no answer holds anything of a patient, and code lists are the site's. What comes in by address or by
body becomes Parameters; `site.terminology` does the rest. Source: https://hl7.org/fhir/R4/terminology-service.html.
Above: `app`. Below: `site.terminology.terminology`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import orjson
from starlette.requests import Request

from mihub.core.fhir import Json, Resource
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput
from mihub.site.api import body
from mihub.site.api.call import Call
from mihub.site.api.read import present
from mihub.site.api.reply import Reply, document
from mihub.site.terminology.issues import Refused

_Work = Callable[[Call, Request, bytes], Reply]

# Address, the service's method, what a resource of this type that is named by its id is called in the request.
OPERATIONS: Final = (
    ("ValueSet", "$expand", "expand", "valueSet"),
    ("ValueSet", "$validate-code", "validate_code", "valueSet"),
    ("CodeSystem", "$lookup", "lookup", ""),
    ("CodeSystem", "$validate-code", "validate_code_in_system", "codeSystem"),
    ("CodeSystem", "$subsumes", "subsumes", ""),
    ("ConceptMap", "$translate", "translate", "conceptMap"),
    ("ConceptMap", "$closure", "closure", ""),
    ("ValueSet", "$batch-validate-code", "batch_validate_code", ""),
)
_SYSTEM_WIDE: Final = (("$closure", "closure"), ("$batch-validate-code", "batch_validate_code"))
# How the values of an address are meant; every other one is text.
_KINDS: Final = {
    "url": "valueUri",
    "system": "valueUri",
    "code": "valueCode",
    "count": "valueInteger",
    "offset": "valueInteger",
}
_TRANSPORT: Final = frozenset({"_format", "_pretty", "_summary", "_elements"})


def works() -> list[tuple[str, dict[str, _Work]]]:
    """Every address with what it does; they stand before those of single resources."""
    found: list[tuple[str, dict[str, _Work]]] = [("/$versions", {"GET": _versions, "POST": _versions})]
    for name, method in _SYSTEM_WIDE:
        found.append((f"/{name}", {"POST": _work(method)}))
    for resource_type, name, method, given_as in OPERATIONS:
        work = _work(method)
        found.append((f"/{resource_type}/{name}", {"GET": work, "POST": work}))
        if given_as:
            of_one = _work(method, resource_type, given_as)
            found.append((f"/{resource_type}/{{id}}/{name}", {"GET": of_one, "POST": of_one}))
    return found


def _work(method: str, resource_type: str = "", given_as: str = "") -> _Work:
    def work(call: Call, request: Request, data: bytes) -> Reply:
        parameters = _parameters(call, request, data)
        if given_as:
            stored = _stored(call, resource_type, str(request.path_params["id"]))
            parameters["parameter"].append({"name": given_as, "resource": stored})
        operation = getattr(call.site.terminology, method)
        try:
            return document(operation(parameters, accept_language=_language(request)))
        except Refused as error:
            return document(error.outcome(), error.status)

    return work


def _versions(call: Call, request: Request, data: bytes) -> Reply:
    """Which FHIR versions are spoken here: one."""
    parameters = [{"name": "version", "valueString": "4.0"}, {"name": "default", "valueString": "4.0"}]
    return document({"resourceType": "Parameters", "parameter": parameters})


def _language(request: Request) -> str:
    """The header counts only where a person's client says a language; `*` says none."""
    header = request.headers.get("accept-language", "")
    return "" if header.strip() == "*" else header


def _stored(call: Call, resource_type: str, resource_id: str) -> Resource:
    """A resource of the site's record. Raises `NotFound`, also for who may not see it."""
    version = call.site.store.read(resource_type, resource_id, call.access, call.within(Action.READ))
    resource: Resource = orjson.loads(present(version, resource_type).body or b"{}")
    return resource


def _parameters(call: Call, request: Request, data: bytes) -> Resource:
    found = list(_of_address(request))
    if data:
        found += _of_body(body.resource(data, call.site.settings.max_json_depth))
    return {"resourceType": "Parameters", "parameter": found}


def _of_address(request: Request) -> Iterator[Json]:
    for name, text in request.query_params.multi_items():
        if name in _TRANSPORT:
            continue
        if name in ("coding", "codeableConcept", "valueSet", "codeSystem", "conceptMap", "tx-resource"):
            raise InvalidInput(
                "This parameter does not fit into an address.",
                where=name,
                next_step="Send Parameters by POST.",
            )
        kind = _KINDS.get(name, "valueString")
        value: str | int = text
        if kind == "valueInteger":
            if not text.isdecimal() or len(text) > 9:
                raise InvalidInput(
                    "A number of the request can not be read.", where=name, rule="a number from 0 on"
                )
            value = int(text)
        yield {"name": name, kind: value}


def _of_body(resource: Resource) -> list[Json]:
    """Parameters, or the bare resource the operation is about."""
    kind = resource.get("resourceType")
    if kind == "Parameters":
        given = resource.get("parameter") or []
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise InvalidInput("The parameters are not a list of objects.", where="Parameters.parameter")
        return given
    names = {"ValueSet": "valueSet", "CodeSystem": "codeSystem", "ConceptMap": "conceptMap"}
    if kind in names:
        return [{"name": names[kind], "resource": resource}]
    raise InvalidInput(
        "This operation takes Parameters.", where="resourceType", next_step="Send a Parameters resource."
    )
