"""The pages of the site engineer and of data protection. Everything comes from the site's own
administration API.

Each engineer sees only their own site: its address follows from their organisation, never from the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mihub.core.policy.actor import Role
from mihub.errors import (
    InvalidInput,
    MihubError,
    NotSupported,
    StorageFull,
    TooLarge,
    Unavailable,
    Unprocessable,
)
from mihub.portals.admin import quality, quarantine
from mihub.portals.admin.refusal import Refusal, refusal_of
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.houses import HouseClient
from mihub.portals.shell.page import language_of, page, see_other
from mihub.portals.shell.portal import CARE_RECORD, Portal
from mihub.portals.shell.reasons import told

_ENGINEERS: Final = frozenset({Role.SITE_ENGINEER})
_OFFICERS: Final = frozenset({Role.DATA_PROTECTION_OFFICER, Role.HUB_OPERATOR})
_EXAMPLE: Final = Path(__file__).resolve().parents[2] / "content" / "texts" / "example-question.json"
_SHOWN_REASONS: Final = 200
# Answers that belong on the page of the form; every other error gets a page of its own.
_REFUSALS: Final = (InvalidInput, NotSupported, StorageFull, TooLarge, Unavailable, Unprocessable)


@require(*_ENGINEERS, *_OFFICERS)
async def status(request: Request) -> Response:
    """What the site holds and how far its parts are; who protects data has a page of their own."""
    if session_of(request).actor.role in _OFFICERS:
        return see_other(request, "/a/datenschutz")
    document = await _site(request).get("/admin/status")
    resources = document.get("resources")
    counts = sorted(resources.items(), key=lambda item: -int(item[1])) if isinstance(resources, dict) else []
    rest = [(name, value) for name, value in document.items() if not isinstance(value, dict | list)]
    imports = (await _site(request).get("/admin/imports")).get("imports", [])
    return page(
        request,
        "admin/status.html",
        counts=counts,
        facts=rest,
        total=sum(int(n) for _, n in counts),
        latest=imports[-1:],
    )


@require(Role.SITE_ENGINEER)
async def imports(request: Request) -> Response:
    """The account of past imports and the form for the next one."""
    kept = (await _site(request).get("/admin/imports")).get("imports", [])
    return page(
        request,
        "admin/import.html",
        told=partial(told, language_of(request)),
        reports=[_shown(report) for report in reversed(kept)],
        errors=None,
        refusal=None,
        fresh=None,
    )


@require(Role.SITE_ENGINEER)
async def run_import(request: Request) -> Response:
    """Hand the files to the site, show its account."""
    form, errors = await request.form(), FormErrors()
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile) and value.filename]
    report: dict[str, Any] | None = None
    refusal: Refusal | None = None
    if not files:
        errors.add("file", "admin.import.no_file")
    else:
        try:
            report = await _send(request, files, form)
        except _REFUSALS as error:
            refusal = refusal_of(error)
    kept = (await _site(request).get("/admin/imports")).get("imports", [])
    return page(
        request,
        "admin/import.html",
        status=422 if errors or refusal else 200,
        told=partial(told, language_of(request)),
        reports=[_shown(known) for known in reversed(kept)],
        errors=errors,
        refusal=refusal,
        fresh=_shown(report) if report else None,
    )


@require(Role.SITE_ENGINEER)
async def question(request: Request) -> Response:
    """The form for a count, with an example question."""
    return page(
        request,
        "admin/count.html",
        told=partial(told, language_of(request)),
        ccdl=_EXAMPLE.read_text(encoding="utf-8"),
        count=None,
        errors=None,
        refusal=None,
    )


@require(Role.SITE_ENGINEER)
async def count(request: Request) -> Response:
    """The exact count of one question, before and after consent, with what each part leaves."""
    form, errors = await request.form(), FormErrors()
    text = errors.text(form, "ccdl", required=True, limit=200_000)
    ccdl = _json(text, errors) if text else None
    found: dict[str, Any] | None = None
    refusal: Refusal | None = None
    if not errors:
        try:
            found = await _site(request).post("/admin/count", ccdl)
        except _REFUSALS as error:
            refusal = refusal_of(error)
    failed = bool(errors) or refusal is not None
    return page(
        request,
        "admin/count.html",
        status=422 if failed else 200,
        told=partial(told, language_of(request)),
        ccdl=text,
        count=found,
        errors=errors,
        refusal=refusal,
    )


@require(Role.DATA_PROTECTION_OFFICER, Role.HUB_OPERATOR)
async def protection(request: Request) -> Response:
    """How many accesses the care record has written down, and what patients can see of them."""
    portal, session = portal_of(request), session_of(request)
    record = portal.record(session)
    try:
        accesses: int | None = await record.count("AuditEvent")
    except MihubError:
        # The officer's role may not be let in by this site's policy; the page says that instead of a number.
        accesses = None
    return page(request, "admin/protection.html", accesses=accesses, record=CARE_RECORD)


def routes(portal: Portal) -> Sequence[Route]:
    """All pages of the area."""
    return [
        Route("/a", status),
        Route("/a/import", imports),
        Route("/a/import", run_import, methods=["POST"]),
        Route("/a/quarantaene", quarantine.items),
        Route("/a/quarantaene/erneut", quarantine.retry_all, methods=["POST"]),
        Route("/a/quarantaene/{item:int}", quarantine.item),
        Route("/a/quarantaene/{item:int}/erneut", quarantine.retry, methods=["POST"]),
        Route("/a/quarantaene/{item:int}/reparieren", quarantine.repair, methods=["POST"]),
        Route("/a/quarantaene/{item:int}/verwerfen", quarantine.discard, methods=["POST"]),
        Route("/a/qualitaet", quality.show),
        Route("/a/zaehlung", question),
        Route("/a/zaehlung", count, methods=["POST"]),
        Route("/a/datenschutz", protection),
    ]


def _site(request: Request) -> HouseClient:
    session = session_of(request)
    return portal_of(request).http(session, session.actor.organization)


async def _send(request: Request, files: Sequence[UploadFile], form: FormData) -> dict[str, Any]:
    parts = [("file", (file.filename or "upload", file.file)) for file in files]
    data = {"dry_run": "true" if form.get("dry_run") else "false"}
    report: dict[str, Any] = await _site(request).ask("POST", "/admin/import", files=parts, data=data)
    return report


def _json(text: str, errors: FormErrors) -> dict[str, Any] | None:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        errors.add("ccdl", "admin.count.not_json")
        return None
    if not isinstance(document, dict):
        errors.add("ccdl", "admin.count.not_json")
        return None
    return document


def _shown(report: dict[str, Any]) -> dict[str, Any]:
    """The report with at most so many reasons on the page; how many are left out is said."""
    reasons = report.get("reasons", [])
    return {**report, "reasons": reasons[:_SHOWN_REASONS], "more": max(0, len(reasons) - _SHOWN_REASONS)}


AREA = Area(
    "admin",
    _ENGINEERS | _OFFICERS | quality.READERS,
    routes,
    (
        NavItem("/a", "admin.nav.status", _ENGINEERS, exact=True),
        NavItem("/a/import", "admin.nav.import", _ENGINEERS),
        NavItem("/a/quarantaene", "admin.nav.quarantine", quality.READERS),
        NavItem("/a/qualitaet", "admin.nav.quality", quality.READERS),
        NavItem("/a/zaehlung", "admin.nav.count", _ENGINEERS),
        NavItem("/a/datenschutz", "admin.nav.protection", _OFFICERS),
    ),
    home="/a",
    home_for=_ENGINEERS | _OFFICERS,
)
