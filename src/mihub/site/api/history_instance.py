"""history of one resource: GET [base]/Type/id/_history. Source: https://hl7.org/fhir/R4/http.html#history."""

from __future__ import annotations

from itertools import pairwise

import orjson

from mihub.core.fhir import Json
from mihub.core.fhir.bundle import of_type
from mihub.core.policy.rules import Action
from mihub.site.api.call import Call
from mihub.site.api.faults import known_type, not_there
from mihub.site.api.reply import Reply, document
from mihub.site.store.protocol import Version


def history_instance(call: Call, resource_type: str, resource_id: str) -> Reply:
    """All versions, newest first. Raises `NotFound`."""
    known_type(resource_type)
    versions = call.site.store.history(resource_type, resource_id, call.access, call.within(Action.READ))
    if not versions:
        raise not_there(resource_type)
    entries = [_entry(call.base, version, older) for version, older in pairwise([*versions, None]) if version]
    return document(of_type("history", entries) | {"total": len(entries)})


def _entry(base: str, version: Version, older: Version | None) -> Json:
    address = f"{version.resource_type}/{version.id}"
    new = older is None or older.body is None
    method = "DELETE" if version.body is None else "PUT"
    status = "204" if version.body is None else "201" if new else "200"
    entry: Json = {
        "fullUrl": f"{base}/{address}",
        "request": {"method": method, "url": address},
        "response": {
            "status": status,
            "etag": f'W/"{version.version_id}"',
            "lastModified": version.last_updated.isoformat(timespec="milliseconds"),
        },
    }
    if version.body is not None:
        entry["resource"] = orjson.Fragment(version.body)
    return entry
