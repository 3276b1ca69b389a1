"""Everybody in other people's data, on a real site: their pages render in both languages, and nobody sees another.

The portal asks the site over its API with signed statements, as in production. One answer of the site is used for all
pages of a person, because the record does not change while the test reads it.
"""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import orjson
import pytest
from lxml import html as lxml_html
from starlette.testclient import TestClient

from mihub.apps.open_site import OpenSite
from mihub.core.policy.actor import MemberId, TransportId
from mihub.database.embedded import Embedded
from mihub.portals.shell.app import create_app
from mihub.portals.shell.houses import Houses
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Region
from mihub.portals.shell.session import PATIENT_COOKIE, RecordPlace
from tests.real_site import TODAY, as_patient, in_process, real_site, sign, system
from tests.store_record import postgres  # noqa: F401  # a fixture
from tests.unit.region_of_memory import REGION, MemoryPeople

# One site for all tests of this file, also when several processes share the work.
pytestmark = pytest.mark.xdist_group("fixture people")

_SOURCES = ("mii-testdata/bundles", "obds", "torch/InputResources", "fhirpath/examples")
_HERE = MemberId("chemnitz")
_PAGES = ("/p", "/p/verlauf", "/p/befunde")
# What only a defect writes: a text that is missing, an absent value, a trace.
_DEFECT = re.compile(r"\[[a-z_]+(?:\.[a-z_0-9-]+)+\]|\bNone\b|Traceback|\{\{|<Undefined|\bnan\b|\{'")


class _Remembering(httpx.AsyncBaseTransport):
    """Asks the site once for each address and body."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._answers: dict[tuple[str, bytes], tuple[int, httpx.Headers, bytes]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        key = (f"{request.method} {request.url}", await request.aread())
        if key not in self._answers:
            answer = await self._inner.handle_async_request(request)
            self._answers[key] = (answer.status_code, answer.headers, await answer.aread())
        status, headers, content = self._answers[key]
        return httpx.Response(status, headers=headers, content=content)


@pytest.fixture(scope="module")
def site(shared: Path, postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    with real_site(postgres, tmp_path_factory.mktemp("people"), _HERE) as opened:
        opened.importer().run([shared / "data" / source for source in _SOURCES])
        yield opened


@pytest.fixture(scope="module")
def people(site: OpenSite) -> list[str]:
    """The id of every Patient."""
    return site.record.search.ids(site.record.parser.parse("Patient", []))


@pytest.fixture(scope="module")
def portal(site: OpenSite) -> Portal:
    transport = _Remembering(httpx.ASGITransport(app=site.app, raise_app_exceptions=False))
    fhir = httpx.AsyncClient(transport=transport, base_url=f"http://{_HERE}.internal/fhir")
    houses = Houses(fhir={_HERE: fhir}, roots={}, sign=sign)
    return Portal(
        region=Region.parse(REGION),
        houses=houses,
        people=MemoryPeople((_HERE,)),
        today=lambda: TODAY,
        site_timeout_seconds=60.0,
    )


@pytest.fixture(scope="module")
def browser(portal: Portal) -> Iterator[TestClient]:
    with TestClient(create_app(portal), follow_redirects=False) as opened:
        yield opened


def _sign_in(browser: TestClient, portal: Portal, site: OpenSite, patient: str) -> TransportId:
    own = site.transport_id(patient)
    session = portal.sessions.open(as_patient(own).actor, "fixture", records=(RecordPlace(site.member, own),))
    browser.cookies.clear()
    browser.cookies.set(PATIENT_COOKIE, session.token, path="/p")
    return own


def _words(page: str) -> str:
    """What a person reads, attributes for screen readers included."""
    tree = lxml_html.fromstring(page)
    hidden = {"script", "style"}
    said = [text for one in tree.iter() if one.tag not in hidden for text in (one.text, one.tail) if text]
    spoken = ("aria-label", "title", "alt", "placeholder")
    labels = [str(one.get(name)) for one in tree.iter() for name in spoken if one.get(name)]
    return " ".join(" ".join([*said, *labels]).split())


def _read(browser: TestClient, path: str, language: str) -> str:
    answer = browser.get(path, params={"lang": language})
    assert answer.status_code == 200, (path, language, answer.status_code)
    words = _words(answer.text)
    defect = _DEFECT.search(words)
    assert defect is None, (path, language, words[max(0, defect.start() - 80) : defect.end() + 20])
    return answer.text


def test_everybody_has_pages_in_both_languages(
    browser: TestClient,
    portal: Portal,
    site: OpenSite,
    people: list[str],
    everything: dict[str, list[dict[str, Any]]],
) -> None:
    results = 0
    without: set[str] = set()
    for patient in people:
        _sign_in(browser, portal, site, patient)
        for language in ("de", "en"):
            pages = {path: _read(browser, path, language) for path in _PAGES}
            if '<td class="when">' not in pages["/p/verlauf"]:
                without.add(patient)
            for address in sorted(set(re.findall(r'href="(/p/befunde/[^"?#]+)"', pages["/p/befunde"]))):
                _read(browser, address, language)
                results += 1
    print(f"{len(people)} people, {results} result pages, {len(people) - len(without)} with a journey")
    assert portal.texts.missing == set()
    assert len(people) >= 40
    assert results >= 150
    told = {kind for patient in without for kind in {one["resourceType"] for one in everything[patient]}}
    assert told <= {"Patient", "Specimen"}, "whoever has more than a sample has a journey"


def _crawl(browser: TestClient) -> dict[str, str]:
    """Every page of the patient area that can be reached by links."""
    seen: dict[str, str] = {}
    waiting = ["/p"]
    while waiting:
        path = waiting.pop()
        answer = browser.get(path)
        assert answer.status_code == 200, path
        seen[path] = answer.text
        if "text/html" not in answer.headers["content-type"]:
            continue
        for link in lxml_html.fromstring(answer.text).iter("a"):
            address = urljoin(path, link.get("href") or "").partition("#")[0]
            if re.match(r"/p(?:[/?]|$)", address) and address not in seen and address not in waiting:
                waiting.append(address)
    return seen


@pytest.fixture(scope="module")
def everything(site: OpenSite, people: list[str]) -> dict[str, list[dict[str, Any]]]:
    """What the record holds of each person, read by the site's own programs."""

    async def ask() -> dict[str, list[dict[str, Any]]]:
        headers = {"Authorization": f"Bearer {sign(system(_HERE), _HERE)}"}
        async with in_process(site, "/fhir") as http:
            found = {}
            for patient in people:
                answer = await http.get(f"Patient/{patient}/$everything?_count=1000", headers=headers)
                found[patient] = [entry["resource"] for entry in answer.json().get("entry", [])]
            return found

    return asyncio.run(ask())


