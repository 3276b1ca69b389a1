"""The site engineer's pages: status, import with its account, exact count; nobody else gets in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from starlette.testclient import TestClient

from mihub.portals.shell.app import create_app
from mihub.portals.shell.houses import HouseClient
from tests.unit.region_of_memory import csrf, portal_of_memory, sign_in

_REPORT: dict[str, Any] = {
    "at": "2026-11-22T06:00:00+00:00",
    "files": 3,
    "loaded": 40,
    "rejected": 2,
    "resources": {"created": 180, "updated": 4, "unchanged": 0, "deleted": 0},
    "reasons": [
        {
            "file": "a.xml",
            "line": 17,
            "reason": "The date is not a date.",
            "rule": "oBDS 3.0.4",
            "next": "Correct it.",
        },
        {"file": "b.json", "entry": 3, "reason": "Unknown <type>.", "rule": "FHIR R4", "next": "Remove it."},
    ],
    "notes": [],
    "dry_run": False,
}
_STEPS = {"people": 90, "steps": [{"label": "C34", "excludes": False, "alone": 12, "remaining": 12}]}
_COUNT: dict[str, Any] = {
    "before_consent": 12,
    "with_consent": 4,
    "would_show": "<5",
    "min_cell": 5,
    "position": 900,
    "duration_ms": 31,
    "query": "q",
    "attrition": _STEPS,
    "attrition_with_consent": _STEPS,
    "refused": {"withdrawn": 2},
    "not_compared": {},
}


class _Site:
    """A site's administration API that notes what it is asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/admin/status":
            return httpx.Response(
                200,
                json={"member": "chemnitz", "resources": {"Patient": 90, "Condition": 1234}, "position": 900},
            )
        if request.url.path == "/admin/imports":
            return httpx.Response(200, json={"imports": [_REPORT]})
        if request.url.path == "/admin/import":
            return httpx.Response(
                200, json={**_REPORT, "dry_run": b'name="dry_run"\r\n\r\ntrue' in request.content}
            )
        if orjson.loads(request.content).get("version") != "2":
            outcome = {
                "resourceType": "OperationOutcome",
                "issue": [{"diagnostics": "The version is not 2."}],
            }
            return httpx.Response(400, json=outcome)
        return httpx.Response(200, json=_COUNT)


@pytest.fixture
def site() -> _Site:
    return _Site()


@pytest.fixture
def browser(site: _Site) -> Iterator[TestClient]:
    http = httpx.AsyncClient(transport=httpx.MockTransport(site), base_url="http://chemnitz.test")
    house = HouseClient(http, lambda: "token", name="chemnitz")
    with TestClient(create_app(portal_of_memory(json={"chemnitz": house}))) as client:
        sign_in(client, "engineer")
        yield client


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("path", ["/a", "/a/import", "/a/zaehlung"])
def test_page_is_whole(browser: TestClient, path: str, language: str) -> None:
    html = browser.get(f"{path}?lang={language}").text
    assert html.count("<h1") == 1
    assert f'<html lang="{language}"' in html
    assert " style=" not in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert browser.app.state.portal.texts.missing == set()  # type: ignore[attr-defined]  # TestClient.app is untyped


def test_status_shows_resources_by_type(browser: TestClient) -> None:
    html = browser.get("/a?lang=de").text
    assert "1.324" in html, "the sum, with the German mark for thousands"
    assert html.index("Condition") < html.index("<td>Patient"), "largest first"


def test_import_account_names_place_reason_rule_and_next_step(browser: TestClient) -> None:
    html = browser.get("/a/import?lang=de").text
    for words in (
        "a.xml",
        "Zeile 17",
        "The date is not a date.",
        "oBDS 3.0.4",
        "Correct it.",
        "Eintrag 3",
        "2 Datensätze abgelehnt",
    ):
        assert words in html
    assert "Unknown &lt;type&gt;" in html


def test_upload_reaches_the_site_and_shows_its_account(browser: TestClient, site: _Site) -> None:
    token = csrf(browser.get("/a/import").text)
    files = {"file": ("report.xml", b"<oBDS/>")}
    answer = browser.post("/a/import", data={"_csrf": token, "dry_run": "true"}, files=files)
    assert answer.status_code == 200
    assert "Das würde geschehen" in answer.text
    sent = next(request for request in site.requests if request.url.path == "/admin/import")
    assert b"<oBDS/>" in sent.content
    assert b'filename="report.xml"' in sent.content
    assert sent.headers["authorization"] == "Bearer token"


def test_upload_without_a_file_says_so(browser: TestClient) -> None:
    token = csrf(browser.get("/a/import").text)
    answer = browser.post("/a/import", data={"_csrf": token}, files={"file": ("", b"")})
    assert answer.status_code == 422
    assert "Bitte wählen Sie eine Datei" in answer.text


def test_count_shows_exact_numbers_and_attrition(browser: TestClient) -> None:
    form = browser.get("/a/zaehlung?lang=de").text
    example = re.search(r"<textarea[^>]*>(.*?)</textarea>", form, re.DOTALL)
    assert example
    assert "C34" in example[1]
    answer = browser.post("/a/zaehlung", data={"_csrf": csrf(form), "ccdl": '{"version": "2"}'})
    assert 'data-count="before">12<' in answer.text
    assert 'data-count="with-consent">4<' in answer.text
    assert "&lt;5" in answer.text
    assert "widerrufen" in answer.text


@pytest.mark.parametrize(
    ("ccdl", "words"),
    [
        ("{", "kein gültiges JSON"),
        ("[]", "kein gültiges JSON"),
        ('{"version": "9"}', "The version is not 2."),
    ],
)
def test_a_question_that_cannot_be_counted_is_explained(browser: TestClient, ccdl: str, words: str) -> None:
    token = csrf(browser.get("/a/zaehlung").text)
    answer = browser.post("/a/zaehlung", data={"_csrf": token, "ccdl": ccdl})
    assert answer.status_code == 422
    assert words in answer.text


def test_others_are_kept_out(site: _Site) -> None:
    with TestClient(create_app(portal_of_memory())) as browser:
        assert browser.get("/a", follow_redirects=False).status_code == 303
        sign_in(browser, "researcher")
        assert browser.get("/a").status_code == 403
        sign_in(browser, "dpo")
        assert browser.get("/a/import").status_code == 403
        assert "Was immer gilt" in browser.get("/a/datenschutz").text
