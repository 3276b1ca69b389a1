"""The frame of the portal: sign-in, guards, CSRF, headers, error pages, static files, texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from mihub.core.policy.actor import Access, Actor, MemberId, PersonId, Role, TransportId
from mihub.errors import Conflict
from mihub.portals.shell.app import create_app
from mihub.portals.shell.areas import Area, NavItem
from mihub.portals.shell.guard import require, session_of
from mihub.portals.shell.houses import Houses
from mihub.portals.shell.page import page, see_other
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Region
from mihub.portals.shell.session import Flash, RecordPlace
from tests.unit.region_of_memory import portal_of_memory, sign_in

_REGION = {
    "members": [{"id": "praxis-a", "name": "Hausarztpraxis Lindenhof", "phone": "03731 555 010"}],
    "personas": [
        {
            "id": "gp",
            "role": "gp",
            "name": "Dr. Probe",
            "member": "praxis-a",
            "label": {"de": "Hausarzt", "en": "GP"},
        },
        {
            "id": "patient",
            "role": "patient",
            "name": "Kerstin Muster-Test",
            "member": "netzwerk",
            "patient_number": "MR1",
        },
    ],
}


class _People:
    async def by_number(
        self, member: str, patient_number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        return PersonId("person"), (RecordPlace(MemberId(member), TransportId("aa")),)

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        return None, ()


def _sign(access: Access, audience: MemberId) -> str:
    return f"{access.actor.id}>{audience}"


async def _home(request: Request) -> Response:
    return page(request, "shell/failure.html", title="Probe", kind="404", error=None)


async def _post(request: Request) -> Response:
    return see_other(request, "/t", flash=Flash("shell.failure.home"))


async def _conflict(request: Request) -> Response:
    raise Conflict(
        "The case was changed <b>meanwhile</b>.", where="case", rule="If-Match", next_step="Open it again."
    )


async def _crash(request: Request) -> Response:
    raise ValueError("a value of a patient")


@require(Role.NURSE)
async def _nurse(request: Request) -> Response:
    return Response(session_of(request).actor.name)


def _team_routes(portal: Portal) -> list[Route]:
    return [
        Route("/t", _home),
        Route("/t/post", _post, methods=["POST"]),
        Route("/t/conflict", _conflict),
        Route("/t/crash", _crash),
        Route("/t/nurse", _nurse),
    ]


_TEAM = frozenset({Role.GP, Role.NURSE})
_AREAS = (
    Area("patient", frozenset({Role.PATIENT}), lambda portal: [Route("/p", _home)], (), "/p"),
    Area("team", _TEAM, _team_routes, (NavItem("/t", "shell.role.gp", _TEAM),), "/t"),
)


@pytest.fixture
def portal() -> Portal:
    return Portal(
        region=Region.parse(_REGION),
        houses=Houses(fhir={}, roots={"hub": httpx.AsyncClient()}, sign=_sign),
        people=_People(),
        today=lambda: date(2026, 11, 23),
        is_demo=True,
    )


@pytest.fixture
def browser(portal: Portal) -> Iterator[TestClient]:
    with TestClient(create_app(portal, only=_AREAS), raise_server_exceptions=False) as client:
        yield client


def _token(html: str) -> str:
    found = re.search(r'name="_csrf" value="([0-9a-f]+)"', html)
    assert found, "every form carries the CSRF field"
    return found[1]


def _sign_in(browser: TestClient, persona: str) -> Response:
    token = _token(browser.get("/").text)
    return browser.post("/anmelden", data={"_csrf": token, "persona": persona}, follow_redirects=False)


def test_start_page_lists_the_sign_ins_in_both_languages(browser: TestClient) -> None:
    german = browser.get("/").text
    assert '<html lang="de"' in german
    assert "Hausarzt" in german
    english = browser.get("/?lang=en").text
    assert '<html lang="en"' in english
    assert "GP" in english
    assert '<html lang="en"' in browser.get("/").text, "the choice is remembered"


def test_sign_in_leads_to_the_area_of_the_role(browser: TestClient) -> None:
    assert _sign_in(browser, "gp").headers["location"] == "/t"
    assert _sign_in(browser, "patient").headers["location"] == "/p"
    page_of_gp = browser.get("/t").text
    assert "Dr. Probe" in page_of_gp
    assert 'aria-current="page"' in page_of_gp
    assert "Dr. Probe" not in browser.get("/p").text, "a staff session is not known in the patient area"


def test_sign_in_without_the_token_is_refused(browser: TestClient) -> None:
    browser.get("/")
    answer = browser.post("/anmelden", data={"persona": "gp"})
    assert answer.status_code == 403
    assert "Es wurde nichts geändert" in answer.text
    assert "mihub_s" not in browser.cookies


def test_a_token_of_another_browser_is_refused(portal: Portal) -> None:
    app = create_app(portal, only=_AREAS)
    mine, theirs = TestClient(app), TestClient(app)
    token = _token(theirs.get("/").text)
    mine.get("/")
    assert mine.post("/anmelden", data={"_csrf": token, "persona": "gp"}).status_code == 403


def test_sign_in_outside_demo_mode_is_refused(portal: Portal) -> None:
    closed = Portal(portal.region, portal.houses, portal.people, portal.today, is_demo=False)
    browser = TestClient(create_app(closed, only=_AREAS))
    first = browser.get("/")
    assert "Dr. Probe" not in first.text
    _sign_in(browser, "gp") if "_csrf" in first.text else None
    assert browser.get("/t", follow_redirects=False).status_code == 303


def test_area_pages_need_a_session_of_their_own(browser: TestClient) -> None:
    assert browser.get("/t", follow_redirects=False).headers["location"].startswith("/?anmelden")
    _sign_in(browser, "patient")
    assert browser.get("/p").status_code == 200
    assert browser.get("/t", follow_redirects=False).status_code == 303


def test_role_of_a_page_is_checked(browser: TestClient) -> None:
    _sign_in(browser, "gp")
    answer = browser.get("/t/nurse")
    assert answer.status_code == 403
    assert "Diese Seite ist für Sie nicht offen" in answer.text


def test_post_in_an_area_needs_the_token_and_flashes_once(browser: TestClient) -> None:
    _sign_in(browser, "gp")
    assert browser.post("/t/post").status_code == 403
    token = _token(browser.get("/t").text)
    assert "Zur Startseite" in browser.post("/t/post", data={"_csrf": token}).text
    assert browser.post("/t/post", headers={"X-CSRF-Token": token}, follow_redirects=False).status_code == 303


def test_sign_out_ends_the_session(browser: TestClient) -> None:
    _sign_in(browser, "gp")
    token = _token(browser.get("/t").text)
    browser.post("/abmelden", data={"_csrf": token})
    assert browser.get("/t", follow_redirects=False).status_code == 303


def test_errors_are_pages_in_plain_words(browser: TestClient) -> None:
    _sign_in(browser, "gp")
    conflict = browser.get("/t/conflict")
    assert conflict.status_code == 409
    assert "Jemand war schneller" in conflict.text
    assert "&lt;b&gt;meanwhile" in conflict.text, "texts of errors are escaped"
    crash = browser.get("/t/crash")
    assert crash.status_code == 500
    assert "value of a patient" not in crash.text
    fragment = browser.get("/t/conflict", headers={"HX-Request": "true"}).text
    assert "<html" not in fragment
    assert 'role="alert"' in fragment
    assert browser.get("/nirgendwo").status_code == 404


def test_headers_forbid_everything_from_elsewhere(browser: TestClient) -> None:
    answer = browser.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite" in cookie


def test_pages_hold_no_inline_style_or_script(browser: TestClient) -> None:
    html = browser.get("/").text
    assert " style=" not in html
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]*src=)", html)


def test_static_files_are_hashed_immutable_and_compressed(browser: TestClient) -> None:
    address = re.search(r'href="(/static/hub\.[0-9a-f]+\.css)"', browser.get("/").text)
    assert address
    answer = browser.get(address[1])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert "/static/third_party/fonts/FiraSans-Regular.latin." in answer.text, (
        "fonts are named by hash as well"
    )
    assert browser.get("/static/hub.css").status_code == 404
    assert browser.get("/static/../portal.py").status_code == 404


def test_no_text_is_missing(browser: TestClient, portal: Portal) -> None:
    for language in ("de", "en"):
        browser.get(f"/?lang={language}")
        browser.get("/nirgendwo")
    assert portal.texts.missing == set()


def test_catalogues_have_the_same_keys_in_both_languages(portal: Portal) -> None:
    german, english = portal.texts.keys("de"), portal.texts.keys("en")
    assert german - english == set(), "these keys have no English text"
    assert english - german == set(), "these keys have no German text"


def test_first_page_is_light(browser: TestClient) -> None:
    total = 0
    html = browser.get("/").text
    for address in {*re.findall(r'(?:href|src)="(/static/[^"]+)"', html)}:
        answer = browser.get(address, headers={"Accept-Encoding": "gzip"})
        total += int(answer.headers["content-length"])
    assert total < 80_000, f"static files of the first page weigh {total} bytes"


def test_signing_in_again_ends_the_session_before() -> None:
    portal = portal_of_memory()
    with TestClient(create_app(portal)) as browser:
        sign_in(browser, "gp")
        before = browser.cookies["mihub_s"]
        sign_in(browser, "engineer")
        assert browser.cookies["mihub_s"] != before
        assert portal.sessions.find(before) is None


def test_the_link_to_the_other_language_stays_here_whatever_the_address() -> None:
    with TestClient(create_app(portal_of_memory())) as browser:
        html = browser.get("http://testserver//elsewhere.example/x?lang=de").text
    assert "//elsewhere.example" not in html
    assert 'href="?lang=en"' in html