def _names(patient: dict[str, Any]) -> set[str]:
    families = {str(name["family"]) for name in patient.get("name", []) if "family" in name}
    numbers = {str(one["value"]) for one in patient.get("identifier", []) if len(one.get("value", "")) > 5}
    return families | numbers


def _pair(everything: dict[str, list[dict[str, Any]]]) -> tuple[str, list[str]]:
    """The person of whom most is known, and everybody else."""
    fullest = max(everything, key=lambda patient: len(everything[patient]))
    return fullest, [other for other in everything if other != fullest]


def test_no_page_of_one_person_shows_another(
    browser: TestClient, portal: Portal, site: OpenSite, everything: dict[str, list[dict[str, Any]]]
) -> None:
    person, others = _pair(everything)
    _sign_in(browser, portal, site, person)
    pages = _crawl(browser)
    assert len(pages) > 10
    own = orjson.dumps(everything[person]).decode()
    assert any(str(one["id"]) in path for one in everything[person] for path in pages), "the pages are theirs"
    for other in others:
        patients = [one for one in everything[other] if one["id"] == other]
        marks = {other, *(name for one in patients for name in _names(one))}
        ids = {str(one["id"]) for one in everything[other] if len(str(one["id"])) > 6}
        for mark in sorted(mark for mark in marks | ids if mark not in own):
            shown = [path for path, page in pages.items() if mark in page]
            assert shown == [], f"something of another person stands on {shown}"


def test_results_of_another_person_are_not_found(
    browser: TestClient, portal: Portal, site: OpenSite, everything: dict[str, list[dict[str, Any]]]
) -> None:
    person, others = _pair(everything)
    for other in others[:8]:
        _sign_in(browser, portal, site, other)
        theirs = set(re.findall(r'href="(/p/befunde/[^"?#]+)"', browser.get("/p/befunde").text))
        _sign_in(browser, portal, site, person)
        own = set(re.findall(r'href="(/p/befunde/[^"?#]+)"', browser.get("/p/befunde").text))
        for address in sorted(theirs - own)[:5]:
            assert browser.get(address).status_code == 404, address


