"""The addresses of bulk export, and how its files travel: whole, in parts, or gzipped on the way.

`app` mounts these before its own. Below: `export`, `whole_answers`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from mihub.errors import NotFound
from mihub.site.api import body, export
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type
from mihub.site.api.whole_answers import NO_STORE, Addresses, BaseOf, ReadBody, answered
from mihub.site.export.request import read
from mihub.site.export.wish import Level
from mihub.site.site import Site
from mihub.site.views.request import of_parameters

_BLOCK_BYTES: Final = 256 * 1024
# Level 1 halves the time of level 6 for a tenth more bytes.
_ZIP_LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS


def routes(site: Site, read_body: ReadBody, base_of: BaseOf) -> list[Route]:
    """All addresses of bulk export."""
    if site.pool is None:
        return []
    exports = export.exports_of(site)
    at = Addresses(site, read_body, base_of).at

    def kick_off(call: Call, request: Request, data: bytes) -> Response:
        asked = read(_given(call, request, data), lenient=call.lenient)
        level, group = _level(request)
        address = f"{call.base}{request.url.path.partition('/fhir')[2]}"
        query = f"?{request.url.query}" if request.url.query else ""
        return answered(export.kick_off(call, asked, level, group, address + query, exports))

    def status(call: Call, request: Request, data: bytes) -> Response:
        step = export.cancel if request.method == "DELETE" else export.status
        return answered(step(call, str(request.path_params["export"]), exports), "application/json")

    def file(call: Call, request: Request, data: bytes) -> Response:
        path, found = exports.file(
            str(request.path_params["export"]), str(request.path_params["name"]), call.access
        )
        if request.method != "HEAD":
            export.note_download(call, found)
        return ndjson_file(
            path, request.headers.get("accept-encoding", ""), ranged="range" in request.headers
        )

    return [
        at("/$export", kick_off, "GET", "POST"),
        at("/{type}/$export", kick_off, "GET", "POST"),
        at("/Group/{id}/$export", kick_off, "GET", "POST"),
        at(f"/{export.ADDRESS}/{{export}}", status, "GET", "DELETE"),
        at(f"/{export.ADDRESS}/{{export}}/files/{{name}}", file, "GET"),
    ]


def ndjson_file(path: Path, accept_encoding: str, *, ranged: bool = False) -> Response:
    """A file of lines as an answer. A part of it (`Range`) is always sent as it lies on the disk."""
    headers = {**NO_STORE, "Vary": "Accept-Encoding"}
    if not ranged and _takes_gzip(accept_encoding):
        headers["Content-Encoding"] = "gzip"
        return StreamingResponse(_zipped(path), 200, headers, export.NDJSON)
    return FileResponse(path, headers=headers, media_type=export.NDJSON, filename=path.name)


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() in ("gzip", "*") and weight.replace(" ", "") not in (
            "q=0",
            "q=0.0",
            "q=0.00",
            "q=0.000",
        ):
            return True
    return False


def _zipped(path: Path) -> Iterator[bytes]:
    packer = zlib.compressobj(_ZIP_LEVEL, zlib.DEFLATED, _GZIP)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield packer.compress(block)
    yield packer.flush()


def _level(request: Request) -> tuple[Level, str]:
    if "id" in request.path_params:
        return "group", str(request.path_params["id"])
    kind = request.path_params.get("type")
    if kind is None:
        return "system", ""
    if known_type(str(kind)) != "Patient":
        raise NotFound(
            "There is no $export of this type.",
            rule="Bulk Data Access: [base], Patient or Group/[id]",
            next_step="Name the type in _type.",
        )
    return "patient", ""


def _given(call: Call, request: Request, data: bytes) -> list[tuple[str, Any]]:
    given: list[tuple[str, Any]] = list(request.query_params.multi_items())
    if request.method == "POST" and data:
        given += of_parameters(body.resource(data, call.site.settings.max_json_depth))
    return given
