"""Rendering: one template and its context to one answer, with everything a page needs already in it.

Templates live beside their area (`portals/<area>/templates/x.html` is "area/x.html"), escape everything,
and find `t`, formats, `asset`, `session`, `nav`, `region` and the macros of `shell/macros.html`. No page is
cached anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mihub.portals.shell import formats
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.assets import Assets
from mihub.portals.shell.guard import SEED_COOKIE, csrf_token, optional_session, portal_of, seed_of
from mihub.portals.shell.session import Flash, Session
from mihub.portals.shell.texts import LANGUAGES, Language

_PORTALS: Final = Path(__file__).resolve().parents[1]
LANGUAGE_COOKIE: Final = "lang"
_FORMATS: Final = ("day", "short_day", "moment", "weekday", "number", "measured")


def environment(assets: Assets) -> Environment:
    """The template environment over all areas' folders."""
    folders = {path.parent.name: FileSystemLoader(path) for path in _PORTALS.glob("*/templates")}
    made = Environment(
        loader=PrefixLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = assets.url
    made.filters["person_name"] = formats.person_name
    return made


def language_of(request: Request) -> Language:
    """`?lang=` first, then the cookie, then the browser's wish; German otherwise."""
    wished = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    if not wished:
        wished = request.headers.get("accept-language", "de")[:2].lower()
    return next((language for language in LANGUAGES if language == wished), "de")


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """The rendered template as an answer."""
    language = language_of(request)
    html = request.app.state.environment.get_template(template).render(
        **_common(request, language), **context
    )
    answer = Response(html, status, media_type="text/html")
    return _with_cookies(request, answer, language)


def see_other(request: Request, path: str, *, flash: Flash | None = None) -> Response:
    """After a POST: go there, showing one message on arrival."""
    session = optional_session(request)
    if flash is not None and session is not None:
        session.flashes.append(flash)
    return _with_cookies(request, RedirectResponse(path, 303), language_of(request))


def text_of(request: Request, key: str, **values: object) -> str:
    """A text in the language of the request, for code that must choose one."""
    return portal_of(request).texts.text(language_of(request), key, **values)


def _common(request: Request, language: Language) -> dict[str, Any]:
    portal, session = portal_of(request), optional_session(request)
    nav = _nav(request.app.state.areas, session, request.url.path)
    return {
        "t": partial(portal.texts.text, language),
        "has_text": partial(portal.texts.has, language),
        "lang": language,
        "other_languages": [_other(request, other) for other in LANGUAGES if other != language],
        "session": session,
        "flashes": session.take_flashes() if session else [],
        "nav": nav,
        "region": portal.region,
        "is_demo": portal.is_demo,
        "csrf": Markup('<input type="hidden" name="_csrf" value="{}">').format(csrf_token(request)),
        "csrf_token": csrf_token(request),
        "path": request.url.path,
        "today": portal.today(),
        "home": nav[0]["path"] if nav else "/",
        **{name: partial(_formatted, getattr(formats, name), language) for name in _FORMATS},
    }


def _formatted(format_value: Any, language: Language, value: object) -> str:
    return str(format_value(value, language))


def _other(request: Request, language: Language) -> Mapping[str, str]:
    # A query alone stays at this very address, whatever a crafted path looks like ("//elsewhere").
    return {"language": language, "url": f"?{request.url.include_query_params(lang=language).query}"}


def _nav(areas: tuple[Area, ...], session: Session | None, path: str) -> list[dict[str, Any]]:
    if session is None:
        return []
    items = [item for area in areas for item in area.nav if session.actor.role in item.roles]
    current = max(
        (item for item in items if _is_current(item, path)), key=lambda item: len(item.path), default=None
    )
    return [{"path": item.path, "text": item.text, "current": item is current} for item in items]


def _is_current(item: NavItem, path: str) -> bool:
    return path == item.path or (not item.exact and path.startswith(item.path + "/"))


def _with_cookies(request: Request, answer: Response, language: Language) -> Response:
    secure = portal_of(request).secure_cookies
    if SEED_COOKIE not in request.cookies:
        answer.set_cookie(SEED_COOKIE, seed_of(request), httponly=True, samesite="strict", secure=secure)
    if request.query_params.get("lang") == language and request.cookies.get(LANGUAGE_COOKIE) != language:
        answer.set_cookie(
            LANGUAGE_COOKIE, language, max_age=31536000, httponly=True, samesite="lax", secure=secure
        )
    return answer
