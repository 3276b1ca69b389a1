"""A small complete FHIR server in one object, so that care rooms and portals are tested without a server.

It keeps every resource as JSON text, so a caller can never change the stored state by changing a dict. It
never talks to anybody. Matching: `matching`. The contract is `mihub.core.fhir.client.FhirClient`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count as counter
from typing import Any

import orjson

from mihub.care.client.matching import elements, matches
from mihub.core.fhir import Resource
from mihub.core.fhir.client import Parameters
from mihub.errors import Gone, InvalidInput, NotFound, PreconditionFailed

_RESULT_PARAMETERS = {
    "_count",
    "_sort",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_total",
    "_format",
}
_CLOCK = "2026-11-23T08:00:00Z"


class MemoryFhirClient:
    """Holds what it was given. `calls` lists every interaction as text ("search Task patient=Patient/1")
    for assertions.
    """

    def __init__(self, resources: Iterable[Resource] = (), *, now: str = _CLOCK) -> None:
        self._stored: dict[tuple[str, str], bytes | None] = {}
        self._numbers = counter(1)
        self._now = now
        self.calls: list[str] = []
        for resource in resources:
            self.put(resource)

    def put(self, resource: Resource) -> Resource:
        """Store as is, outside of any interaction (set-up of a test)."""
        kept = {"id": f"m{next(self._numbers)}", **resource}
        kept.setdefault("meta", {"versionId": "1", "lastUpdated": self._now})
        kept["meta"] = {"versionId": "1", "lastUpdated": self._now, **kept["meta"]}
        self._stored[(kept["resourceType"], kept["id"])] = orjson.dumps(kept)
        return kept

    def all(self, resource_type: str) -> list[Resource]:
        """Every live resource of a type in the order of arrival."""
        return [
            orjson.loads(raw)
            for (kind, _), raw in self._stored.items()
            if kind == resource_type and raw is not None
        ]

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        """The current version."""
        self.calls.append(f"read {resource_type}/{resource_id}")
        return self._current(resource_type, resource_id)

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        """Matches in order of arrival or of `_sort`, then included resources."""
        self.calls.append(
            f"search {resource_type} " + "&".join(f"{name}={value}" for name, value in parameters)
        )
        found = self._matching(resource_type, parameters)
        for name, value in parameters:
            if name == "_sort":
                found = _sorted(found, value)
        return found + self._included(found, parameters)

    async def count(self, resource_type: str, parameters: Parameters = ()) -> int:
        """The number of matches."""
        self.calls.append(f"count {resource_type}")
        return len(self._matching(resource_type, parameters))

    async def create(self, resource: Resource) -> Resource:
        """Store under a new id."""
        self.calls.append(f"create {resource['resourceType']}")
        fresh = {name: value for name, value in resource.items() if name not in ("id", "meta")}
        meta = {**resource.get("meta", {}), "versionId": "1", "lastUpdated": self._now}
        return self.put({**fresh, "meta": meta})

    async def update(self, resource: Resource, *, if_match: str | None = None) -> Resource:
        """Replace or create at the id; equal content changes nothing."""
        resource_type, resource_id = resource["resourceType"], resource.get("id")
        if not resource_id:
            raise InvalidInput("An update needs an id.", rule="https://hl7.org/fhir/R4/http.html#update")
        self.calls.append(f"update {resource_type}/{resource_id}")
        before = self._stored.get((resource_type, resource_id))
        old: Resource | None = orjson.loads(before) if before else None
        version = int(old["meta"]["versionId"]) if old else 0
        if if_match is not None and if_match.strip('W/"') != str(version):
            raise PreconditionFailed(
                "Somebody else changed this record meanwhile.",
                rule="If-Match",
                next_step="Read it again and repeat.",
            )
        if old is not None and _content(old) == _content(resource):
            return old
        meta = {**resource.get("meta", {}), "versionId": str(version + 1), "lastUpdated": self._now}
        return self.put({**resource, "meta": meta})

    async def delete(self, resource_type: str, resource_id: str) -> None:
        """Mark as deleted; a later read raises `Gone`."""
        self.calls.append(f"delete {resource_type}/{resource_id}")
        self._stored[(resource_type, resource_id)] = None

    async def transaction(self, bundle: Resource) -> Resource:
        """All entries or none; `urn:uuid:` references between entries are resolved."""
        before = dict(self._stored)
        try:
            return await self._apply(bundle)
        except (NotFound, Gone, InvalidInput, PreconditionFailed):
            self._stored = before
            raise

    async def _apply(self, bundle: Resource) -> Resource:
        entries = [entry for entry in bundle.get("entry", []) if "request" in entry]
        ids = {
            entry["fullUrl"]: self._planned(entry)
            for entry in entries
            if "fullUrl" in entry and "resource" in entry
        }
        return {
            "resourceType": "Bundle",
            "type": "transaction-response",
            "entry": [await self._entry(entry, ids) for entry in entries],
        }

    def _planned(self, entry: dict[str, Any]) -> str:
        resource, request = entry["resource"], entry["request"]
        if request["method"] == "PUT":
            return str(request["url"])
        found = self._existing(resource["resourceType"], request.get("ifNoneExist", ""))
        resource_id = found["id"] if found else f"m{next(self._numbers)}"
        return f"{resource['resourceType']}/{resource_id}"

    async def _entry(self, entry: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
        request = entry["request"]
        if request["method"] == "DELETE":
            await self.delete(*str(request["url"]).split("/", 1))
            return {"response": {"status": "204"}}
        resource = _resolved(entry["resource"], ids)
        if request["method"] == "POST" and self._existing(
            resource["resourceType"], request.get("ifNoneExist", "")
        ):
            return {"response": {"status": "200", "location": ids.get(entry.get("fullUrl", ""), "")}}
        planned = ids.get(entry.get("fullUrl", "")) or (
            str(request["url"]) if request["method"] == "PUT" else ""
        )
        if planned:
            stored = await self.update(
                {**resource, "id": planned.split("/")[1]}, if_match=request.get("ifMatch")
            )
        else:
            stored = await self.create(resource)
        place = f"{stored['resourceType']}/{stored['id']}"
        return {"resource": stored, "response": {"status": "201", "location": place, "etag": _etag(stored)}}

    def _existing(self, resource_type: str, criterion: str) -> Resource | None:
        if not criterion:
            return None
        pairs = [(name, value) for name, _, value in (part.partition("=") for part in criterion.split("&"))]
        return next(iter(self._matching(resource_type, pairs)), None)

    def _current(self, resource_type: str, resource_id: str) -> Resource:
        key = (resource_type, resource_id)
        if key not in self._stored:
            raise NotFound(f"There is no {resource_type} with this id.")
        raw = self._stored[key]
        if raw is None:
            raise Gone(f"This {resource_type} was deleted.")
        resource: Resource = orjson.loads(raw)
        return resource

    def _resolve(self, reference: str) -> Resource | None:
        parts = reference.split("/")
        raw = self._stored.get((parts[-2], parts[-1])) if len(parts) >= 2 else None
        return orjson.loads(raw) if raw else None

    def _matching(self, resource_type: str, parameters: Parameters) -> list[Resource]:
        wanted = [(name, value) for name, value in parameters if name.split(":")[0] not in _RESULT_PARAMETERS]
        return [
            resource
            for resource in self.all(resource_type)
            if all(matches(resource, name, value, self._resolve) for name, value in wanted)
        ]

    def _included(self, found: list[Resource], parameters: Parameters) -> list[Resource]:
        included: dict[str, Resource] = {}
        for name, value in parameters:
            parts = value.split(":")
            if name.split(":")[0] == "_include" and len(parts) >= 2:
                for resource in found:
                    self._include_targets(resource, parts[1], included)
            elif name.split(":")[0] == "_revinclude" and len(parts) >= 2:
                for resource in found:
                    link = f"{resource['resourceType']}/{resource['id']}"
                    for match in self._matching(parts[0], [(parts[1], link)]):
                        included[f"{match['resourceType']}/{match['id']}"] = match
        own = {f"{resource['resourceType']}/{resource['id']}" for resource in found}
        return [resource for place, resource in included.items() if place not in own]

    def _include_targets(self, resource: Resource, parameter: str, included: dict[str, Resource]) -> None:
        from mihub.care.client.parameters import SEARCH_PARAMETERS

        known = SEARCH_PARAMETERS.get(parameter)
        for path in known.paths if known else ():
            for reference in elements(resource, path.split(".")):
                target = (
                    self._resolve(str(reference.get("reference", "")))
                    if isinstance(reference, dict)
                    else None
                )
                if target:
                    included[f"{target['resourceType']}/{target['id']}"] = target


def _sorted(found: list[Resource], order: str) -> list[Resource]:
    from mihub.care.client.parameters import SEARCH_PARAMETERS

    for part in reversed(order.split(",")):
        parameter = SEARCH_PARAMETERS.get(part.lstrip("-"))
        paths = parameter.paths if parameter else ("id",)
        found = sorted(found, key=lambda resource: _sort_key(resource, paths), reverse=part.startswith("-"))
    return found


def _sort_key(resource: Resource, paths: tuple[str, ...]) -> str:
    for path in paths:
        for value in elements(resource, path.split(".")):
            if isinstance(value, dict):
                return str(value.get("start") or value.get("end") or "")
            return str(value)
    return ""


def _content(resource: Resource) -> bytes:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    bare = {name: value for name, value in resource.items() if name != "meta"}
    return orjson.dumps({**bare, "meta": meta}, option=orjson.OPT_SORT_KEYS)


def _resolved(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: ids.get(item, item)
            if name == "reference" and isinstance(item, str)
            else _resolved(item, ids)
            for name, item in value.items()
        }
    return [_resolved(item, ids) for item in value] if isinstance(value, list) else value


def _etag(resource: Resource) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'