def test_the_api_knows_nothing_of_another_person(
    site: OpenSite, everything: dict[str, list[dict[str, Any]]]
) -> None:
    """With one person's statement, each resource of the others answers like one that is not there."""
    person, others = _pair(everything)
    access = as_patient(site.transport_id(person))
    mine = {(one["resourceType"], one["id"]) for one in everything[person]}

    async def ask() -> None:
        headers = {"Authorization": f"Bearer {sign(access, _HERE)}"}
        async with in_process(site, "/fhir") as http:
            http.headers.update(headers)
            for other in others[::3]:
                await _nothing_of(http, other, everything[other], mine)
            await _totals(http, everything[person])

    asyncio.run(ask())


async def _nothing_of(
    http: httpx.AsyncClient, other: str, resources: list[dict[str, Any]], mine: set[tuple[str, str]]
) -> None:
    open_to_all = {"Organization", "Practitioner", "Location", "Medication", "ResearchStudy", "Substance"}
    private = [
        (str(one["resourceType"]), str(one["id"]))
        for one in resources
        if one["resourceType"] not in open_to_all and (one["resourceType"], one["id"]) not in mine
    ]
    for resource_type, resource_id in private[:6]:
        for path in ("", "/_history", "/_history/1"):
            answer = await http.get(f"{resource_type}/{resource_id}{path}")
            assert answer.status_code == 404, (resource_type, path, answer.status_code)
            assert resource_id not in answer.text
        assert (await http.get(f"{resource_type}?_id={resource_id}")).json()["total"] == 0
    assert (await http.get(f"Patient/{other}/$everything")).status_code == 404
    for query in _questions_about(other):
        answer = await http.get(query)
        # The audit names no total at all.
        assert (answer.status_code, answer.json().get("total", 0)) == (200, 0), query
        assert "entry" not in answer.json(), query
    await _no_way_in(http, other)


def _questions_about(other: str) -> list[str]:
    types = ("Observation", "Condition", "Procedure", "Encounter", "DiagnosticReport", "Consent", "CarePlan")
    return [
        f"Patient?_id={other}&_revinclude=Observation:patient",
        f"Patient?_id={other}&_summary=count",
        f"Patient?_has:Condition:patient:code:missing=false&_id={other}",
        f"AuditEvent?patient=Patient/{other}",
        *(f"{resource_type}?patient={other}" for resource_type in types),
        f"Observation?subject=Patient/{other}&_summary=count",
        f"Observation?subject:Patient._id={other}",
        f"Observation?subject=Patient/{other}&_include=Observation:subject",
    ]


async def _no_way_in(http: httpx.AsyncClient, other: str) -> None:
    """Bundles, conditions and writing give nothing away and change nothing."""
    asked = {"method": "GET", "url": f"Patient/{other}"}
    for kind in ("batch", "transaction"):
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [{"request": asked}]}
        answer = await http.post("", json=bundle)
        assert "Patient" not in {
            entry.get("resource", {}).get("resourceType") for entry in answer.json().get("entry", [])
        }
        statuses = [entry["response"]["status"][:3] for entry in answer.json().get("entry", [])]
        assert statuses == ["404"] if kind == "batch" else answer.status_code == 404
    message = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{other}"},
    }
    condition = {"If-None-Exist": f"subject=Patient/{other}"}
    assert (await http.post("Communication", json=message)).status_code in (403, 404)
    assert (await http.post("Communication", json=message, headers=condition)).status_code in (403, 404)
    patient = {"resourceType": "Patient", "id": other}
    assert (await http.put(f"Patient/{other}", json=patient)).status_code in (403, 404)
    assert (await http.delete(f"Patient/{other}")).status_code in (403, 404)


async def _totals(http: httpx.AsyncClient, own: list[dict[str, Any]]) -> None:
    """A search without a patient counts what is theirs and no more."""
    for resource_type in ("Patient", "Observation", "Condition", "Procedure"):
        answer = await http.get(f"{resource_type}?_summary=count")
        held = {one["id"] for one in own if one["resourceType"] == resource_type}
        assert answer.json()["total"] == len(held), resource_type
