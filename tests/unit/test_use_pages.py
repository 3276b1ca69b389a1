"""The pages of refused records and data quality: what they show, what they send to the site, who is kept out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from starlette.testclient import TestClient

from mihub.portals.admin.chart import Chart, Series
from mihub.portals.shell.app import create_app
from mihub.portals.shell.houses import HouseClient
from tests.unit.region_of_memory import csrf, portal_of_memory, sign_in

_FINDING = {
    "severity": "error", "code": "required", "expression": "Observation.status", "rule": "cardinality-min",
    "profile": "https://x.org/lab", "text": "Fehlt. Ergänzen.", "wrong": "Das Element „status“ fehlt.", "do": "Ergänzen.",
}  # fmt: skip
_ITEM: dict[str, Any] = {
    "id": 7, "state": "waiting", "kind": "resource", "source": "fhir-import", "type": "Observation", "resource_id": "o<1>",
    "file": "labor.ndjson", "line": 3, "entry": None, "client": "", "size_bytes": 90, "received": "2026-11-22T06:00:00+00:00",
    "last": "2026-11-22T06:00:00+00:00", "times": 1, "tries": 0, "has_text": True, "decided_by": "", "decided": None,
    "reason": "", "rules": ["cardinality-min"], "profiles": ["https://x.org/lab"], "more": 0, "findings": [_FINDING],
    "troubles": [{"reason": "The file is empty.", "rule": "a file holds at least one record", "next": "Export it again."}],
}  # fmt: skip
_TEXT = [
    {"text": "{", "indent": 0, "findings": [0]},
    {"text": '"note": "<b>Geheimnis"', "indent": 1, "findings": []},
    {"text": "}", "indent": 0, "findings": []},
]
_OVERVIEW = {
    "states": {"waiting": 1},
    "rules": {"cardinality-min": 1},
    "types": {"Observation": 1},
    "profiles": {"https://x.org/lab": 1},
    "sources": {"fhir-import": 1},
}


def _share(name: str, checked: int, wrong: int) -> dict[str, Any]:
    right = checked - wrong
    percent = int(1000 * right / checked) / 10
    return {
        "name": name, "checked": checked, "conformant": right, "with_errors": wrong, "with_warnings": 0, "refused": wrong,
        "unknown": 0,
        "percent": percent,
    }  # fmt: skip


_DAYS = [
    _share(day, 100, wrong) | {"profiles": {"https://x.org/lab": _share("https://x.org/lab", 100, wrong)}}
    for day, wrong in (("2026-11-21", 3), ("2026-11-22", 0))
]
_COUNTED = {
    "source": "fhir-import",
    "type": "Observation",
    "place": "Observation.status",
    "count": 3,
    "last_day": "2026-11-22",
}
_QUALITY: dict[str, Any] = {
    "days": _DAYS,
    "profiles": [_share(f"https://x.org/lab{n}", 200, 3) for n in range(15)],
    "types": [_share("Observation", 200, 3)],
    "sources": [_share("fhir-import", 200, 3)],
    "levels": {"default": "warn", "by_type": {"Encounter": "off", "Patient": "reject"}},
    "examples": False,
    "findings": [_FINDING | _COUNTED],
    "imports": [],
}  # fmt: skip


class _Site:
    """A site's administration API that notes what it is asked. `text`: whether it shows the record."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.text = False
        self.stored = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path == "/admin/quality":
            return httpx.Response(200, json=_QUALITY)
        if path == "/admin/quarantine":
            found = {
                "items": [_ITEM],
                "total": 60,
                "offset": 0,
                "limit": 50,
                "may_act": True,
                "overview": _OVERVIEW,
            }
            return httpx.Response(200, json=found)
        if path == "/admin/quarantine/7":
            text = _TEXT if self.text else None
            seen = {"may_see": self.text, "may_act": True, "text": text, "whole": self.text}
            return httpx.Response(200, json=_ITEM | seen)
        if path == "/admin/quarantine/7/retry":
            return httpx.Response(200, json={"stored": self.stored, "findings": [], "troubles": []})
        if path == "/admin/quarantine/retry":
            return httpx.Response(200, json={"stored": 4, "refused": 1})
        if path == "/admin/quarantine/7/repair" and b"another" in request.content:
            what = "The corrected text is another record: its type or id differs."
            return httpx.Response(400, json={"issue": [{"diagnostics": what}]})
        return httpx.Response(200, json=_ITEM)

    def sent(self, path: str) -> httpx.Request:
        return next(one for one in self.requests if one.url.path == path)


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
@pytest.mark.parametrize("path", ["/a/quarantaene", "/a/quarantaene/7", "/a/qualitaet"])
def test_page_is_whole(browser: TestClient, site: _Site, path: str, language: str) -> None:
    site.text = True
    html = browser.get(f"{path}?lang={language}").text
    assert html.count("<h1") == 1
    assert " style=" not in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert browser.app.state.portal.texts.missing == set()  # type: ignore[attr-defined]  # TestClient.app is untyped


