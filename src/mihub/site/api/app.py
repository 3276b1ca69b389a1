"""The FHIR REST API of a site as a Starlette application under /fhir.

Each request: proof -> access -> interaction in a thread -> reply. Every error leaves as an OperationOutcome;
an unforeseen one says nothing of its content. Above: `apps` mounts it. Below: one file per interaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from mihub.core.fhir import Resource
from mihub.errors import InvalidInput, MihubError, NotFound, Unauthenticated
from mihub.site.api import (
    body,
    bundles,
    bundles_http,
    export_http,
    formats,
    import_http,
    search_wide,
    subscriptions,
    subscriptions_socket,
    terminology,
    views_http,
)
from mihub.site.api.audit_events import audit_events
from mihub.site.api.batch import bundle
from mihub.site.api.call import Call
from mihub.site.api.create import create
from mihub.site.api.delete import delete, delete_conditional
from mihub.site.api.everything import everything
from mihub.site.api.faults import NotAllowed, UnknownMedia
from mihub.site.api.graphql import graphql
from mihub.site.api.history import history
from mihub.site.api.meta import change_meta, meta
from mihub.site.api.metadata import metadata
from mihub.site.api.page_link import Parameters
from mihub.site.api.patch import JSON_PATCH, patch, patch_conditional
from mihub.site.api.read import read
from mihub.site.api.reply import FHIR_JSON, Reply, document, failure, unless_known
from mihub.site.api.search_type import search_type
from mihub.site.api.terminology_metadata import terminology_capabilities
from mihub.site.api.update import update, update_conditional
from mihub.site.api.validate import validate
from mihub.site.api.vread import vread
from mihub.site.jobs.jobs import Jobs
from mihub.site.quarantine.told import language_of
from mihub.site.site import Site

# What an address does once the request is read: path parameters and headers come with the request.
_Work = Callable[[Call, Request, bytes], Reply]
_Endpoint = Callable[[Request], Awaitable[Response]]

_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_FORM = "application/x-www-form-urlencoded"


def create_app(site: Site) -> Starlette:
    """The application; it does not close the site."""
    jobs = bundles.bundles_of(site)
    works: list[tuple[str, dict[str, _Work]]] = [
        ("/", {"POST": lambda call, request, data: _bundle(call, data, jobs)}),
        ("/AuditEvent", {"GET": lambda call, request, data: audit_events(call, _query(request))}),
        (
            "/AuditEvent/_search",
            {"POST": lambda call, request, data: audit_events(call, _form(request, data))},
        ),
        *search_wide.over_types(),
        *terminology.works(),
        *subscriptions.works(),
        ("/$validate", {"POST": _validate}),
        ("/{type}/$validate", {"POST": _validate}),
        ("/{type}/{id}/$validate", {"GET": _validate, "POST": _validate}),
        ("/Patient/{id}/$everything", {"GET": _everything}),
        ("/$graphql", {"GET": _graphql, "POST": _graphql}),
        ("/{type}/{id}/$graphql", {"GET": _graphql, "POST": _graphql}),
        ("/_history", {"GET": _history}),
        ("/$meta", {"GET": _meta}),
        ("/{type}/$meta", {"GET": _meta}),
        ("/{type}/{id}/$meta", {"GET": _meta}),
        ("/{type}/{id}/$meta-add", {"POST": _meta_add}),
        ("/{type}/{id}/$meta-delete", {"POST": _meta_delete}),
        ("/{type}/{id}/_history/{version}/$meta", {"GET": _meta}),
        (
            "/{type}",
            {
                "GET": _search,
                "POST": _create,
                "PUT": _update_conditional,
                "PATCH": _patch_conditional,
                "DELETE": _delete_conditional,
            },
        ),
        ("/{type}/_search", {"POST": _search_form}),
        ("/{type}/_history", {"GET": _history}),
        ("/{type}/{id}", {"GET": _read, "PUT": _update, "PATCH": _patch, "DELETE": _delete}),
        ("/{type}/{id}/_history", {"GET": _history}),
        ("/{type}/{id}/_history/{version}", {"GET": _vread}),
    ]
    routes: list[BaseRoute] = [Route("/metadata", _open_metadata(site), methods=["GET"])]
    # Opened here, so that what is written through the API is checked from the first request on.
    if site.subscriptions is not None:
        socket = subscriptions_socket.endpoint(site, lambda websocket: _base(site, websocket))
        routes.append(WebSocketRoute(subscriptions.SOCKET, socket))
    works += search_wide.in_compartments()
    # Before the others, which would take an operation for a resource with an odd id.
    routes += views_http.routes(site, _read_body, _base)
    routes += export_http.routes(site, _read_body, _base)
    routes += import_http.routes(site, _read_body, _base)
    routes += bundles_http.routes(site, jobs, _read_body, _base)
    routes += [Route(path, _endpoint(site, by_method), methods=list(by_method)) for path, by_method in works]
    # [base] is asked with and without the slash.
    at_root = {method: work for path, by_method in works if path == "/" for method, work in by_method.items()}
    routes_at_root = [Route("/fhir", _endpoint(site, at_root), methods=list(at_root))]
    return Starlette(
        routes=[*routes_at_root, Mount("/fhir", routes=routes)],
        exception_handlers={HTTPException: _http_error, Exception: _unforeseen},
    )


def _endpoint(site: Site, works: dict[str, _Work]) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        base, media, fault = _base(site, request), FHIR_JSON, None
        language = language_of(request.headers.get("accept-language", ""))
        try:
            # The proof comes before the body: who is unknown can not make us read anything.
            header = request.headers.get("authorization")
            access = site.gate.known(header)
            if access is None:
                access = await run_in_threadpool(site.gate.authenticate, header)
            media = _media(request)
            data = await _read_body(request, site.settings.max_body_bytes)
            call = Call(site, access, base, request.headers.get("prefer", ""), language, data)
            reply = await run_in_threadpool(works[_method(request)], call, request, data)
            if _method(request) == "GET":
                headers = request.headers
                reply = unless_known(reply, headers.get("if-none-match"), headers.get("if-modified-since"))
        except MihubError as error:
            reply, fault = failure(error, language), error
        return await _response(reply, base, media, fault)

    return endpoint


def _open_metadata(site: Site) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        base = _base(site, request)
        try:
            of_terminology = request.query_params.get("mode") == "terminology"
            described = terminology_capabilities if of_terminology else metadata
            return await _response(await run_in_threadpool(described, site, base), base, _media(request))
        except MihubError as error:
            return await _response(failure(error), base, FHIR_JSON)

    return endpoint


def _media(request: Request) -> str:
    return formats.wanted(request.query_params.get("_format"), request.headers.get("accept"))


async def _read_body(request: Request, limit: int) -> bytes:
    if request.method not in _BODY_METHODS:
        return b""
    media = request.headers.get("content-type")
    if request.url.path.endswith("/_search"):
        if (media or _FORM).partition(";")[0].strip().lower() != _FORM:
            raise UnknownMedia("A search is posted as a form.", next_step=f"Send Content-Type: {_FORM}.")
    elif not (request.method == "PATCH" and (media or "").partition(";")[0].strip().lower() == JSON_PATCH):
        body.check_media(media)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise body.too_large(limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise body.too_large(limit)
    if formats.is_xml(media):
        return await run_in_threadpool(formats.json_of, bytes(data))
    return bytes(data)


async def _response(reply: Reply, base: str, media: str, error: MihubError | None = None) -> Response:
    headers = reply.headers(base)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if reply.body is None:
        return Response(None, reply.status, headers)
    if reply.media:
        return Response(reply.body, reply.status, headers, reply.media)
    content = reply.body if media == FHIR_JSON else await run_in_threadpool(formats.xml_of, reply.body)
    return Response(content, reply.status, headers, media)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    ours = (
        NotAllowed("This address does not take this method.")
        if status == 405
        else NotFound("There is no such address.")
    )
    return await _response(failure(ours), "", FHIR_JSON)


async def _unforeseen(request: Request, error: Exception) -> Response:
    ours = MihubError(
        "Something went wrong inside this site.", next_step="Try again; if it stays, tell the operator."
    )
    return await _response(failure(ours), "", FHIR_JSON)


def _base(site: Site, request: Request | WebSocket) -> str:
    # A websocket's own scheme is ws.
    scheme = request.url.scheme.replace("ws", "http", 1)
    return site.settings.base_url.rstrip("/") or f"{scheme}://{request.url.netloc}/fhir"


def _method(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def _query(request: Request) -> Parameters:
    return request.query_params.multi_items()


def _form(request: Request, data: bytes) -> Parameters:
    text = data.decode("utf-8", errors="replace")
    return _query(request) + parse_qsl(text, keep_blank_values=True)


def _resource(call: Call, data: bytes) -> Resource:
    return body.resource(data, call.site.settings.max_json_depth)


def _bundle(call: Call, data: bytes, jobs: Jobs) -> Reply:
    given = _resource(call, data)
    if "respond-async" in call.prefer:
        return bundles.kick_off(call, given, jobs)
    return document(bundle(call, given))


def _type(request: Request) -> str:
    return str(request.path_params["type"])


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _search(call: Call, request: Request, data: bytes) -> Reply:
    return search_type(call, _type(request), _query(request))


def _search_form(call: Call, request: Request, data: bytes) -> Reply:
    return search_type(call, _type(request), _form(request, data))


def _everything(call: Call, request: Request, data: bytes) -> Reply:
    return everything(call, _id(request), _query(request))


def _validate(call: Call, request: Request, data: bytes) -> Reply:
    path = request.path_params
    given = _resource(call, data) if data else None
    return validate(call, given, _query(request), path.get("type", ""), path.get("id", ""))


def _read(call: Call, request: Request, data: bytes) -> Reply:
    return read(call, _type(request), _id(request))


def _history(call: Call, request: Request, data: bytes) -> Reply:
    path = request.path_params
    return history(call, _query(request), path.get("type", ""), path.get("id", ""))


def _meta(call: Call, request: Request, data: bytes) -> Reply:
    path = request.path_params
    return meta(call, path.get("type", ""), path.get("id", ""), path.get("version", ""))


def _meta_add(call: Call, request: Request, data: bytes) -> Reply:
    return change_meta(call, _type(request), _id(request), _resource(call, data), add=True)


def _meta_delete(call: Call, request: Request, data: bytes) -> Reply:
    return change_meta(call, _type(request), _id(request), _resource(call, data), add=False)


def _vread(call: Call, request: Request, data: bytes) -> Reply:
    return vread(call, _type(request), _id(request), str(request.path_params["version"]))


def _create(call: Call, request: Request, data: bytes) -> Reply:
    condition = request.headers.get("if-none-exist", "")
    return create(call, _type(request), _resource(call, data), condition)


def _update(call: Call, request: Request, data: bytes) -> Reply:
    if_match = request.headers.get("if-match")
    return update(call, _type(request), _id(request), _resource(call, data), if_match)


def _update_conditional(call: Call, request: Request, data: bytes) -> Reply:
    if_match = request.headers.get("if-match")
    return update_conditional(call, _type(request), request.url.query, _resource(call, data), if_match)


def _patch(call: Call, request: Request, data: bytes) -> Reply:
    instructions = body.json(data, call.site.settings.max_json_depth)
    return patch(call, _type(request), _id(request), instructions, request.headers.get("if-match"))


def _patch_conditional(call: Call, request: Request, data: bytes) -> Reply:
    instructions = body.json(data, call.site.settings.max_json_depth)
    return patch_conditional(
        call, _type(request), request.url.query, instructions, request.headers.get("if-match")
    )


def _graphql(call: Call, request: Request, data: bytes) -> Reply:
    asked = body.json(data, call.site.settings.max_json_depth) if data else dict(request.query_params)
    if not isinstance(asked, dict):
        raise InvalidInput("There is no query.", rule="a JSON object with query")
    return graphql(call, asked, request.path_params.get("type", ""), request.path_params.get("id", ""))


def _delete_conditional(call: Call, request: Request, data: bytes) -> Reply:
    return delete_conditional(call, _type(request), request.url.query, request.headers.get("if-match"))


def _delete(call: Call, request: Request, data: bytes) -> Reply:
    return delete(call, _type(request), _id(request), request.headers.get("if-match"))
