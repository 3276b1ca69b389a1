"""$export: the record, all patients, or a group's patients, as NDJSON files made in the background.

Kick-off 202, status 202 until it has ended, then 200 with the manifest. Only whom a rule lets export may, only who started
one sees it. Source: Bulk Data Access 1.0.1 and 2.0. Above: `export_http`. Below: `site.export`.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Any, Final

from mihub.core.fhir.dates import zone
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput, NotFound, NotSupported
from mihub.site.api.call import Call
from mihub.site.api.group_members import Unresolved, patients_of
from mihub.site.api.whole_answers import Answer
from mihub.site.export.exports import BulkExports
from mihub.site.export.made import File, made_of
from mihub.site.export.postgres import PostgresRecord
from mihub.site.export.request import Asked, conditions
from mihub.site.export.wish import Level, Wish, wish_of
from mihub.site.jobs.job import Job, JobFailed
from mihub.site.search.extract import indexer
from mihub.site.site import Site
from mihub.site.store.protocol import Note

ADDRESS: Final = "$export-status"
FOLDER: Final = "bulk-exports"
NDJSON: Final = "application/fhir+ndjson"
# Where it can be asked ("" for the whole site) and how the capability statement names it.
OPERATIONS: Final = {
    where: {"name": name, "definition": f"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{name}"}
    for where, name in (("", "export"), ("Patient", "patient-export"), ("Group", "group-export"))
}
INSTANTIATES: Final = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
_RETRY_SECONDS: Final = 2


def exports_of(site: Site) -> BulkExports:
    """The bulk exports in the site's folder. Any process may hold one; only one at a time works on them."""
    exports = BulkExports(
        site.settings.data_dir / FOLDER,
        record_of(site),
        site.parser,
        lambda access: site.gate.restriction(access, Action.EXPORT),
        quota_bytes=site.settings.export_quota_bytes,
    )
    site.background[FOLDER] = exports.jobs
    return exports


def record_of(site: Site) -> PostgresRecord:
    """The record as it is exported. Raises `NotSupported` where it is kept in memory only."""
    if site.pool is None:
        raise NotSupported("A record that is kept in memory is not exported.", next_step="Use PostgreSQL.")
    local = zone(site.settings.time_zone)
    return PostgresRecord(site.pool, site.store, site.catalogue, indexer(site.catalogue, local))


def kick_off(
    call: Call, asked: Asked, level: Level, group: str, request: str, exports: BulkExports
) -> Answer:
    """Check everything that can be checked, then begin. Raises `InvalidInput`, `NotSupported`, `Forbidden`, `NotFound`."""
    if "respond-async" not in call.prefer:
        raise InvalidInput(
            "An export is made in the background only.",
            where="Prefer",
            next_step="Send Prefer: respond-async.",
        )
    job = exports.start(wish_for(call, asked, level, group, request), call.access)
    return 202, {"Content-Location": _address(call, job)}, None


def wish_for(call: Call, asked: Asked, level: Level, group: str, request: str) -> Wish:
    """What is to be exported, allowed and resolved."""
    within = call.within(Action.EXPORT)
    forbidden = [kind for kind in asked.types or () if not within.names(kind)]
    if forbidden or not (within.open_types or within.patient_types):
        call.site.store.note(
            [Note("E", "export", "", count=0, outcome="4", parameters=asked.names)], call.access
        )
        raise Forbidden(
            f"This role may not export {forbidden[0] if forbidden else 'anything'} here.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Sign in with a role that may, or ask the organisation.",
        )
    if asked.patients is not None and level == "system":
        raise InvalidInput(
            "The parameter patient belongs to exports of patients.",
            where="patient",
            next_step="Ask at Patient/$export or Group/[id]/$export.",
        )
    # A filter that no search would take is refused now, not when the export runs.
    conditions(asked.filters, call.site.parser)
    try:
        patients = patients_of(call, asked.patients, (group,) if level == "group" else None, within)
    except Unresolved as error:
        if error.where == "group":
            raise NotFound("There is no such Group.", next_step="Check the id.") from None
        raise
    return Wish(
        level, asked.types, asked.since, asked.filters, asked.elements, patients, request,
        ",".join(part for part in (level, asked.names) if part),
    )  # fmt: skip


def status(call: Call, export_id: str, exports: BulkExports) -> Answer:
    """How far it is, or the manifest. Raises `NotFound`, and `JobFailed` with what went wrong."""
    job = exports.jobs.of(export_id, call.access)
    if job.is_open:
        progress = {"X-Progress": job.progress or job.state, "Retry-After": str(_RETRY_SECONDS)}
        return 202, progress, None
    if job.state == "failed":
        raise JobFailed(job)
    return (
        200,
        {"Expires": formatdate(job.expires, usegmt=True)},
        manifest(job, f"{_address(call, job)}/files"),
    )


def cancel(call: Call, export_id: str, exports: BulkExports) -> Answer:
    """End it and delete its files; from now on it is not there."""
    exports.jobs.cancel(export_id, call.access)
    return 202, {}, None


def manifest(job: Job, folder: str) -> dict[str, Any]:
    """What an export made, its files below the address `folder`."""
    made = made_of(job.made)

    def listed(kind: str) -> list[dict[str, Any]]:
        return [_listed(one, folder) for one in made.files if one.kind == kind]

    return {
        "transactionTime": made.time,
        "request": wish_of(job.asked).request,
        "requiresAccessToken": True,
        "output": listed("output"),
        "deleted": listed("deleted"),
        "error": listed("error"),
    }


def note_download(call: Call, job_file: File) -> None:
    """Who fetches a file is noted; whose resources are in it was when it was made."""
    kind = job_file.resource_type
    call.site.store.note([Note("R", "export-download", kind, count=job_file.count)], call.access)


def _listed(file: File, folder: str) -> dict[str, Any]:
    return {"type": file.resource_type, "url": f"{folder}/{file.name}", "count": file.count}


def _address(call: Call, job: Job) -> str:
    return f"{call.base}/{ADDRESS}/{job.id}"
