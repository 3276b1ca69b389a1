"""$import: NDJSON files of the site's import folder into the record, in the background, with an account for each file.

Never reads an address, nor a file outside of that folder; only the organisation's own programs may. Source: HL7's draft of
Bulk Data Import (manifest of `input` with `type` and `url`). Above: `import_http`. Below: `site.ingest`, `site.jobs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.core.policy.actor import Role
from mihub.core.policy.rules import Action
from mihub.errors import Forbidden, InvalidInput, NotFound, NotSupported
from mihub.site.api.call import Call
from mihub.site.api.whole_answers import Answer
from mihub.site.ingest.of_site import importer_of
from mihub.site.ingest.refusing import Intake
from mihub.site.ingest.report import ImportReport, Progress, Reason
from mihub.site.jobs import durable
from mihub.site.jobs.job import Job, JobFailed
from mihub.site.jobs.jobs import Jobs, Running
from mihub.site.site import Site
from mihub.site.store.protocol import Note

ADDRESS: Final = "$import-status"
FOLDER: Final = "imports"
FORMATS: Final = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson", ""})
# How the capability statement names it; the draft has no published address yet.
OPERATION: Final = {
    "name": "import",
    "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/import",
}
ENDINGS: Final = (".ndjson", ".ndjson.gz")
_RULE: Final = "the manifest of $import (docs/how-to/export-and-import.md)"
_MOST_FILES: Final = 10_000
_PATIENCE_SECONDS: Final = 600.0
_RETRY_SECONDS: Final = 2


def imports_of(site: Site) -> Jobs:
    """The imports in the site's folder. Any process may hold them; only one at a time works on them."""
    jobs = Jobs(
        site.settings.data_dir / FOLDER,
        lambda running: _run(site, running),
        kind="import",
        patience_seconds=_PATIENCE_SECONDS,
    )
    site.background[FOLDER] = jobs
    return jobs


def folder_of(site: Site) -> Path:
    """The one folder from which requests may import."""
    return (site.settings.data_dir / site.settings.import_dir).resolve()


def check_may(call: Call) -> None:
    """Raises `Forbidden`, after it was noted, for anybody but the organisation's own programs."""
    actor, site = call.access.actor, call.site
    own = actor.role is Role.SYSTEM and actor.organization == site.settings.member
    if not own or not call.within(Action.WRITE).open_types:
        site.store.note([Note("C", "import", "", count=0, outcome="4")], call.access)
        raise Forbidden(
            "Only this organisation's own programs may import files.",
            rule="access rules (docs/reference/roles.md)",
            next_step="Write single resources, or ask the site's engineer.",
        )


def kick_off(call: Call, given: Resource, request: str, jobs: Jobs) -> Answer:
    """Check every file that is named, then begin. Raises `Forbidden`, `InvalidInput`, `NotSupported`, `NotFound`."""
    check_may(call)
    if "respond-async" not in call.prefer:
        raise InvalidInput(
            "An import is made in the background only.",
            where="Prefer",
            next_step="Send Prefer: respond-async.",
        )
    files = _files(folder_of(call.site), _manifest(given))
    job = jobs.start(call.access, {"files": files, "request": request})
    return 202, {"Content-Location": f"{call.base}/{ADDRESS}/{job.id}"}, None


def status(call: Call, import_id: str, jobs: Jobs) -> Answer:
    """How far it is, or the account. Raises `NotFound`, and `JobFailed` with what went wrong."""
    job = jobs.of(import_id, call.access)
    if job.is_open:
        return 202, {"X-Progress": job.progress or job.state, "Retry-After": str(_RETRY_SECONDS)}, None
    if job.state == "failed":
        raise JobFailed(job)
    return (
        200,
        {"Expires": formatdate(job.expires, usegmt=True)},
        _account(job, f"{call.base}/{ADDRESS}/{job.id}/files"),
    )


def error_file(call: Call, import_id: str, name: str, jobs: Jobs) -> Path:
    """A file of refused lines. Raises `NotFound`."""
    job = jobs.of(import_id, call.access)
    if job.state != "completed" or name not in [
        one["errors"] for one in job.made.get("done", []) if one["errors"]
    ]:
        raise NotFound("There is no such file.", next_step="Read the addresses from the account.")
    return jobs.path(job, name)


def _run(site: Site, running: Running) -> None:
    job = running.job
    done: list[Json] = list(job.made.get("done", []))
    for number, file in enumerate(job.asked["files"]):
        if number < len(done):
            continue
        # A file that an interruption left half imported is read again: what is stored already stays as it is.
        report = _imported(site, running, Path(file["path"]), file["url"])
        if report.stopped is not None:
            raise report.stopped
        reasons = report.all_reasons()
        errors = f"errors.{number + 1:04}.ndjson" if reasons else ""
        if reasons:
            durable.replace(running.folder / errors, b"".join(_outcomes(reasons)))
        effects = {effect: count for effect, count in report.resources.items() if count}
        done.append(
            {"type": file["type"], "url": file["url"], "count": report.loaded, "rejected": report.rejected,
             "errors": errors, "reasons": len(reasons), "resources": effects}
        )  # fmt: skip
        running.keep({"done": done}, f"{len(done)} of {len(job.asked['files'])} files imported")
        site.store.note([Note("C", "import", file["type"], count=report.loaded)], job.access)


