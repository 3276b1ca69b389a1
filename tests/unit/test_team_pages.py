"""The care team's pages as a person uses them: screening, referral, aftercare, inbox, patients; both
languages.
"""

from __future__ import annotations

import re

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.screening.rule import screening_rule
from mihub.core.policy.actor import Role
from mihub.errors import Unavailable
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.texts import FOLDER, Texts
from tests.unit.team_region import Browser, make_portal

Servers = dict[str, MemoryFhirClient]
ALL_ITEMS = [item.id for item in screening_rule().checklist]


@pytest.fixture
def region() -> tuple[Portal, Servers]:
    return make_portal()


def refer_kerstin(portal: Portal) -> Browser:
    gp = Browser(portal, "gp")
    gp.get("/t/vorsorge/kerstin")
    data = {"key": gp.field("key").removesuffix("-i"), "checked": ALL_ITEMS, "receiver": "radiologie"}
    gp.post("/t/vorsorge/kerstin/ueberweisen", {**data, "suitability": "Belastbar.", "history": "COPD"})
    return gp


def test_the_worklist_says_who_and_why(region: tuple[Portal, Servers]) -> None:
    gp = Browser(region[0], "gp")
    gp.get("/t/vorsorge")
    assert (
        "Kerstin Muster-Test 61 zulässig 42,71 Jahre geraucht (mindestens 25) 34,84 Packungsjahre (mindestens 15)"
        in gp.words
    )
    assert (
        "Franz Frage 66 Angaben fehlen Es fehlt: ob und wann zuletzt eine CT der Lunge gemacht wurde"
        in gp.words
    )
    assert "keine Einladung gewünscht" in gp.words
    assert "5,53 Packungsjahre (mindestens 15)" in gp.words
    assert "seit 17,89 Jahren rauchfrei" in gp.words
    assert "noch nicht 50 Jahre alt: 1" in gp.words
    assert "nie geraucht: 1" in gp.words
    assert "nicht geprüft" in gp.words
    gp.get("/t/vorsorge?stand=ask")
    assert "Kerstin" not in gp.words


def test_the_decision_shows_every_step_with_its_citation(region: tuple[Portal, Servers]) -> None:
    gp = Browser(region[0], "gp")
    gp.get("/t/vorsorge/kerstin")
    assert "Die Untersuchung ist zulässig" in gp.words
    assert "Pause 05.03.1995 bis 05.03.1999: 4 Jahre. Kürzer als 10 Jahre, also zählt sie mit." in gp.words
    assert "18 Zigaretten am Tag ÷ 20 × 11 Jahre = 9,9 Packungsjahre." in gp.words
    assert "LuKrFrühErkV § 2 Abs. 1 Nr. 3 a aa" in gp.words
    assert "BGBl. 2024 I Nr. 162" in gp.words
    gp.get("/t/vorsorge/ex?lang=en")
    assert "Smoke-free since 01/01/2009: 17.89 years. Not less than 10 years" in gp.words


def test_an_interval_is_added_ended_and_removed_without_script(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = Browser(portal, "gp")
    gp.get("/t/vorsorge/frage")
    key = gp.field("key")
    gp.post(
        "/t/vorsorge/frage/rauchzeit",
        {"key": key, "start-year": "1970", "end-year": "1975", "per_day": "7,5"},
    )
    assert "Die Rauchzeit ist gespeichert" in gp.words
    assert "7,5 Zigaretten am Tag" in gp.words
    ongoing = next(
        each
        for each in servers["praxis-a"].all("Observation")
        if "frage" in str(each) and "1980" in str(each)
    )
    gp.post(
        "/t/vorsorge/frage/rauchzeit/ende",
        {"interval": ongoing["id"], "stopped-month": "6", "stopped-year": "2024"},
    )
    assert "Rauchfrei seit 01.06.2024: 2,47 Jahre." in gp.words
    assert "Rechtlich offen" in gp.words
    gp.post("/t/vorsorge/frage/rauchzeit/entfernen", {"interval": ongoing["id"]})
    assert "zählt nicht mehr" in gp.words


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"start-month": "5"}, "Bitte geben Sie das Jahr an."),
        ({"start-year": "bald"}, "Jahr mit vier Ziffern"),
        ({"start-year": "1990", "end-year": "1985"}, "Diese Zeit kann nicht stimmen"),
        ({"start-year": "2030"}, "Diese Zeit kann nicht stimmen"),
        ({"start-year": "1990", "per_day": "viele"}, "Das ist keine Zahl."),
        ({"start-year": "1985"}, "überschneidet sich"),
    ],
)
def test_a_wrong_interval_comes_back_with_a_summary_and_changes_nothing(
    region: tuple[Portal, Servers], data: dict[str, str], words: str
) -> None:
    portal, servers = region
    before = len(servers["praxis-a"].all("Observation"))
    gp = Browser(portal, "gp")
    gp.get("/t/vorsorge/frage")
    html = gp.post("/t/vorsorge/frage/rauchzeit", {"key": "k", **data}, status=422)
    assert "Bitte prüfen Sie diese Angaben" in gp.words
    assert words in gp.words
    for link in re.findall(r'<a href="#(f-[^"]+)"', html):
        assert f'id="{link}"' in html, "each line of the summary leads to its field"
    assert len(servers["praxis-a"].all("Observation")) == before


