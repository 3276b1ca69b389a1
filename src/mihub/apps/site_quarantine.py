"""What a site offers over HTTP to those who keep its record: the quarantine and how conformant its data are.

Lists and counters hold no patient value. The text of a refused record leaves only for who may see the record, and is noted
(`site.quarantine.room` decides both). Above: the admin portal. Beside: `site_admin`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mihub.core.policy.actor import Access
from mihub.errors import InvalidInput, MihubError, TooLarge
from mihub.site.quarantine.door import ERRORS
from mihub.site.quarantine.places import is_whole
from mihub.site.quarantine.protocol import (
    MAX_BODY_BYTES,
    OPEN_STATES,
    STATES,
    Asked,
    Item,
    Overview,
    State,
    Trouble,
)
from mihub.site.quarantine.quality import Quality, quality
from mihub.site.quarantine.room import Seen
from mihub.site.quarantine.told import row
from mihub.site.validate.finding import Finding

if TYPE_CHECKING:
    from mihub.apps.open_site import OpenSite

_PAGE = 50
_MOST_OFFSET = 1_000_000
Handler = Callable[[Request, "OpenSite", Access], Awaitable[Any]]


def routes(site: OpenSite) -> list[Route]:
    """The routes of one site; mount them beside its FHIR API. Each action of the room checks who asks."""

    def route(path: str, handler: Handler, method: str) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                access = await run_in_threadpool(site.authenticate, request)
                document = await handler(request, site, access)
                return JSONResponse(document, headers={"Cache-Control": "no-store"})
            except MihubError as error:
                return refusal(error)

        return Route(path, endpoint, methods=[method])

    return [
        route("/admin/quarantine", _list, "GET"),
        route("/admin/quarantine/retry", _retry_all, "POST"),
        route("/admin/quarantine/{item:int}", _show, "GET"),
        route("/admin/quarantine/{item:int}/repair", _repair, "POST"),
        route("/admin/quarantine/{item:int}/retry", _retry, "POST"),
        route("/admin/quarantine/{item:int}/discard", _discard, "POST"),
        route("/admin/quality", _quality, "GET"),
    ]


def asked_of(given: Mapping[str, str]) -> Asked:
    """The filter in a query. Raises `InvalidInput` for an unknown state or a number that is none."""
    state, offset = given.get("state", ""), given.get("offset", "0") or "0"
    if state not in ("", "open", "all", *STATES):
        raise InvalidInput("There is no such state.", rule=", ".join(("open", "all", *STATES)))
    if not offset.isdecimal() or int(offset) > _MOST_OFFSET:
        raise InvalidInput("The offset is not a number.", where="offset")
    states: dict[str, tuple[State, ...]] = {"": OPEN_STATES, "open": OPEN_STATES, "all": STATES}
    wanted = states.get(state) or tuple(one for one in STATES if one == state)
    return Asked(
        wanted, given.get("rule", ""), given.get("type", ""), given.get("profile", ""), given.get("source", ""),
        _PAGE, int(offset),
    )  # fmt: skip


def item_document(item: Item, language: str, *, most: int = 0) -> dict[str, Any]:
    """An item without its text; `most` cuts its findings for a list."""
    refused = item.refused
    # A list shows what refused it; the page of one item shows everything.
    findings = sorted(refused.findings, key=lambda found: found.severity not in ERRORS)
    if most:
        findings = [found for found in findings if found.severity in ERRORS]
    return {
        "id": item.id,
        "state": item.state,
        "kind": refused.kind,
        "source": refused.source,
        "type": refused.resource_type,
        "resource_id": refused.resource_id,
        "file": refused.file,
        "line": refused.line,
        "entry": refused.entry,
        "client": refused.client,
        "size_bytes": refused.size_bytes,
        "received": item.received_at.isoformat(timespec="seconds"),
        "last": item.last_at.isoformat(timespec="seconds"),
        "times": item.times,
        "tries": item.tries,
        "has_text": item.has_body,
        "decided_by": item.decided_by,
        "decided": item.decided_at.isoformat(timespec="seconds") if item.decided_at else None,
        "reason": item.reason,
        "rules": list(refused.rules),
        "profiles": list(refused.profiles),
        "more": max(0, len(findings) - most) if most else 0,
        "findings": [row(found, language) for found in (findings[:most] if most else findings)],
        "troubles": [_trouble(one) for one in refused.troubles],
    }


def _trouble(one: Trouble) -> dict[str, str]:
    return {"reason": one.reason, "rule": one.rule, "next": one.next}


def overview_document(overview: Overview) -> dict[str, Any]:
    """Numbers for the filters, most frequent first."""

    def sorted_by_count(counts: Mapping[str, int]) -> dict[str, int]:
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    return {
        "states": sorted_by_count(overview.states),
        "rules": sorted_by_count(overview.rules),
        "types": sorted_by_count(overview.types),
        "profiles": sorted_by_count(overview.profiles),
        "sources": sorted_by_count(overview.sources),
    }


async def _list(request: Request, site: OpenSite, access: Access) -> Any:
    asked, language = asked_of(request.query_params), _language(request)

    def listed() -> dict[str, Any]:
        room = site.quarantine
        found = room.find(asked, access)
        return {
            "items": [item_document(item, language, most=3) for item in found.items],
            "total": found.total,
            "offset": asked.offset,
            "limit": asked.limit,
            "may_act": room.may_act(access),
            "overview": overview_document(room.overview(access)),
        }

    return await run_in_threadpool(listed)


async def _show(request: Request, site: OpenSite, access: Access) -> Any:
    language, item_id = _language(request), int(request.path_params["item"])
    return await run_in_threadpool(lambda: _shown(site.quarantine.show(item_id, access), language))


def _shown(seen: Seen, language: str) -> dict[str, Any]:
    found = seen.item.refused.findings
    text = None
    if seen.text is not None:
        text = [{"text": one.text, "indent": one.indent, "findings": list(one.findings)} for one in seen.text]
    return item_document(seen.item, language) | {
        "findings": [row(one, language) for one in found],
        "may_see": seen.may_see,
        "may_act": seen.may_act,
        "text": text,
        "whole": seen.text is not None and is_whole(seen.text),
    }


async def _repair(request: Request, site: OpenSite, access: Access) -> Any:
    item_id, language = int(request.path_params["item"]), _language(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge("The corrected text is too large.", rule="64 MiB", next_step="Send it in parts.")
    item = await run_in_threadpool(site.quarantine.repair, item_id, bytes(body), access)
    return item_document(item, language)


async def _retry(request: Request, site: OpenSite, access: Access) -> Any:
    item_id, language = int(request.path_params["item"]), _language(request)

    def tried() -> dict[str, Any]:
        found = site.quarantine.retry(item_id, access)
        if found.stored:
            site.feasibility.refresh()
        return {
            "stored": found.stored,
            "findings": _rows(found.findings, language),
            "troubles": [_trouble(one) for one in found.troubles],
        }

    return await run_in_threadpool(tried)


def _rows(findings: tuple[Finding, ...], language: str) -> list[dict[str, Any]]:
    return [row(one, language) for one in findings]


async def _retry_all(request: Request, site: OpenSite, access: Access) -> Any:
    asked = asked_of(_texts(await _document(request)))

    def tried() -> dict[str, Any]:
        done = site.quarantine.retry_all(asked, access)
        if done.stored:
            site.feasibility.refresh()
        return {"stored": len(done.stored), "refused": len(done.refused)}

    return await run_in_threadpool(tried)


async def _discard(request: Request, site: OpenSite, access: Access) -> Any:
    reason = _texts(await _document(request)).get("reason", "")
    await run_in_threadpool(site.quarantine.discard, int(request.path_params["item"]), reason, access)
    return {"discarded": True}


async def _quality(request: Request, site: OpenSite, access: Access) -> Any:
    days, language = request.query_params.get("days", "90"), _language(request)
    if not days.isdecimal() or not 1 <= int(days) <= 3_660:
        raise InvalidInput("The number of days is not between 1 and 3660.", where="days")

    def told() -> dict[str, Any]:
        site.quarantine.overview(access)
        record = site.record
        found = quality(record.tally, record.door.levels, int(days))
        return quality_document(found, language, examples=site.quarantine.sees_examples(access)) | {
            "imports": [
                _import_row(one) for one in site.imports() if one.get("validation", {}).get("checked")
            ],
        }

    return await run_in_threadpool(told)


def quality_document(found: Quality, language: str, *, examples: bool) -> dict[str, Any]:
    """The numbers of the data-quality page; names of single resources only with `examples`."""
    return {
        "days": [one.as_json() for one in found.days],
        "profiles": [one.as_json() for one in found.profiles],
        "types": [one.as_json() for one in found.types],
        "sources": [one.as_json() for one in found.sources],
        "levels": {"default": found.levels.default, "by_type": dict(found.levels.by_type)},
        "examples": examples,
        "findings": [
            row(seen.finding, language)
            | {
                "source": spot[1],
                "type": spot[2],
                "place": spot[5],
                "count": seen.seen,
                "last_day": spot[0].isoformat(),
            }
            | ({"example": seen.example, "example_at": seen.example_at} if examples else {})
            for spot, seen in found.findings
        ],
    }


def _import_row(report: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("at", "files", "loaded", "rejected", "validation")
    return {name: report[name] for name in kept if name in report}


async def _document(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InvalidInput("The request is not JSON.", next_step="Send a JSON object.") from error


def _texts(document: Any) -> dict[str, str]:
    if not isinstance(document, dict):
        raise InvalidInput("The request is not a JSON object.", next_step="Send a JSON object.")
    return {str(name): value for name, value in document.items() if isinstance(value, str)}


def _language(request: Request) -> str:
    return "en" if request.query_params.get("lang") == "en" else "de"


def refusal(error: MihubError) -> Response:
    """An error as an outcome whose text holds what, where, rule and next step."""
    body = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": error.issue_code, "diagnostics": str(error)}],
    }
    return JSONResponse(body, error.http_status, media_type="application/fhir+json")


__all__ = ["routes"]
