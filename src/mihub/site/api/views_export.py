"""$viewdefinition-export: tables of one or more views in the background, fetched when they are ready.

Kick-off 202, status 202 until it has ended, then 303 to the result: a manifest, or why it failed. Only whom a rule lets
export may, only who started one sees it. Source: SQL on FHIR v2, OperationDefinition ViewDefinitionExport, and Common
Operation Behavior §Asynchronous Delivery. Above: `views_http`. Below: `site.views.exports`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.views import View
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput
from mihub.site.api.call import Call
from mihub.site.api.group_members import patients_of
from mihub.site.api.views import noted_names, view_of
from mihub.site.api.whole_answers import Answer
from mihub.site.jobs.job import Job, JobFailed
from mihub.site.store.protocol import Note
from mihub.site.views import arrow
from mihub.site.views.exports import Exports
from mihub.site.views.formats import FILES, NDJSON, PARQUET, named
from mihub.site.views.job import Wish, outputs_of, wish_of
from mihub.site.views.request import Asked

ADDRESS: Final = "$viewdefinition-export"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RETRY_SECONDS: Final = 2


def kick_off(call: Call, asked: Asked, exports: Exports) -> Answer:
    """Check everything that can be checked, then begin. Raises `Forbidden`, `NotFound`, `ViewError`, `InvalidInput`."""
    form = named(asked.form, FILES) if asked.form else NDJSON
    views = [(wanted.name, view_of(call, wanted)) for wanted in asked.views]
    within = call.within(Action.EXPORT)
    for _, view in views:
        if form == PARQUET:
            # A type that Parquet can not have is said now, not when the export runs.
            arrow.schema(view)
        if not within.names(view.resource):
            note = Note("E", "viewdefinition-export", view.resource, count=0, outcome="4")
            call.site.store.note([note], call.access)
            raise Forbidden(
                f"This role may not export tables of {view.resource} here.",
                rule="access rules (docs/reference/roles.md)",
                next_step="Sign in with a role that may, or ask the organisation.",
            )
    job = exports.start(
        Wish(
            views=_named(views),
            form=form.name,
            header=asked.header,
            patients=patients_of(call, asked.patients, asked.groups, within),
            since=asked.since,
            names=noted_names(asked, views[0][1]),
            tracking=asked.tracking,
        ),
        call.access,
    )
    status = _address(call, job)
    body = _parameters(
        ("exportId", "valueString", job.id),
        ("clientTrackingId", "valueString", job.asked["tracking"]),
        ("status", "valueCode", "accepted"),
        ("location", "valueUri", status),
        ("cancelUrl", "valueUri", status),
    )
    return 202, {"Content-Location": status}, body


def status(call: Call, export_id: str, exports: Exports) -> Answer:
    """How far it is. It says only whether it has ended, the result says how."""
    job = exports.jobs.of(export_id, call.access)
    if not job.is_open:
        return 303, {"Location": f"{_address(call, job)}/result", **_expiry(job)}, None
    body = _parameters(
        ("exportId", "valueString", job.id),
        ("clientTrackingId", "valueString", job.asked["tracking"]),
        ("status", "valueCode", job.state),
    )
    return 202, {"Retry-After": str(_RETRY_SECONDS), "X-Progress": job.state}, body


def cancel(call: Call, export_id: str, exports: Exports) -> Answer:
    """End it and delete its files; from now on it is not there."""
    exports.jobs.cancel(export_id, call.access)
    return 202, {}, None


def result(call: Call, export_id: str, exports: Exports) -> Answer:
    """The manifest. Raises `ExportFailed` with what went wrong, `InvalidInput` while it runs."""
    job = exports.jobs.of(export_id, call.access)
    if job.is_open:
        raise InvalidInput("The export has not ended yet.", next_step="Ask for its status.")
    if job.state == "failed":
        raise JobFailed(job)
    begin = _address(call, job)
    outputs = [
        {
            "name": "output",
            "part": [
                {"name": "name", "valueString": one.name},
                {"name": "location", "valueUri": f"{begin}/files/{one.file}"},
                {"name": "rows", "valueInteger": one.rows},
                *[{"name": "note", "valueString": note} for note in one.notes],
            ],
        }
        for one in outputs_of(job.made)
    ]
    body = _parameters(
        ("exportId", "valueString", job.id),
        ("clientTrackingId", "valueString", job.asked["tracking"]),
        ("status", "valueCode", "completed"),
        ("location", "valueUri", begin),
        ("_format", "valueCode", wish_of(job.asked).form),
        ("exportStartTime", "valueInstant", _instant(job.started)),
        ("exportEndTime", "valueInstant", _instant(job.ended)),
        ("exportDuration", "valueInteger", round(job.ended - job.started)),
    )
    body["parameter"] += outputs
    return 200, _expiry(job), body


def _named(views: list[tuple[str, View]]) -> list[tuple[str, dict[str, Any]]]:
    """Each output's name: as asked for, else the view's, else a number; no two alike."""
    named_views: dict[str, dict[str, Any]] = {}
    for i, (asked, view) in enumerate(views):
        name = asked or view.name or f"view_{i + 1}"
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "The name can not be the name of a file.",
                where=f"view[{i}].name",
                rule="letters, digits, underscore and hyphen",
            )
        if name in named_views:
            if asked:
                raise InvalidInput("Two outputs have the same name.", where=f"view[{i}].name")
            name = f"{name}_{i + 1}"
        named_views[name] = view.document
    return list(named_views.items())


def _parameters(*given: tuple[str, str, Any]) -> Json:
    listed = [{"name": name, kind: value} for name, kind, value in given if value != ""]
    return {"resourceType": "Parameters", "parameter": listed}


def _address(call: Call, job: Job) -> str:
    return f"{call.base}/{ADDRESS}/{job.id}"


def _expiry(job: Job) -> dict[str, str]:
    return {"Expires": formatdate(job.expires, usegmt=True)} if job.expires else {}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
