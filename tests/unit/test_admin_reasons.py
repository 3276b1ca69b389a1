"""Why something was rejected stands on the page in the reader's language, from the site's English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from mihub.core.mii.ccdl import parse_ccdl
from mihub.errors import InvalidInput, MihubError, NotSupported, StorageFull, TooLarge
from mihub.portals.admin.refusal import refusal_of
from mihub.portals.shell.app import create_app
from mihub.portals.shell.houses import HouseClient
from tests.unit.region_of_memory import csrf, portal_of_memory, sign_in

_REASONS: list[dict[str, Any]] = [
    {
        "file": "a.xml",
        "line": 17,
        "reason": "Meldung/Diagnose/Diagnosesicherung is not one of 1, 2, 4.",
        "rule": "oBDS 3.0 schema",
        "next": "Correct the report in the tumour documentation and export it again.",
    },
    {"file": "b.json", "reason": "Something new <b>.", "rule": "If-Match", "next": "Try again."},
]
_NOTE = {"file": "", "reason": "7 more open references were not followed up.", "rule": "", "next": ""}
_REPORT: dict[str, Any] = {
    "at": "2026-11-22T06:00:00+00:00",
    "files": 2,
    "loaded": 0,
    "rejected": 2,
    "resources": {"created": 0, "updated": 0, "unchanged": 0, "deleted": 0},
    "reasons": _REASONS,
    "notes": [_NOTE],
    "dry_run": False,
}


class _Site:
    """Answers imports with its account, everything else as it is told to."""

    refusal: MihubError | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/admin/imports":
            return httpx.Response(200, json={"imports": [_REPORT]})
        refused = self.refusal or InvalidInput("Not asked for.")
        body = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": str(refused)}]}
        return httpx.Response(refused.http_status, json=body)


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


def test_a_german_page_tells_reason_rule_and_next_step_in_german(browser: TestClient) -> None:
    html = browser.get("/a/import?lang=de").text
    for words in (
        "Meldung/Diagnose/Diagnosesicherung: Wert unzulässig, erwartet: eines von 1, 2, 4.",
        "oBDS-Schema 3.0",
        "Berichtigen Sie die Meldung in der Tumordokumentation und exportieren Sie sie neu.",
        "<li>Weitere offene Referenzen, denen nicht nachgegangen wurde: 7.</li>",
        '<span lang="en">Something new &lt;b&gt;.</span>',
        ">If-Match</td>",
    ):
        assert words in html
    assert html.count('lang="en"') == html.count('<span lang="en">') + html.count('hreflang="en"') + len(
        re.findall(r'<a[^>]* lang="en"', html)
    )


def test_an_english_page_tells_what_the_site_said(browser: TestClient) -> None:
    html = browser.get("/a/import?lang=en").text
    for reason in _REASONS[:1]:
        assert f">{reason['reason']}</td>" in html
        assert f">{reason['rule']}</td>" in html
        assert f">{reason['next']}</td>" in html


def _refused(document: object) -> MihubError:
    with pytest.raises(MihubError) as caught:
        parse_ccdl(document)
    return caught.value


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            _refused({"version": "1"}),
            ("hat eine Version, die hier nicht gelesen wird", "$.version", "auf Version „2“"),
        ),
        (
            _refused({"version": "2", "inclusionCriteria": [[]]}),
            ("nötig ist mindestens ein Eintrag", "$.inclusionCriteria[0]", "Berichtigen Sie diese Stelle"),
        ),
        (
            TooLarge(
                "The cohort definition holds 501 criteria and 9 codes.", where="$", next_step="Try again."
            ),
            ("501 Kriterien, 9 Codes", "Versuchen Sie es erneut."),
        ),
        (InvalidInput("Odd <i>."), ('<span lang="en">Odd &lt;i&gt;.</span>',)),
    ],
)
def test_a_refused_count_is_told_in_german(
    browser: TestClient, site: _Site, refusal: MihubError, words: tuple[str, ...]
) -> None:
    site.refusal = refusal
    token = csrf(browser.get("/a/zaehlung?lang=de").text)
    answer = browser.post("/a/zaehlung", data={"_csrf": token, "ccdl": "{}"})
    assert answer.status_code == 422
    for word in words:
        assert word in answer.text
    assert "Rule:" not in answer.text
    assert "Next:" not in answer.text


def test_an_upload_that_stops_is_told_on_the_page_of_the_form(browser: TestClient, site: _Site) -> None:
    site.refusal = StorageFull(
        "The disk of the database is full; nothing was written.", next_step="Free disk space, then try again."
    )
    token = csrf(browser.get("/a/import?lang=de").text)
    answer = browser.post("/a/import", data={"_csrf": token}, files={"file": ("a.xml", b"<a/>")})
    assert answer.status_code == 422
    for words in (
        "Diese Dateien wurden nicht angenommen",
        "Der Datenträger der Datenbank ist voll. Es wurde nichts geschrieben.",
        "Schaffen Sie Speicherplatz und versuchen Sie es erneut.",
        "Bericht vom",
    ):
        assert words in answer.text


@pytest.mark.parametrize("where", ["", "$.version", "consent code 4711"])
@pytest.mark.parametrize("rule", ["", "CCDL version 2", "at most 500 criteria, v. 2"])
@pytest.mark.parametrize("next_step", ["", "Use one of: a, mo.", "Do this. Then that."])
def test_a_refusal_is_taken_apart_as_it_was_put_together(where: str, rule: str, next_step: str) -> None:
    sent = NotSupported("It can not be: an age is a quantity.", where=where, rule=rule, next_step=next_step)
    found = refusal_of(InvalidInput(str(sent)))
    assert (found.what, found.where, found.next_step) == (sent.what, where, next_step)