def test_answering_the_ct_question_decides(region: tuple[Portal, Servers]) -> None:
    gp = Browser(region[0], "gp")
    gp.get("/t/vorsorge/frage")
    assert "Noch nicht zu entscheiden" in gp.words
    gp.post("/t/vorsorge/frage/ct", {"had_ct": "yes"}, status=422)
    assert "Datum der letzten CT: Diese Angabe fehlt." in gp.words
    gp.post("/t/vorsorge/frage/ct", {"had_ct": "no"})
    assert "Die Untersuchung ist zulässig" in gp.words
    recent = {"had_ct": "yes", "ct-day": "1", "ct-month": "9", "ct-year": "2026"}
    gp.post("/t/vorsorge/frage/ct", recent)
    assert "Frühestens wieder am 01.09.2027." in gp.words
    gp.post("/t/vorsorge/frage/ct", {**recent, "control": "yes"})
    assert "Eine frühere Untersuchung ist zulässig." in gp.words


def test_a_missing_item_blocks_the_referral_and_what_was_typed_stays(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = Browser(portal, "gp")
    gp.get("/t/vorsorge/kerstin")
    data = {"key": "k", "receiver": "radiologie", "checked": ALL_ITEMS[1:], "history": "Asthma"}
    html = gp.post("/t/vorsorge/kerstin/ueberweisen", data, status=422)
    assert "Was fehlt, sperrt die Überweisung." in gp.words
    assert "Medizinische Eignung: Diese Angabe fehlt." in gp.words
    assert ">Asthma</textarea>" in html
    assert html.count(" checked>") == len(ALL_ITEMS) - 1
    assert servers["netzwerk"].all("Task") == []


def test_who_is_not_admissible_gets_no_form(region: tuple[Portal, Servers]) -> None:
    gp = Browser(region[0], "gp")
    html = gp.get("/t/vorsorge/wenig")
    assert "/ueberweisen" not in html
    assert "Noch nicht möglich" in gp.words


def test_a_referral_is_sent_once_accepted_and_answered(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = refer_kerstin(portal)
    assert "Die Überweisung ist abgeschickt" in gp.words
    gp.get("/t/vorsorge/kerstin")
    assert "Eine Überweisung ist unterwegs" in gp.words
    assert len(servers["netzwerk"].all("Task")) == 1
    task = servers["netzwerk"].all("Task")[0]["id"]

    radiology = Browser(portal, "radiologist")
    radiology.get("/t")
    assert "Überweisung ansehen : Kerstin Muster-Test" in radiology.words
    radiology.get(f"/t/ueberweisungen/{task}")
    assert "Zusammen 42,71 Jahre." in radiology.words
    assert "COPD" in radiology.words
    radiology.post(f"/t/ueberweisungen/{task}/schritt", {"move": "accept"})
    done = {
        "finding": "control-requiring",
        "conclusion": "Rundherd 9 mm.",
        "examined-day": "20",
        "examined-month": "11",
    }
    radiology.post(f"/t/ueberweisungen/{task}/ergebnis", {**done, "examined-year": "2027"}, status=422)
    assert "Der Tag liegt in der Zukunft." in radiology.words
    radiology.post(f"/t/ueberweisungen/{task}/ergebnis", {**done, "examined-year": "2026"})
    assert "Das Ergebnis ist bei der Praxis." in radiology.words

    gp.get(f"/t/ueberweisungen/{task}")
    assert "kontrollbedürftig Rundherd 9 mm." in gp.words
    assert "Dr. Bild hat abgeschlossen" in gp.words
    gp.get("/t/ueberweisungen")
    assert "abgeschlossen" in gp.words


def test_a_double_click_makes_one_referral(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = Browser(portal, "gp")
    gp.get("/t/vorsorge/kerstin")
    data = {"key": "same", "checked": ALL_ITEMS, "receiver": "radiologie", "suitability": "gut"}
    gp.post("/t/vorsorge/kerstin/ueberweisen", data)
    gp.post("/t/vorsorge/kerstin/ueberweisen", data)
    assert len(servers["netzwerk"].all("Task")) == len(servers["netzwerk"].all("ServiceRequest")) == 1


def test_a_rejection_without_reason_comes_back(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    refer_kerstin(portal)
    task = servers["netzwerk"].all("Task")[0]["id"]
    radiology = Browser(portal, "radiologist")
    radiology.get(f"/t/ueberweisungen/{task}")
    radiology.post(f"/t/ueberweisungen/{task}/schritt", {"move": "reject", "reason": ""}, status=422)
    assert "Begründung für die Praxis: Diese Angabe fehlt." in radiology.words
    radiology.post(f"/t/ueberweisungen/{task}/schritt", {"move": "reject", "reason": "Vorbilder <fehlen>"})
    gp = Browser(portal, "gp")
    gp.get("/t/ueberweisungen")
    assert "abgelehnt Vorbilder &lt;fehlen&gt;" in gp.words


def test_another_practice_sees_neither_referral_nor_patient(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    refer_kerstin(portal)
    other = Browser(portal, "gp-b")
    other.get(f"/t/ueberweisungen/{servers['netzwerk'].all('Task')[0]['id']}", status=404)
    other.get("/t/vorsorge/kerstin", status=404)
    other.get("/t")
    assert "Nichts wartet auf Sie." in other.words


def test_screening_is_for_practices_only(region: tuple[Portal, Servers]) -> None:
    nurse = Browser(region[0], "nurse")
    nurse.get("/t/vorsorge", status=403)
    assert "/t/vorsorge" not in nurse.get("/t")
    nurse.get("/t/ueberweisungen", status=403)
    Browser(region[0], "radiologist").get("/t/nachsorge", status=403)


def test_a_plan_is_proposed_previewed_created_and_worked_on(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = Browser(portal, "gp")
    html = gp.get("/t/nachsorge/kerstin/neu")
    assert "Vorschlag: 12. Oktober 2026" in gp.words
    assert "Quelle: Klinikum Spreewald." in gp.words
    assert "Freigegeben von: noch niemandem" in gp.words
    assert 'value="2026"' in html, "the proposed day is filled in"
    anchor = {"anchor-day": "12", "anchor-month": "10", "anchor-year": "2026", "key": gp.field("key")}
    chosen = {**anchor, "schedule": "aftercare-lung-nsclc-onkopedia", "responsible": "praxis-a"}
    gp.post("/t/nachsorge/kerstin/neu", {**chosen, "act": "preview"})
    assert "07.12.2026 Erster Termin, spätestens nach 8 Wochen" in gp.words
    assert "12.01.2027 Monat 3" in gp.words
    assert servers["netzwerk"].all("CarePlan") == []
    for _ in range(2):
        gp.post("/t/nachsorge/kerstin/neu", {**chosen, "act": "create"})
    assert len(servers["netzwerk"].all("CarePlan")) == 1
    assert len(servers["netzwerk"].all("Task")) == 9
    assert "bekannt aus: Klinikum Spreewald" in gp.words

    plan = servers["netzwerk"].all("CarePlan")[0]["id"]
    gp.get("/t/nachsorge")
    assert "07.12.2026 fällig Kerstin Muster-Test" in gp.words
    visit = servers["netzwerk"].all("Task")[0]["id"]
    base = f"/t/nachsorge/plan/{plan}"
    gp.get(base)
    day = {"day-day": "1", "day-month": "12", "day-year": "2026"}
    gp.post(f"{base}/termin/{visit}/agree", {**day, "clock": "25:00"}, status=422)
    assert "Das ist keine Uhrzeit." in gp.words
    gp.post(f"{base}/termin/{visit}/agree", {**day, "clock": "9:30"})
    assert "vereinbart: 1. Dezember 2026, 09:30 Uhr" in gp.words
    gp.post(f"{base}/termin/{visit}/done", day, status=422)
    assert "Der Tag liegt in der Zukunft." in gp.words
    gp.post(f"{base}/termin/{visit}/done", {**day, "day-day": "23", "day-month": "11"})
    assert "erledigt am 23. November 2026" in gp.words
    gp.get("/t/nachsorge/kerstin/neu")
    assert "Es gibt schon einen aktiven Plan" in gp.words
    Browser(portal, "gp-b").get(base, status=404)


def test_another_anchor_needs_a_reason_which_the_plan_shows(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = Browser(portal, "gp")
    gp.get("/t/nachsorge/kerstin/neu")
    data = {"schedule": "aftercare-lung-catalogue", "responsible": "praxis-a", "key": "k", "act": "create"}
    data |= {"anchor-day": "1", "anchor-month": "10", "anchor-year": "2026"}
    gp.post("/t/nachsorge/kerstin/neu", data, status=422)
    assert "Sie weichen vom Vorschlag ab. Bitte nennen Sie den Grund." in gp.words
    assert servers["netzwerk"].all("CarePlan") == []
    gp.post("/t/nachsorge/kerstin/neu", {**data, "deviation": "Letzter Zyklus entfiel."})
    assert "Grund der Abweichung Letzter Zyklus entfiel." in gp.words
    assert "von Hand eingetragen" in gp.words


def test_the_calendar_file_names_no_illness(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = Browser(portal, "gp")
    gp.get("/t/nachsorge/kerstin/neu")
    data = {
        "schedule": "aftercare-lung-nsclc-onkopedia",
        "responsible": "praxis-a",
        "key": "k",
        "act": "create",
    }
    gp.post(
        "/t/nachsorge/kerstin/neu", {**data, "anchor-day": "12", "anchor-month": "10", "anchor-year": "2026"}
    )
    answer = gp.client.get(f"/t/nachsorge/plan/{servers['netzwerk'].all('CarePlan')[0]['id']}/termine.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    assert answer.text.count("BEGIN:VEVENT") == 9
    assert "SUMMARY:Termin\r\n" in answer.text
    assert not re.search("krebs|CT|Nachsorge|Muster", answer.text.replace("DTEND", ""), re.IGNORECASE)


def test_patients_are_found_by_post_and_their_course_comes_from_all_sites(
    region: tuple[Portal, Servers],
) -> None:
    gp = Browser(region[0], "gp")
    gp.get("/t/patienten")
    assert "7 Personen" in gp.words
    gp.post("/t/patienten", {"name": "muster"})
    assert "Treffer für „muster“" in gp.words
    assert "Jana" not in gp.words
    gp.get("/t/patienten/kerstin")
    assert "Klinikum Spreewald" in gp.words
    assert "02.06.2026" in gp.words


def test_a_silent_site_is_named_and_the_page_stays(region: tuple[Portal, Servers]) -> None:
    portal, servers = region

    class Silent(MemoryFhirClient):
        async def search(self, *args: object, **more: object) -> list[dict[str, object]]:
            raise Unavailable("cottbus does not answer.")

    servers["cottbus"] = Silent()
    gp = Browser(portal, "gp")
    gp.get("/t/patienten/kerstin")
    assert "Gerade nicht erreichbar: Klinikum Spreewald." in gp.words
    gp.get("/t/nachsorge/kerstin/neu")
    assert "Das Ende der Therapie ist nicht sicher" in gp.words


def test_every_text_exists_in_both_languages(region: tuple[Portal, Servers]) -> None:
    portal, servers = region
    gp = refer_kerstin(portal)
    paths = ["/t", "/t/patienten", "/t/patienten/kerstin", "/t/vorsorge", "/t/nachsorge", "/t/ueberweisungen"]
    paths += ["/t/vorsorge/kerstin", "/t/vorsorge/ex", "/t/vorsorge/frage", "/t/nachsorge/kerstin/neu"]
    paths += [f"/t/ueberweisungen/{servers['netzwerk'].all('Task')[0]['id']}"]
    for language in ("de", "en"):
        for path in paths:
            html = gp.get(f"{path}?lang={language}")
            assert html.count("<h1") == 1, path
            assert "[team." not in html, path
            assert " style=" not in html, path
    assert portal.texts.missing == set()


def test_the_catalogues_have_the_same_keys() -> None:
    texts = Texts.load(FOLDER)
    german = {key for key in texts.keys("de") if key.startswith("team.")}
    assert german == {key for key in texts.keys("en") if key.startswith("team.")}
    assert len(german) > 200


def test_roles_of_the_navigation_exist() -> None:
    from mihub.portals.team.routes import AREA

    assert all(item.roles <= AREA.roles for item in AREA.nav)
    assert Role.RADIOLOGIST in AREA.roles
