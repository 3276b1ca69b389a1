"""Batches and transactions in the background (`Prefer: respond-async`): small writes go on between, a restart loses nothing.

A batch is done in portions and goes on at the first entry without an answer; what an interrupted portion had written already
is found in the change log and not written twice. A transaction stays one write. Source: R4 asynchronous pattern, and for the
answer R5's asynchronous interaction bundle. Above: `bundles_http`. Below: `batch`, `transaction`, `site.jobs`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.bundle import of_type
from mihub.errors import InvalidInput, MihubError, NotFound, StorageFull, Unavailable
from mihub.site.api import batch, transaction
from mihub.site.api.bundle_entry import Request, requests
from mihub.site.api.call import Call
from mihub.site.api.reply import Reply
from mihub.site.api.whole_answers import Answer
from mihub.site.ingest.fhir_resource import without_server_meta
from mihub.site.jobs import durable
from mihub.site.jobs.job import Job, JobFailed
from mihub.site.jobs.jobs import Jobs, Running
from mihub.site.quarantine.told import outcome_of
from mihub.site.site import Site
from mihub.site.store.protocol import Version

ADDRESS: Final = "$bundle-status"
FOLDER: Final = "bundles"
_SENT, _ANSWERS, _ANSWER = "bundle.json", "answers.ndjson", "answer.json"
_PORTION: Final = 50
_CHANGES: Final = 1_000
_PATIENCE_SECONDS: Final = 600.0
_RETRY_SECONDS: Final = 2
_HEAD: Final = b'{"resourceType":"Bundle","type":"batch-response","entry":['
# Resource, by its key -> the version that was made of it since; the newest when there are several.
_Landed = dict[str, Version]


def bundles_of(site: Site) -> Jobs:
    """The bundles in the site's folder. Any process may hold them; only one at a time works on them."""
    jobs = Jobs(
        site.settings.data_dir / FOLDER,
        lambda running: _run(site, running),
        kind="bundle",
        patience_seconds=_PATIENCE_SECONDS,
    )
    site.background[FOLDER] = jobs
    return jobs


def kick_off(call: Call, given: Resource, jobs: Jobs) -> Reply:
    """Check the form of all entries, then begin. Raises `InvalidInput`, `TooLarge`, `NotSupported`."""
    if given.get("resourceType") != "Bundle" or given.get("type") not in ("batch", "transaction"):
        raise InvalidInput("Only a batch or a transaction can be sent here.", where="Bundle.type")
    entries = len(requests(given, call.site.settings.max_bundle_entries))
    asked = {
        "base": call.base, "language": call.language, "entries": entries,
        "prefer": ",".join(part for part in call.prefer.split(",") if "respond-async" not in part),
    }  # fmt: skip
    job = jobs.start(call.access, asked, {_SENT: call.sent})
    return Reply(202, content_location=f"{ADDRESS}/{job.id}")


def status(call: Call, bundle_id: str, jobs: Jobs) -> Answer | tuple[Path, Job]:
    """How far it is, or the file with the answer. Raises `NotFound`, and `JobFailed` with what went wrong."""
    job = jobs.of(bundle_id, call.access)
    if job.is_open:
        return 202, {"X-Progress": job.progress or job.state, "Retry-After": str(_RETRY_SECONDS)}, None
    if job.state == "failed":
        raise JobFailed(job)
    path = jobs.path(job, _ANSWER)
    if not path.is_file():
        raise NotFound("The answer is not there any more.", next_step="Send the bundle again.")
    return path, job


def expiry(job: Job) -> dict[str, str]:
    """Until when the answer is kept."""
    return {"Expires": formatdate(job.expires, usegmt=True)}


def _run(site: Site, running: Running) -> None:
    asked = running.job.asked
    sent, answer = running.folder / _SENT, running.folder / _ANSWER
    if answer.exists():
        # Done before this process began.
        sent.unlink(missing_ok=True)
        return
    call = Call(site, running.job.access, asked["base"], asked["prefer"], asked["language"])
    given: Resource = orjson.loads(sent.read_bytes())
    if given["type"] == "transaction":
        _transaction(call, given, running)
    else:
        _batch(call, given, running)
    sent.unlink(missing_ok=True)


