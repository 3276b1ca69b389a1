"""The addresses of views: which request becomes which action, and how its answer travels.

`app` mounts these before its own, which would take `ViewDefinition/$run` for a resource with an odd id. Below: `views`,
`views_export`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from mihub.core.policy.rules import Action
from mihub.site.api import body, views_export
from mihub.site.api.call import Call
from mihub.site.api.views import Runs, records_of
from mihub.site.api.whole_answers import NO_STORE, Addresses, BaseOf, ReadBody, answered
from mihub.site.site import Site
from mihub.site.views.exports import Exports
from mihub.site.views.formats import named
from mihub.site.views.request import Asked, export_asked, of_parameters, run_asked

FOLDER = "exports"
RUN_NAMES = ("$viewdefinition-run", "$run", "$sql-run")
EXPORT_NAMES = ("$viewdefinition-export", "$export", "$sql-export")


def exports_of(site: Site) -> Exports:
    """The exports in the site's folder. Any process may hold one; only one at a time works on them."""
    exports = Exports(
        site.settings.data_dir / FOLDER,
        records_of(site),
        lambda access: site.gate.restriction(access, Action.EXPORT),
    )
    site.background[FOLDER] = exports.jobs
    return exports


def routes(site: Site, read_body: ReadBody, base_of: BaseOf) -> list[Route]:
    """All addresses of views."""
    runs, exports = Runs(site), exports_of(site)
    at = Addresses(site, read_body, base_of).at

    def run(call: Call, request: Request, data: bytes) -> Response:
        asked = run_asked(_given(call, request, data), reference=_instance(request))
        found = runs.run(call, asked, request.headers.get("accept", ""))
        return StreamingResponse(found.pieces, 200, NO_STORE, found.media)

    def export(call: Call, request: Request, data: bytes) -> Response:
        asked: Asked = export_asked(_given(call, request, data), reference=_instance(request))
        return answered(views_export.kick_off(call, asked, exports))

    def status(call: Call, request: Request, data: bytes) -> Response:
        step = views_export.cancel if request.method == "DELETE" else views_export.status
        return answered(step(call, _id(request), exports))

    def result(call: Call, request: Request, data: bytes) -> Response:
        return answered(views_export.result(call, _id(request), exports))

    def file(call: Call, request: Request, data: bytes) -> Response:
        path, job = exports.file(_id(request), str(request.path_params["name"]), call.access)
        return FileResponse(
            path, headers=NO_STORE, media_type=named(job.asked["form"]).media, filename=path.name
        )

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