def test_the_list_asks_the_site_for_what_was_chosen(browser: TestClient, site: _Site) -> None:
    html = browser.get("/a/quarantaene?lang=de&rule=cardinality-min&type=Observation&offset=50").text
    asked = dict(site.sent("/admin/quarantine").url.params)
    assert asked | {"profile": "", "source": "", "state": ""} == asked
    assert (asked["rule"], asked["type"], asked["offset"], asked["lang"]) == (
        "cardinality-min",
        "Observation",
        "50",
        "de",
    )
    assert "60 Datensätze" in html
    assert "Das Element „status“ fehlt." in html
    assert "Die Datei ist leer." in html
    assert "Zeile 3" in html
    assert "?rule=cardinality-min&amp;type=Observation&amp;offset=0" in html
    browser.get("/a/quarantaene?offset=-1&state=nonsense")
    assert site.requests[-1].url.params["state"] == ""
    assert site.requests[-1].url.params["offset"] == "0"


def test_a_text_is_shown_only_when_the_site_gives_it(browser: TestClient, site: _Site) -> None:
    hidden = browser.get("/a/quarantaene/7?lang=de").text
    assert "Ihre Rolle sieht keine Daten von Menschen" in hidden
    assert "Geheimnis" not in hidden
    site.text = True
    shown = browser.get("/a/quarantaene/7?lang=de").text
    assert "<mark>{</mark>" in shown
    assert 'href="#befund-1"' in shown
    assert "&lt;b&gt;Geheimnis" in shown
    assert "<b>Geheimnis" not in shown
    assert "Dass Sie ihn ansehen, ist aufgeschrieben" in shown


def test_actions_reach_the_site(browser: TestClient, site: _Site) -> None:
    token = csrf(browser.get("/a/quarantaene/7?lang=de").text)
    stored = browser.post("/a/quarantaene/7/erneut", data={"_csrf": token})
    assert "Der Datensatz ist gespeichert." in stored.text
    site.stored = False
    assert "wieder zurückgestellt" in browser.post("/a/quarantaene/7/erneut", data={"_csrf": token}).text
    many = browser.post("/a/quarantaene/erneut", data={"_csrf": token, "rule": "cardinality-min"})
    assert "Gespeichert: 4. Wieder zurückgestellt: 1." in many.text
    assert orjson.loads(site.sent("/admin/quarantine/retry").content)["rule"] == "cardinality-min"
    pasted = browser.post(
        "/a/quarantaene/7/reparieren", data={"_csrf": token, "text": "{}"}, files={"file": ("", b"")}
    )
    assert "aufgehoben und geprüft" in pasted.text
    assert site.sent("/admin/quarantine/7/repair").content == b"{}"
    browser.post(
        "/a/quarantaene/7/reparieren",
        data={"_csrf": token, "text": "x"},
        files={"file": ("b.json", b'{"a":1}')},
    )
    assert any(one.content == b'{"a":1}' for one in site.requests)
    gone = browser.post("/a/quarantaene/7/verwerfen", data={"_csrf": token, "reason": "Testdaten"})
    assert "Der Datensatz ist verworfen." in gone.text
    assert orjson.loads(site.sent("/admin/quarantine/7/discard").content) == {"reason": "Testdaten"}


def test_what_is_missing_or_refused_is_said(browser: TestClient) -> None:
    token = csrf(browser.get("/a/quarantaene/7?lang=de").text)
    empty = browser.post("/a/quarantaene/7/reparieren", data={"_csrf": token, "text": " "})
    assert empty.status_code == 422
    assert "Bitte fügen Sie den berichtigten Text ein" in empty.text
    assert browser.post("/a/quarantaene/7/verwerfen", data={"_csrf": token}).status_code == 422
    other = browser.post("/a/quarantaene/7/reparieren", data={"_csrf": token, "text": "another"})
    assert other.status_code == 422
    assert "ein anderer Datensatz" in other.text
    assert "another</textarea>" in other.text, "what was typed is not lost"
    assert browser.post("/a/quarantaene/7/verwerfen", data={"reason": "abc"}).status_code == 403, "no token"


def test_quality_shows_shares_findings_and_what_is_off(browser: TestClient, site: _Site) -> None:
    html = browser.get("/a/qualitaet?lang=de&days=30").text
    assert site.sent("/admin/quality").url.params["days"] == "30"
    for words in (
        "98,5 %",
        "Nicht geprüft wird: Encounter.",
        "3 weitere Profile",
        "Ihre Rolle sieht keine einzelnen",
    ):
        assert words in html
    assert html.count('<svg class="chart"') == 1
    assert "21." in html
    browser.get("/a/qualitaet?days=1000000")
    assert site.requests[-1].url.params["days"] == "90"


def test_others_are_kept_out(site: _Site) -> None:
    with TestClient(create_app(portal_of_memory())) as browser:
        sign_in(browser, "researcher")
        assert browser.get("/a/qualitaet").status_code == 403
        assert browser.get("/a/quarantaene").status_code == 403
        sign_in(browser, "dpo")
        token = csrf(browser.get("/a/datenschutz").text)
        assert (
            browser.post("/a/quarantaene/7/verwerfen", data={"_csrf": token, "reason": "abc"}).status_code
            == 403
        )


def test_the_chart_draws_what_there_is() -> None:
    series = (Series("Alle", (97.0, None, 100.0)), Series("R4 <b>", (None, None, None)))
    svg = str(Chart(("1.", "2.", "3."), series).svg("Anteil"))
    assert svg.count("<path") == 2 + 2, "two points, two marks of the legend"
    assert "&lt;b&gt;" in svg
    assert Chart(("1.",), (Series("x", (97.0,)),)).lowest == 90
    assert Chart(("1.",), (Series("x", (12.0,)),)).lowest == 10
    assert "style" not in svg
