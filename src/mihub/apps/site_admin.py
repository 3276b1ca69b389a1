"""What a site offers its own engineer over HTTP: import, its reports, an exact count, a status; and the linkage door.

Every request carries a signed access statement and is refused unless it comes from the site's own engineer or programs
(`/admin`), or from a portal's own program that needs a patient's transport id (`/linkage`). No answer holds a patient value.
Above: the admin portal. Below: `site.ingest`, `site.feasibility`, `site.linkage`, `site.access`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mihub.core.policy.actor import Access, Purpose, Role
from mihub.errors import Forbidden, InvalidInput, MihubError, NotFound, TooLarge
from mihub.site.ingest.report import Conformance, ImportReport

if TYPE_CHECKING:
    from mihub.apps.open_site import OpenSite

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
_SAFE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_KEPT_NOTES = 100

Handler = Callable[[Request, "OpenSite", Access], Awaitable[Any]]


def routes(site: OpenSite) -> list[Route]:
    """The routes of one site; mount them beside its FHIR API."""

    def route(path: str, handler: Handler, method: str, allowed: Callable[[Access, OpenSite], bool]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                access = site.authenticate(request)
                if not allowed(access, site):
                    raise Forbidden(
                        "This is for the site's own engineer.",
                        rule="site administration",
                        next_step="Sign in as engineer of this site.",
                    )
                return JSONResponse(
                    await handler(request, site, access), headers={"Cache-Control": "no-store"}
                )
            except MihubError as error:
                return _refusal(error)

        return Route(path, endpoint, methods=[method])

    return [
        route("/admin/status", _status, "GET", _engineer),
        route("/admin/import", _import, "POST", _engineer),
        route("/admin/imports", _imports, "GET", _engineer),
        route("/admin/count", _count, "POST", _engineer),
        route("/linkage/transport-id", _transport_id, "GET", _portal_program),
    ]


def _engineer(access: Access, site: OpenSite) -> bool:
    own = access.actor.organization == site.member
    return (
        own
        and access.actor.role in {Role.SITE_ENGINEER, Role.SYSTEM}
        and access.purpose is not Purpose.RESEARCH
    )


def _portal_program(access: Access, site: OpenSite) -> bool:
    return access.actor.role is Role.SYSTEM and access.purpose is Purpose.RECORD_MANAGEMENT


async def _status(request: Request, site: OpenSite, access: Access) -> Any:
    return await run_in_threadpool(site.status)


async def _imports(request: Request, site: OpenSite, access: Access) -> Any:
    return {"imports": site.imports()}


async def _import(request: Request, site: OpenSite, access: Access) -> Any:
    async with request.form(max_files=20, max_fields=5, max_part_size=MAX_UPLOAD_BYTES) as form:
        files = [value for _, value in form.multi_items() if not isinstance(value, str)]
        if not files:
            raise InvalidInput(
                "No file was sent.", rule="multipart form field 'file'", next_step="Choose a file."
            )
        dry_run = form.get("dry_run") == "true"
        with tempfile.TemporaryDirectory(prefix="mihub-upload-") as folder:
            for number, file in enumerate(files):
                # A folder each, so that two files of one name stay apart and the report shows the sender's names.
                place = Path(folder) / str(number)
                place.mkdir()
                await _keep(
                    file, place / (_SAFE_NAME.sub("_", Path(file.filename or "").name)[:80] or "upload")
                )
            return await run_in_threadpool(_run_import, site, Path(folder), dry_run)


async def _keep(file: UploadFile, target: Path) -> None:
    size = 0
    with target.open("wb") as out:
        while block := await file.read(1 << 20):
            size += len(block)
            if size > MAX_UPLOAD_BYTES:
                raise TooLarge(
                    "The file is too large for an upload.", rule="512 MiB", next_step="Use: mihub site import"
                )
            out.write(block)


def _run_import(site: OpenSite, folder: Path, dry_run: bool) -> Any:
    report = site.upload_importer(lambda name: Path(name).name).run([folder], dry_run=dry_run)
    document = report_document(report, lambda name: Path(name).name)
    if not dry_run:
        site.keep_import(document)
        site.feasibility.refresh()
    if report.stopped is not None:
        raise report.stopped
    return document


def report_document(report: ImportReport, shown: Callable[[str], str] = str) -> dict[str, Any]:
    """The report as JSON; `shown` is how a file's path is written in it."""
    document: dict[str, Any] = orjson.loads(report.to_json())
    notes = [note.as_json() for note in report.notes[:_KEPT_NOTES]]
    for place in [*document["reasons"], *notes]:
        place["file"] = shown(str(place["file"]))
    for told, reason in zip(document["reasons"], report.all_reasons(), strict=True):
        if reason.german[0]:
            told["de"] = {"reason": reason.german[0], "next": reason.german[1]}
    return document | {
        "validation": _validation(report.conformance),
        "quarantined": report.quarantined,
        "notes": notes,
        "dry_run": report.dry_run,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _validation(seen: Conformance) -> dict[str, Any]:
    return {
        "checked": seen.checked,
        "with_errors": seen.with_errors,
        "with_warnings": seen.with_warnings,
        "refused": seen.refused,
        "rules": dict(seen.rules.most_common(10)),
    }


async def _count(request: Request, site: OpenSite, access: Access) -> Any:
    try:
        ccdl = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            "The question is not JSON.", rule="CCDL v2", next_step="Send a CCDL document."
        ) from error
    if not isinstance(ccdl, dict):
        raise InvalidInput(
            "The question is not a JSON object.", rule="CCDL v2", next_step="Send a CCDL document."
        )
    local = await run_in_threadpool(partial(site.feasibility.local_count, ccdl, access=access))
    return local.to_json()


async def _transport_id(request: Request, site: OpenSite, access: Access) -> Any:
    patient = request.query_params.get("patient")
    if patient is None:
        system, _, value = request.query_params.get("identifier", "").partition("|")
        found = await run_in_threadpool(site.find, "Patient", system, value)
        patient = found[0] if len(found) == 1 else None
    if not patient or not await run_in_threadpool(site.holds_patient, patient):
        raise NotFound("There is no such patient for you.", next_step="Open the person from your own list.")
    return {"transport_id": site.transport_id(patient)}


def _refusal(error: MihubError) -> Response:
    body = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": error.issue_code, "diagnostics": str(error)}],
    }
    return JSONResponse(body, error.http_status, media_type="application/fhir+json")


__all__ = ["report_document", "routes"]
