"""Every page of the patient area: complete, in both languages, with origin, whole when a site is silent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from mihub.care.client import MemoryFhirClient
from mihub.core.policy.actor import Purpose
from mihub.portals.shell.app import create_app
from tests.unit.region_of_memory import (
    MemoryHouses,
    SilentClient,
    about,
    audit,
    coded,
    kerstin,
    patient,
    portal_of_memory,
    sign_in,
)

PAGES = (
    "/p",
    "/p/verlauf",
    "/p/befunde",
    "/p/termine",
    "/p/plan",
    "/p/zugriffe",
    "/p/freigaben",
    "/p/befunde/dresden/patho",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[TestClient]:
    with TestClient(create_app(portal_of_memory())) as client:
        sign_in(client, "patient")
        yield client


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_page_is_whole(browser: TestClient, path: str, language: str) -> None:
    answer = browser.get(f"{path}?lang={language}")
    assert answer.status_code == 200
    html = answer.text
    assert f'<html lang="{language}"' in html
    assert html.count("<h1") == 1
    assert re.search(r"<title>[^<]+ · MiHUB</title>", html)
    assert " style=" not in html
    assert "no-store" in answer.headers["cache-control"]
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids)), "ids are unique"
    missing = browser.app.state.portal.texts.missing  # type: ignore[attr-defined]  # Starlette's TestClient.app is untyped
    assert missing == set()


def test_titles_are_unique(browser: TestClient) -> None:
    titles = [re.search(r"<title>([^<]+)<", browser.get(path).text) for path in PAGES]
    found = [title[1] for title in titles if title]
    assert len(found) == len(set(found)) == len(PAGES)


def test_home_says_what_is_next_who_and_whom_to_call(browser: TestClient) -> None:
    html = browser.get("/p?lang=de").text
    assert "2. Dezember 2026, 09:30 Uhr" in html
    assert "Gespräch zur Nachsorge" in html
    assert "Hausarztpraxis Lindenhof" in html
    assert 'href="tel:03731555010"' in html
    assert "Blutuntersuchung" in html
    assert html.count('class="card card-strong"') == 1


def test_journey_merges_sites_and_keeps_their_names(browser: TestClient) -> None:
    html = browser.get("/p/verlauf?lang=de").text
    assert html.count("<strong>Lungenkrebs festgestellt</strong>") == 1, "two sites know it, it is one event"
    diagnosis = html[html.index("<strong>Lungenkrebs") :]
    assert "Uniklinikum Elbaue (Demo), Klinikum Erzgebirgsblick (Demo)" in diagnosis[:400]
    assert "Operation an der Lunge" in html
    assert "5-324" not in html, "patients see no codes unless they ask"
    assert "5-324" in browser.get("/p/verlauf?woerter=fach").text


def test_picture_and_list_show_the_same_dated_events(browser: TestClient) -> None:
    html = browser.get("/p/verlauf").text
    drawn = len(re.findall(r'class="tl-(?:bar|point|plan)[^"]*"', html))
    rows = html.count('<td class="when"><time')
    assert drawn == rows > 5


def test_result_is_explained_with_origin_and_status_of_the_text(browser: TestClient) -> None:
    html = browser.get("/p/befunde/dresden/patho?lang=de").text
    assert "Die Probe zeigt ein Adenokarzinom" in html
    assert "nicht geprüft" in html
    assert "Adenokarzinom der Lunge, G2." in html
    assert "Institut für Pathologie" in html
    assert "0351 555 0200" in html
    screening = browser.get("/p/befunde/chemnitz/ldct").text
    assert "Das heißt noch nicht, dass es Krebs ist" in screening


def test_laboratory_values_show_range_and_flag(browser: TestClient) -> None:
    html = browser.get("/p/befunde/chemnitz/lab?lang=de").text
    assert "7,1 mmol/l" in html
    assert "7,4 – 9,9" in html
    assert "niedrig" in html
    assert "roten Blut-Farbstoff" in html or "rote Blut-Farbstoff" in html


def test_unknown_result_is_not_found(browser: TestClient) -> None:
    assert browser.get("/p/befunde/dresden/other").status_code == 404


@pytest.mark.parametrize(
    ("path", "claim"),
    [
        ("/p/freigaben", "Sie haben der Forschung nichts erlaubt"),
        ("/p/freigaben", "Niemand anderes sieht Ihre Daten"),
        ("/p/zugriffe", "Es gibt keine Zugriffe von anderen"),
        ("/p/plan", "Es gibt noch keinen Plan"),
        ("/p/befunde", "Es gibt noch keine Befunde"),
        ("/p", "Zurzeit ist nichts geplant"),
    ],
)
def test_there_is_nothing_is_said_only_when_everybody_was_heard(path: str, claim: str) -> None:
    for sites, is_claimed in (
        ({member: MemoryFhirClient([patient(member)]) for member in kerstin()}, True),
        ({member: SilentClient() for member in kerstin()}, False),
    ):
        with TestClient(create_app(portal_of_memory(sites))) as browser:
            sign_in(browser, "patient")
            html = browser.get(f"{path}?lang=de").text
        assert (claim in html) is is_claimed, claim
        assert ("Nicht alle Häuser haben geantwortet" in html) is not is_claimed


def test_a_draft_of_a_consent_is_not_shown_as_given() -> None:
    sites = kerstin()
    for each in sites["netzwerk"].all("Consent"):
        sites["netzwerk"].put({**each, "status": "draft"})
    with TestClient(create_app(portal_of_memory(sites))) as browser:
        sign_in(browser, "patient")
        assert "Sie haben der Forschung nichts erlaubt" in browser.get("/p/freigaben?lang=de").text


def test_accesses_name_who_why_and_where(browser: TestClient) -> None:
    html = browser.get("/p/zugriffe?lang=de").text
    assert "Dr. Omar Onko" in html
    assert "Onkologie, Uniklinikum Elbaue (Demo)" in html
    assert "2-mal an diesem Tag" in html
    assert "Ihre Behandlung" in html
    assert "Sie selbst" not in html
    assert "Sie selbst" in browser.get("/p/zugriffe?alle=1").text


def test_sharing_shows_answers_in_words(browser: TestClient) -> None:
    html = browser.get("/p/freigaben?lang=de").text
    assert "Dürfen Forschende Ihre Daten ohne Namen nutzen?" in html
    assert "Länder ohne EU-Datenschutz" in html
    assert "Dazu kommt eine weitere Regel" in html, "rules that no question covers are counted"
    assert ".24.5.3" not in html


def test_patient_asks_every_site_as_themselves() -> None:
    portal = portal_of_memory()
    with TestClient(create_app(portal)) as browser:
        sign_in(browser, "patient")
        browser.get("/p")
    assert isinstance(portal.houses, MemoryHouses)
    assert {member for member, _ in portal.houses.asked} == {"netzwerk", "dresden", "chemnitz"}
    for member, access in portal.houses.asked:
        assert access.purpose is Purpose.PATIENT_REQUEST
        assert access.subject == f"t-{member}"


def test_a_silent_site_is_named_and_the_rest_is_shown() -> None:
    sites = {**kerstin(), "chemnitz": SilentClient()}
    with TestClient(create_app(portal_of_memory(sites))) as browser:
        sign_in(browser, "patient")
        for path in ("/p", "/p/verlauf", "/p/befunde", "/p/zugriffe"):
            html = browser.get(path).text
            assert "Daten von Klinikum Erzgebirgsblick (Demo) sind zurzeit nicht erreichbar" in html
        assert "Lungenkrebs festgestellt" in browser.get("/p/verlauf").text


def test_a_patient_without_any_data_sees_whole_pages() -> None:
    with TestClient(
        create_app(portal_of_memory({"netzwerk": MemoryFhirClient([patient("netzwerk")])}))
    ) as browser:
        sign_in(browser, "patient")
        for path in PAGES[:-1]:
            assert browser.get(path).status_code == 200, path
        assert "Zurzeit ist nichts geplant" in browser.get("/p").text


def test_hostile_text_stays_text() -> None:
    condition = about(
        "netzwerk", "Condition", "x", code=coded("y", "z", "<script>alert(1)</script>"), onsetDateTime="2020"
    )
    with TestClient(
        create_app(portal_of_memory({"netzwerk": MemoryFhirClient([patient("netzwerk"), condition])}))
    ) as browser:
        sign_in(browser, "patient")
        html = browser.get("/p/verlauf").text
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


def test_first_patient_page_is_light(browser: TestClient) -> None:
    first = browser.get("/p", headers={"Accept-Encoding": "gzip"})
    total = int(first.headers["content-length"])
    for address in {*re.findall(r'(?:href|src)="(/static/[^"]+)"', first.text)}:
        total += int(browser.get(address, headers={"Accept-Encoding": "gzip"}).headers["content-length"])
    assert total < 90_000, f"the first patient page weighs {total} bytes over the wire"


def test_programs_are_listed_apart_from_people() -> None:
    site = MemoryFhirClient(
        [
            patient("netzwerk"),
            audit("netzwerk", "Import", "system", "netzwerk", "2026-11-22T08:15:00Z", "HSYSADMIN"),
            audit("netzwerk", "Dr. Jana Probe", "gp", "praxis-a", "2026-07-01T08:15:00Z"),
        ]
    )
    with TestClient(create_app(portal_of_memory({"netzwerk": site}))) as browser:
        sign_in(browser, "patient")
        html = browser.get("/p/zugriffe?lang=de").text
    people, programs = html.split('<h2 id="programme">')
    assert "Dr. Jana Probe" in people
    assert "Import" not in people
    assert "Import" in programs
    assert "1. Juli 2026, 10:15 Uhr" in people, "universal time is shown as the time on the wall"


def test_a_released_letter_is_read_with_its_result_and_letters_to_others_are_not() -> None:
    report = about(
        "netzwerk", "DiagnosticReport", "r", status="final", code=coded("http://loinc.org", "24627-2", "CT")
    )
    about_report = {
        "about": [{"reference": "DiagnosticReport/r"}],
        "status": "completed",
        "sent": "2026-05-06",
    }
    mine = about(
        "netzwerk", "Communication", "m", payload=[{"contentString": "Alles ist gut."}], **about_report
    )
    mine["recipient"] = [{"reference": "Patient/p-netzwerk"}]
    theirs = about(
        "netzwerk", "Communication", "t", payload=[{"contentString": "Nur für die Praxis."}], **about_report
    )
    theirs["recipient"] = [{"identifier": {"value": "praxis-a"}}]
    draft = about("netzwerk", "Communication", "d", payload=[{"contentString": "Entwurf."}], **about_report)
    draft["status"] = "preparation"
    site = MemoryFhirClient([patient("netzwerk"), report, mine, theirs, draft])
    with TestClient(create_app(portal_of_memory({"netzwerk": site}))) as browser:
        sign_in(browser, "patient")
        pages = "".join(
            browser.get(path).text for path in ("/p/befunde/netzwerk/r", "/p/befunde", "/p/verlauf")
        )
    assert "Alles ist gut." in pages
    assert "Nur für die Praxis." not in pages
    assert "Entwurf." not in pages
