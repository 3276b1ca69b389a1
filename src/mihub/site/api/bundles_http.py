"""Where the answer to a bundle in the background is fetched. `app` mounts these before its own. Below: `bundles`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mihub.site.api import bundles
from mihub.site.api.call import Call
from mihub.site.api.reply import FHIR_JSON
from mihub.site.api.whole_answers import NO_STORE, Addresses, BaseOf, ReadBody, answered
from mihub.site.jobs.jobs import Jobs
from mihub.site.site import Site


def routes(site: Site, jobs: Jobs, read_body: ReadBody, base_of: BaseOf) -> list[Route]:
    """The address of one bundle's state, answer and end."""

    def status(call: Call, request: Request, data: bytes) -> Response:
        name = str(request.path_params["bundle"])
        if request.method == "DELETE":
            jobs.cancel(name, call.access)
            return answered((202, {}, None))
        found = bundles.status(call, name, jobs)
        if len(found) == 3:
            return answered(found)
        path, job = found
        return FileResponse(path, headers={**NO_STORE, **bundles.expiry(job)}, media_type=FHIR_JSON)

    return [Addresses(site, read_body, base_of).at(f"/{bundles.ADDRESS}/{{bundle}}", status, "GET", "DELETE")]