def _transaction(call: Call, given: Resource, running: Running) -> None:
    asked = requests(given, call.site.settings.max_bundle_entries)
    begun = running.job.made.get("position")
    if begun is None:
        running.keep({"position": call.site.store.position()}, "in-progress")
    landed = _landed(call.site, begun, asked, running) if begun is not None else {}
    if landed:
        # It was written, and the process ended before it could say so.
        answers = [_answered_before(one, landed.get(_key(one, running))) for one in asked]
        answer: Json = {"response": {"status": "200"}, "resource": of_type("transaction-response", answers)}
    else:
        try:
            made = transaction.run(call, given, new_id=lambda number: _id(running, number))
            answer = {"response": {"status": "200"}, "resource": made}
        except (Unavailable, StorageFull):
            raise
        except MihubError as error:
            answer = {
                "response": {"status": str(error.http_status), "outcome": outcome_of(error, call.language)}
            }
    durable.replace(running.folder / _ANSWER, orjson.dumps(of_type("batch-response", [answer])))


def _batch(call: Call, given: Resource, running: Running) -> None:
    asked = requests(given, call.site.settings.max_bundle_entries)
    made = dict(running.job.made)
    first, size = int(made.get("answers", 0)), int(made.get("bytes", 0))
    landed = _landed(call.site, made["position"], asked[first : first + _PORTION], running) if made else {}
    with durable.open_at(running.folder / _ANSWERS, size) as stream:
        while first < len(asked):
            portion = asked[first : first + _PORTION]
            position = call.site.store.position()
            if not landed:
                running.keep(
                    {"answers": first, "bytes": size, "position": position},
                    f"{first} of {len(asked)} entries",
                )
            for one in portion:
                answer = _one(call, one, landed, running)
                size += stream.write((b"," if one.number else b"") + orjson.dumps(answer) + b"\n")
            durable.force(stream)
            first, landed = first + len(portion), {}
    _assembled(running.folder)


def _one(call: Call, one: Request, landed: _Landed, running: Running) -> Json:
    """The answer of one entry, which is carried out unless it was before."""
    version = landed.get(_key(one, running))
    if version is not None:
        return _answered_before(one, version)
    answer = batch.one(call, one, new_id=_id(running, one.number))
    if isinstance(answer["response"].get("outcome"), dict) and answer["response"]["status"] in ("503", "507"):
        raise Unavailable("The record can not be written at the moment.", next_step="It is tried again.")
    return answer


def _assembled(folder: Path) -> None:
    """The answers as one document, however long; memory does not grow with it."""
    part = folder / f"{_ANSWER}.part"
    with durable.open_at(part, 0) as stream, (folder / _ANSWERS).open("rb") as answers:
        stream.write(_HEAD + b'{"response":{"status":"200"},"resource":' + _HEAD)
        for line in answers:
            stream.write(line)
        stream.write(b"]}}]}")
        durable.force(stream)
    part.replace(folder / _ANSWER)
    (folder / _ANSWERS).unlink()


def _landed(site: Site, position: int, asked: Sequence[Request], running: Running) -> _Landed:
    """What of these entries stands in the change log after the position: same resource, same content or the same end."""
    wanted = {key: one for one in asked if (key := _key(one, running))}
    found: _Landed = {}
    for version in _changes(site, position):
        key = f"{version.resource_type}/{version.id}"
        one = wanted.get(key)
        if one is not None and _is_its(one, version):
            found[key] = version
    return found


def _changes(site: Site, after: int) -> Iterator[Version]:
    while found := site.store.changes(after, _CHANGES):
        yield from found
        after = found[-1].position


def _is_its(one: Request, version: Version) -> bool:
    if one.method == "DELETE" or version.body is None:
        return one.method == "DELETE" and version.body is None
    if one.method == "PATCH" or one.method == "POST":
        return True
    resource = one.resource or {}
    if b"urn:uuid:" in orjson.dumps(resource):
        # Its references were rewritten; the key alone must do.
        return True
    return _plain(orjson.loads(version.body)) == _plain(resource)


def _plain(resource: Resource) -> Mapping[str, Any]:
    return without_server_meta(resource)


def _key(one: Request, running: Running) -> str:
    """Type and id of what an entry changes, "" when only a search would tell."""
    if one.method == "POST":
        return "" if one.if_none_exist else f"{one.resource_type}/{_id(running, one.number)}"
    return f"{one.resource_type}/{one.id}" if one.id and one.method in ("PUT", "PATCH", "DELETE") else ""


def _answered_before(one: Request, version: Version | None) -> Json:
    if one.method == "DELETE":
        return {"response": {"status": "204"}}
    if version is None:
        return {"response": {"status": "200"}}
    return {
        "response": {
            "status": "201" if version.version_id == 1 else "200",
            "location": f"{version.resource_type}/{version.id}/_history/{version.version_id}",
            "etag": f'W/"{version.version_id}"',
            "lastModified": version.last_updated.isoformat(timespec="milliseconds"),
        }
    }


def _id(running: Running, number: int) -> str:
    """The id of what an entry creates: the same whenever the bundle is gone on with, and nobody else's."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{running.job.id}/{number}"))
