"""`$graphql`: GET or POST [base]/$graphql and [base]/Type/id/$graphql. Source: https://hl7.org/fhir/R4/graphql.html.

Reads and searches go through the same interactions as any other request, so that policy and audit hold for each.
Below: `site.graphql`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.errors import Gone, InvalidInput, NotFound
from mihub.site.api.call import Call
from mihub.site.api.read import read
from mihub.site.api.reply import Reply
from mihub.site.api.search_type import search_type
from mihub.site.graphql.execute import execute
from mihub.site.graphql.source import Page, Parameters

_MEDIA: Final = "application/json"


def graphql(call: Call, asked: Json, resource_type: str = "", resource_id: str = "") -> Reply:
    """The answer to `query`, `operationName`, `variables`; about one resource when it is addressed.

    Raises `NotFound`, `InvalidInput` with the field, `TooLarge`.
    """
    query, variables = asked.get("query"), asked.get("variables") or {}
    if not isinstance(query, str) or not isinstance(variables, dict):
        raise InvalidInput(
            "There is no query.",
            where="query",
            rule="a JSON object with query",
            next_step="Send the GraphQL text as query.",
        )
    record = _Record(call)
    start = record.must(resource_type, resource_id) if resource_type else None
    operation = str(asked.get("operationName") or "")
    data = execute(query, record, start=start, operation=operation, variables=variables)
    return Reply(200, orjson.dumps({"data": data}), media=_MEDIA)


class _Record:
    """The site's record as one reader may see it."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def must(self, resource_type: str, resource_id: str) -> Resource:
        """The resource. Raises `NotFound`, `Gone`."""
        resource: Resource = orjson.loads(read(self._call, resource_type, resource_id).body or b"{}")
        return resource

    def read(self, resource_type: str, resource_id: str) -> Resource | None:
        """None also for what may not be seen."""
        try:
            return self.must(resource_type, resource_id)
        except (NotFound, Gone):
            return None

    def search(self, resource_type: str, parameters: Parameters) -> Sequence[Resource]:
        """The first page of matches."""
        return [one["resource"] for one in self.page(resource_type, parameters).edges]

    def page(self, resource_type: str, parameters: Parameters) -> Page:
        """A page of matches; `_cursor` is what an earlier page gave as `next`."""
        asked = [("_page" if name == "_cursor" else name, text) for name, text in parameters]
        bundle: dict[str, Any] = orjson.loads(search_type(self._call, resource_type, asked).body or b"{}")
        edges = [
            {"resource": one["resource"], "mode": one["search"]["mode"]}
            for one in bundle.get("entry", ())
            if one["search"]["mode"] == "match"
        ]
        links = {
            one["relation"]: one["url"].rpartition("_page=")[2]
            for one in bundle.get("link", ())
            if one["relation"] == "next"
        }
        return Page(edges, bundle.get("total", len(edges)), 0, len(edges), links)