def _imported(site: Site, running: Running, path: Path, shown: str) -> ImportReport:
    def moved(progress: Progress) -> None:
        running.check()

    if not path.is_file() or folder_of(site) not in path.resolve().parents:
        raise NotFound(
            "A file of the import is not there any more.", where=shown, next_step="Put it back, start again."
        )
    intake = Intake(site.door, site.quarantine, site.tally, lambda name: shown)
    return importer_of(site, running.job.access.actor.id, intake).run([path], progress=moved)


def _outcomes(reasons: list[Reason]) -> Iterator[bytes]:
    for reason in reasons:
        place = {"expression": [f"line {reason.line}"]} if reason.line is not None else {}
        issue: Json = {
            "severity": "error",
            "code": "processing",
            "details": {"text": reason.reason},
            "diagnostics": f"Rule: {reason.rule}. Next: {reason.next}",
            **place,
        }
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        yield orjson.dumps(outcome, option=orjson.OPT_APPEND_NEWLINE)


def _account(job: Job, folder: str) -> Json:
    done = job.made.get("done", [])
    return {
        "transactionTime": datetime.fromtimestamp(job.ended, UTC).isoformat(timespec="milliseconds"),
        "request": job.asked["request"],
        "requiresAccessToken": True,
        "output": [
            {
                "type": one["type"],
                "inputUrl": one["url"],
                "count": one["count"],
                "extension": one["resources"],
            }
            for one in done
        ],
        "error": [
            {
                "type": "OperationOutcome",
                "inputUrl": one["url"],
                "count": one["reasons"],
                "url": f"{folder}/{one['errors']}",
            }
            for one in done
            if one["errors"]
        ],
    }


def _manifest(given: Resource) -> list[tuple[str, str]]:
    """Type and address of each file, from the draft's JSON or from Parameters with the same names."""
    if given.get("resourceType") == "Parameters":
        given = _of_parameters(given)
    unknown = sorted(set(given) - {"inputFormat", "inputSource", "storageDetail", "input", "mode"})
    if unknown:
        raise NotSupported("A part of the manifest is not known.", where=unknown[0][:64], rule=_RULE)
    if given.get("inputFormat", "") not in FORMATS:
        raise NotSupported("Only NDJSON is imported.", where="inputFormat", rule=_RULE)
    listed = given.get("input")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_FILES:
        raise InvalidInput(
            "The manifest names no files.",
            where="input",
            rule=_RULE,
            next_step=f"Name 1 to {_MOST_FILES} files.",
        )
    pairs = []
    for number, one in enumerate(listed):
        kind, url = (one.get("type"), one.get("url")) if isinstance(one, dict) else (None, None)
        if kind not in RESOURCE_TYPES or not isinstance(url, str):
            raise InvalidInput(
                "A file is named by its type and its url.", where=f"input[{number}]", rule=_RULE
            )
        pairs.append((str(kind), url))
    return pairs


def _of_parameters(given: Resource) -> Resource:
    flat: Resource = {"input": []}
    for one in given.get("parameter", []):
        name = one.get("name") if isinstance(one, dict) else None
        values = [value for key, value in one.items() if key.startswith("value")] if name else []
        if name == "input":
            parts = {part.get("name"): next((v for k, v in part.items() if k.startswith("value")), None)
                     for part in one.get("part", []) if isinstance(part, dict)}  # fmt: skip
            flat["input"].append(parts)
        elif isinstance(name, str):
            flat[name] = values[0] if values else one.get("part")
    return flat


def _files(folder: Path, named: list[tuple[str, str]]) -> list[Json]:
    return [
        {"type": kind, "url": url, "path": str(_inside(folder, url, f"input[{number}].url"))}
        for number, (kind, url) in enumerate(named)
    ]


def _inside(folder: Path, url: str, where: str) -> Path:
    """The file that is meant. Raises for anything that does not lie in the import folder."""
    parts = urlsplit(url)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        raise NotSupported(
            "Files are read from the import folder only, never from an address.",
            where=where,
            rule="setting import_dir",
            next_step="Put the file into the folder, or upload it with PUT $import-files/NAME.",
        )
    path = (folder / unquote(parts.path)).resolve()
    if folder not in path.parents:
        raise Forbidden(
            "The file does not lie in the import folder.", where=where, rule="setting import_dir",
            next_step="Put it into the folder.",
        )  # fmt: skip
    if not path.name.endswith(ENDINGS):
        raise NotSupported(
            "Only NDJSON is imported.", where=where, rule=f"names end in {' or '.join(ENDINGS)}"
        )
    if not path.is_file():
        raise InvalidInput(
            "There is no such file in the import folder.", where=where, next_step="Check the name."
        )
    return path
