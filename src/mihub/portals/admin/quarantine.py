"""The pages of refused records: the list with its filters, one record, and what can be done with it.

The text of a record comes from the site only for who may see records there; everybody else sees findings and places.
Above: `routes`. Below: the site's administration API.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from mihub.core.policy.actor import Role
from mihub.errors import Conflict, InvalidInput, TooLarge, Unavailable, Unprocessable
from mihub.portals.admin.quality import READERS, label
from mihub.portals.admin.refusal import Refusal, refusal_of
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.houses import HouseClient
from mihub.portals.shell.page import language_of, page, see_other
from mihub.portals.shell.reasons import told
from mihub.portals.shell.session import Flash, Tone

ACTORS: Final = frozenset({Role.SITE_ENGINEER, Role.BOARD_COORDINATOR})
_FILTERS: Final = ("rule", "type", "profile", "source", "state")
STATES: Final = ("waiting", "repaired", "retried-ok", "discarded")
_REFUSALS: Final = (Conflict, InvalidInput, TooLarge, Unavailable, Unprocessable)
_MOST_TEXT: Final = 900_000
# A longer text is corrected in a file.
_MOST_PREFILLED: Final = 200_000


@require(*READERS)
async def items(request: Request) -> Response:
    """The refused records that fit the filters, newest first."""
    asked = {name: request.query_params.get(name, "")[:300] for name in _FILTERS}
    offset = request.query_params.get("offset", "0")
    offset = offset if offset.isdecimal() and len(offset) < 7 else "0"
    if asked["state"] not in ("", "all", *STATES):
        asked["state"] = ""
    found = await _site(request).get(
        "/admin/quarantine", {**asked, "offset": offset, "lang": language_of(request)}
    )
    chosen = {name: value for name, value in asked.items() if value}
    return page(
        request,
        "admin/quarantine.html",
        told=partial(told, language_of(request)),
        found=found,
        asked=asked,
        chosen=chosen,
        states=STATES,
        label=label,
        may_act=found["may_act"] and session_of(request).actor.role in ACTORS,
        before=_page(chosen, int(offset) - found["limit"]) if int(offset) else None,
        after=_page(chosen, int(offset) + found["limit"])
        if int(offset) + found["limit"] < found["total"]
        else None,
    )


@require(*READERS)
async def item(request: Request) -> Response:
    """One refused record."""
    return await _item(request)


@require(*ACTORS)
async def retry_all(request: Request) -> Response:
    """Try all open records that fit the filters."""
    form = await request.form()
    asked = {name: str(form.get(name) or "")[:300] for name in _FILTERS if name != "state"}
    done = await _site(request).post("/admin/quarantine/retry", asked)
    values = (("stored", str(done["stored"])), ("refused", str(done["refused"])))
    tone: Tone = "warning" if done["refused"] else "success"
    return see_other(request, "/a/quarantaene", flash=Flash("admin.quarantine.tried_all", tone, values))


@require(*ACTORS)
async def retry(request: Request) -> Response:
    """Try one again."""
    try:
        tried = await _site(request).post(f"{_address(request)}/retry?lang={language_of(request)}", {})
    except _REFUSALS as error:
        return await _item(request, refusal=refusal_of(error))
    if tried["stored"]:
        return see_other(request, "/a/quarantaene", flash=Flash("admin.quarantine.stored"))
    return see_other(request, _here(request), flash=Flash("admin.quarantine.refused_again", "warning"))


@require(*ACTORS)
async def repair(request: Request) -> Response:
    """Keep a corrected text, pasted or as a file; it is validated at once."""
    form, errors = await request.form(), FormErrors()
    body = await _sent(form, errors)
    if errors:
        return await _item(request, errors=errors)
    try:
        await _site(request).ask(
            "POST",
            f"{_address(request)}/repair",
            content=body,
            headers={"Content-Type": "application/octet-stream"},
        )
    except _REFUSALS as error:
        return await _item(request, refusal=refusal_of(error), typed=body.decode("utf-8", errors="replace"))
    return see_other(request, _here(request), flash=Flash("admin.quarantine.repaired"))


@require(*ACTORS)
async def discard(request: Request) -> Response:
    """Give one up with a reason."""
    form, errors = await request.form(), FormErrors()
    reason = errors.text(form, "reason", required=True, limit=500)
    if errors:
        return await _item(request, errors=errors)
    try:
        await _site(request).post(f"{_address(request)}/discard", {"reason": reason})
    except _REFUSALS as error:
        return await _item(request, refusal=refusal_of(error))
    return see_other(request, "/a/quarantaene", flash=Flash("admin.quarantine.discarded"))


async def _item(
    request: Request,
    *,
    errors: FormErrors | None = None,
    refusal: Refusal | None = None,
    typed: str | None = None,
) -> Response:
    found = await _site(request).get(_address(request), {"lang": language_of(request)})
    kept = found["text"] if found.get("whole") else None
    plain = _plain(kept) if typed is None else typed
    return page(
        request,
        "admin/quarantine_item.html",
        status=422 if errors or refusal else 200,
        told=partial(told, language_of(request)),
        found=found,
        plain=plain if len(plain) <= _MOST_PREFILLED else "",
        errors=errors,
        refusal=refusal,
        label=label,
        is_open=found["state"] in STATES[:2],
        may_act=found["may_act"] and session_of(request).actor.role in ACTORS,
    )


async def _sent(form: FormData, errors: FormErrors) -> bytes:
    file = form.get("file")
    if isinstance(file, UploadFile) and file.filename:
        return await file.read()
    text = form.get("text")
    if not isinstance(text, str) or not text.strip():
        errors.add("text", "admin.quarantine.no_text")
        return b""
    if len(text) > _MOST_TEXT:
        errors.add("text", "shell.form.too_long")
    return text.encode()


def _plain(lines: list[dict[str, Any]] | None) -> str:
    """The text as it is shown, for correcting."""
    return "\n".join("  " * int(line["indent"]) + str(line["text"]) for line in lines or ())


def _page(chosen: dict[str, str], offset: int) -> str:
    return "?" + urlencode({**chosen, "offset": str(max(0, offset))})


def _address(request: Request) -> str:
    return f"/admin/quarantine/{int(request.path_params['item'])}"


def _here(request: Request) -> str:
    return f"/a/quarantaene/{int(request.path_params['item'])}"


def _site(request: Request) -> HouseClient:
    session = session_of(request)
    return portal_of(request).http(session, session.actor.organization)
