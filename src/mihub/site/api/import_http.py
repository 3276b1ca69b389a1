"""The addresses of bulk import: kick-off, status, refused lines, and files sent into the import folder.

`app` mounts these before its own. Below: `imports`, `whole_answers`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mihub.errors import InvalidInput, MihubError, StorageFull
from mihub.site.api import body, imports
from mihub.site.api.call import Call
from mihub.site.api.export_http import ndjson_file
from mihub.site.api.whole_answers import NO_STORE, Addresses, BaseOf, ReadBody, answered, refused
from mihub.site.site import Site

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.ndjson(\.gz)?", re.ASCII)
_SPARE_BYTES: Final = 256 * 1024 * 1024


def routes(site: Site, read_body: ReadBody, base_of: BaseOf) -> list[Route]:
    """All addresses of bulk import."""
    jobs = imports.imports_of(site)
    at = Addresses(site, read_body, base_of).at

    def kick_off(call: Call, request: Request, data: bytes) -> Response:
        given = body.resource(data, call.site.settings.max_json_depth)
        return answered(imports.kick_off(call, given, f"{call.base}/$import", jobs))

    def status(call: Call, request: Request, data: bytes) -> Response:
        name = str(request.path_params["import"])
        if request.method == "DELETE":
            jobs.cancel(name, call.access)
            return answered((202, {}, None))
        return answered(imports.status(call, name, jobs), "application/json")

    def file(call: Call, request: Request, data: bytes) -> Response:
        path = imports.error_file(
            call, str(request.path_params["import"]), str(request.path_params["name"]), jobs
        )
        return ndjson_file(
            path, request.headers.get("accept-encoding", ""), ranged="range" in request.headers
        )

    async def upload(request: Request) -> Response:
        try:
            access = await run_in_threadpool(site.gate.authenticate, request.headers.get("authorization"))
            await run_in_threadpool(imports.check_may, Call(site, access, ""))
            name = str(request.path_params["name"])
            new = await _kept(request, imports.folder_of(site), name)
            return Response(status_code=201 if new else 200, headers=NO_STORE)
        except MihubError as error:
            return refused(error)

    return [
        at("/$import", kick_off, "POST"),
        at(f"/{imports.ADDRESS}/{{import}}", status, "GET", "DELETE"),
        at(f"/{imports.ADDRESS}/{{import}}/files/{{name}}", file, "GET"),
        Route("/$import-files/{name}", upload, methods=["PUT"]),
    ]


async def _kept(request: Request, folder: Path, name: str) -> bool:
    """Whether the file is new. It is in the folder once it is whole, or not at all."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "The name can not be the name of a file to import.",
            rule="letters, digits, dot, underscore, hyphen; ends in .ndjson or .ndjson.gz",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{name}.{secrets.token_hex(6)}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            async for chunk in request.stream():
                if shutil.disk_usage(folder).free < _SPARE_BYTES:
                    raise _full()
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        new = not (folder / name).exists()
        part.replace(folder / name)
    except OSError as error:
        raise _full() from error
    finally:
        part.unlink(missing_ok=True)
    return new


def _full() -> StorageFull:
    return StorageFull("The file could not be kept.", next_step="Free disk space, then send it again.")
