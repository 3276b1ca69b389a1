"""The addresses of views: which request becomes which action, and how its answer travels.

`app` mounts these before its own, which would take `ViewDefinition/$run` for a resource with an odd id. Below: `views`,
`views_export`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from mihub.core.policy.rules import Action
from mihub.errors import MihubError, Unauthenticated
from mihub.site.api import body, views_export
from mihub.site.api.call import Call
from mihub.site.api.reply import FHIR_JSON, failure
from mihub.site.api.views import Runs, records_of
from mihub.site.site import Site
from mihub.site.views.exports import Exports
from mihub.site.views.formats import named
from mihub.site.views.request import Asked, export_asked, of_parameters, run_asked

FOLDER = "exports"
RUN_NAMES = ("$viewdefinition-run", "$run", "$sql-run")
EXPORT_NAMES = ("$viewdefinition-export", "$export", "$sql-export")
_ReadBody = Callable[[Request, int], Awaitable[bytes]]
_Work = Callable[[Call, Request, bytes], Response]
_NO_STORE = {"Cache-Control": "no-store"}


def exports_of(site: Site) -> Exports:
    """The exports in the site's folder. Any process may hold one; only one at a time works on them."""
    exports = Exports(
        site.settings.data_dir / FOLDER,
        records_of(site),
        lambda access: site.gate.restriction(access, Action.EXPORT),
    )
    site.background[FOLDER] = exports.jobs
    return exports


def routes(site: Site, read_body: _ReadBody, base_of: Callable[[Site, Request], str]) -> list[Route]:
    """All addresses of views."""
    runs, exports = Runs(site), exports_of(site)

    def run(call: Call, request: Request, data: bytes) -> Response:
        asked = run_asked(_given(call, request, data), reference=_instance(request))
        found = runs.run(call, asked, request.headers.get("accept", ""))
        return StreamingResponse(found.pieces, 200, _NO_STORE, found.media)

    def export(call: Call, request: Request, data: bytes) -> Response:
        asked: Asked = export_asked(_given(call, request, data), reference=_instance(request))
        return _answer(views_export.kick_off(call, asked, exports))

    def status(call: Call, request: Request, data: bytes) -> Response:
        step = views_export.cancel if request.method == "DELETE" else views_export.status
        return _answer(step(call, _id(request), exports))

    def result(call: Call, request: Request, data: bytes) -> Response:
        return _answer(views_export.result(call, _id(request), exports))

    def file(call: Call, request: Request, data: bytes) -> Response:
        path, job = exports.file(_id(request), str(request.path_params["name"]), call.access)
        return FileResponse(path, headers=_NO_STORE, media_type=named(job.asked["form"]).media, filename=path.name)

    def at(path: str, work: _Work, *methods: str) -> Route:
        return Route(path, _endpoint(site, work, read_body, base_of), methods=list(methods))

    begin = f"/{views_export.ADDRESS}/{{export}}"
    found = [
        at(begin, status, "GET", "DELETE"),
        at(f"{begin}/result", result, "GET"),
        at(f"{begin}/files/{{name}}", file, "GET"),
    ]
    for name in RUN_NAMES:
        # $run stands for views at the type only; at the system it is nobody's.
        places = ["/ViewDefinition/{name}", "/ViewDefinition/{{id}}/{name}"]
        places += [] if name == "$run" else ["/{name}"]
        found += [at(place.format(name=name), run, "GET", "POST") for place in places]
    for name in EXPORT_NAMES:
        places = ["/ViewDefinition/{name}", "/ViewDefinition/{{id}}/{name}"]
        places += [] if name == "$export" else ["/{name}"]
        found += [at(place.format(name=name), export, "POST") for place in places]
    return found


def _endpoint(
    site: Site, work: _Work, read_body: _ReadBody, base_of: Callable[[Site, Request], str]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            access = await run_in_threadpool(site.gate.authenticate, request.headers.get("authorization"))
            data = await read_body(request, site.settings.max_body_bytes)
            call = Call(site, access, base_of(site, request), request.headers.get("prefer", ""))
            return await run_in_threadpool(work, call, request, data)
        except MihubError as error:
            reply = failure(error)
            headers = dict(_NO_STORE)
            if isinstance(error, Unauthenticated):
                headers["WWW-Authenticate"] = "Bearer"
            return Response(reply.body, reply.status, headers, FHIR_JSON)

    return endpoint


def _given(call: Call, request: Request, data: bytes) -> list[tuple[str, Any]]:
    """The parameters of the query and of the body. A bare ViewDefinition is taken for the view itself."""
    given: list[tuple[str, Any]] = list(request.query_params.multi_items())
    if request.method != "POST" or not data:
        return given
    resource = body.resource(data, call.site.settings.max_json_depth)
    if resource.get("resourceType") == "ViewDefinition":
        return [*given, ("viewResource", resource)]
    return [*given, *of_parameters(resource)]


def _instance(request: Request) -> str:
    name = request.path_params.get("id")
    return f"ViewDefinition/{name}" if name is not None else ""


def _id(request: Request) -> str:
    return str(request.path_params["export"])


def _answer(answer: views_export.Answer) -> Response:
    status, headers, document = answer
    content = None if document is None else orjson.dumps(document)
    return Response(content, status, {**_NO_STORE, **headers}, FHIR_JSON if document is not None else None)
