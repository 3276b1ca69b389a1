"""The board's pages over a region in memory: from the choice of a patient to the closed loop, without
JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from starlette.testclient import TestClient

from mihub.portals.shell.app import create_app
from mihub.portals.team.board.routes import AREA
from tests.unit.board_region import BoardRegion, SilentClient, SilentPeople, build_region

_QUESTION = "Ist eine Operation möglich?"
_DRAFT = {
    "conference": "praeth",
    "kind-1": "OP",
    "text-1": "Lobektomie",
    "responsible-1": "chemnitz",
    "name-1": "Dr. Thor",
    "discipline-1": "thoracic-surgery",
    "preference": "nah am Wohnort",
}


class Person:
    """Somebody at a browser without JavaScript: opens pages and sends the forms that stand on them."""

    def __init__(self, region: BoardRegion, client: TestClient, persona: str) -> None:
        self.region = region
        self.client = client
        self.send("/", "/anmelden", {"persona": persona})

    def open(self, path: str, status: int = 200) -> str:
        """The text of a page."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[:400]
        return answer.text

    def send(self, page: str, action: str, values: dict[str, str], status: int = 303) -> httpx.Response:
        """Send a form of `page` to `action` with its hidden token."""
        found = re.search(r'name="_csrf" value="([0-9a-f]+)"', self.open(page))
        assert found is not None
        answer = self.client.post(action, data={"_csrf": found[1], **values}, follow_redirects=False)
        assert answer.status_code == status, answer.text[:600]
        return answer


@pytest.fixture
def region() -> BoardRegion:
    return build_region()


@pytest.fixture
def people(region: BoardRegion) -> Iterator[dict[str, Person]]:
    app = create_app(region.portal(), only=(AREA,))
    with (
        TestClient(app, headers={"accept-language": "de"}) as first,
        TestClient(app, headers={"accept-language": "de"}) as second,
    ):
        yield {
            "oncologist": Person(region, first, "oncologist"),
            "board-coordinator": Person(region, second, "board-coordinator"),
        }


def _hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None
    return found[1]


def _registered(person: Person) -> str:
    page = "/tb/anmelden/netzwerk/1"
    values = {"key": _hidden(person.open(page), "key"), "question": _QUESTION}
    values |= {"session": "lung-dresden/2026-11-26", "conference": "praeth"}
    return person.send(page, page, values).headers["location"]


def _drafted(person: Person, case: str, **changed: str) -> None:
    version = _hidden(person.open(f"{case}/beschluss"), "version")
    person.send(f"{case}/beschluss", f"{case}/beschluss", {**_DRAFT, "version": version, **changed})


def test_a_case_walks_from_registration_to_the_closed_loop(people: dict[str, Person]) -> None:
    oncologist, coordinator = people["oncologist"], people["board-coordinator"]
    case = _registered(oncologist)
    assert _QUESTION in oncologist.open("/tb/sitzung/2026-11-26?board=lung-dresden")
    _drafted(coordinator, case)
    draft = oncologist.open(f"{case}/beschluss")
    assert "Entwurf von Anja Börner" in draft
    sign = {"version": _hidden(draft, "version")}
    assert (
        oncologist.send(f"{case}/beschluss", f"{case}/unterschrift", sign)
        .headers["location"]
        .endswith("/freigabe")
    )
    assert oncologist.region.care.all("Communication") == []
    letter = {"version": _hidden(oncologist.open(f"{case}/freigabe"), "version"), "gp_text": "Seite"}
    refused = oncologist.send(
        f"{case}/freigabe", f"{case}/freigabe", {**letter, "patient_text": "[[wer?]]"}, 422
    )
    assert "Füllen Sie die Stellen in [[ ]] aus." in refused.text
    oncologist.send(f"{case}/freigabe", f"{case}/freigabe", {**letter, "patient_text": "Eine Operation."})
    assert len(oncologist.region.care.all("Communication")) == 2
    assert "Lobektomie" in oncologist.open("/tb/nachverfolgung")
    close = f"{case}/empfehlung/r1"
    version = {"version": _hidden(oncologist.open(close), "version")}
    assert (
        "Diese Angabe fehlt."
        in oncologist.send(close, close, {**version, "outcome": "implemented"}, 422).text
    )
    oncologist.send(close, close, {**version, "outcome": "implemented", "proof": "Procedure/7"})
    page = oncologist.open("/tb/nachverfolgung")
    assert "100 %" in page
    assert "Procedure/7" in page


def test_registration_shows_what_each_site_knows_and_needs_one_typed_field(people: dict[str, Person]) -> None:
    page = people["oncologist"].open("/tb/anmelden/netzwerk/1")
    assert "cT1b cN2a cM0 · Stadium IIB · TNM 9" in page
    assert "cT1b cN2 cM0 · Stadium IIIA · TNM 8" in page
    assert "Uniklinikum Elbaue" in page
    assert "Klinikum Erzgebirgsblick" in page
    assert "92 %" in page
    assert "Diffusionskapazität DLCO" in page
    required = re.findall(r"<(?:input|textarea|select)[^>]* required[^>]*>", page)
    empty = [field for field in required if field.startswith("<textarea")]
    assert len(empty) == 1


def test_a_registration_without_question_is_sent_back_with_everything_kept(people: dict[str, Person]) -> None:
    page = "/tb/anmelden/netzwerk/1"
    values = {"key": "key-12345678", "session": "lung-dresden/2026-11-26", "conference": "postop"}
    answer = people["oncologist"].send(page, page, {**values, "question": "", "added-dlco": "61 %"}, 422)
    assert "Bitte prüfen Sie diese Angaben" in answer.text
    assert 'value="61 %"' in answer.text
    assert people["oncologist"].region.care.all("Task") == []


def test_a_silent_site_is_named_on_the_page(region: BoardRegion, people: dict[str, Person]) -> None:
    patient = region.clients["chemnitz"].all("Patient")
    region.clients["chemnitz"] = SilentClient(patient)
    region_portal = region.portal()
    with TestClient(create_app(region_portal, only=(AREA,)), headers={"accept-language": "de"}) as client:
        page = Person(region, client, "oncologist").open("/tb/anmelden/netzwerk/1")
    assert "Diese Häuser haben nicht geantwortet" in page
    assert "Klinikum Erzgebirgsblick: zurzeit nicht erreichbar" in page


def test_a_silent_trust_centre_is_named_and_the_case_opens(region: BoardRegion) -> None:
    portal = replace(region.portal(), people=SilentPeople())
    with TestClient(create_app(portal, only=(AREA,)), headers={"accept-language": "de"}) as client:
        person = Person(region, client, "oncologist")
        page = person.open("/tb/anmelden/netzwerk/1")
        assert "Muster-Test" in page
        assert "Vertrauensstelle: zurzeit nicht erreichbar" in page
        case = _registered(person)
        assert "Vertrauensstelle: zurzeit nicht erreichbar" in person.open(case)


def test_the_second_editor_sees_both_versions(people: dict[str, Person]) -> None:
    oncologist, coordinator = people["oncologist"], people["board-coordinator"]
    case = _registered(oncologist)
    version = _hidden(oncologist.open(f"{case}/beschluss"), "version")
    _drafted(coordinator, case, **{"text-1": "erste Fassung"})
    mine = {**_DRAFT, "version": version, "text-1": "zweite Fassung"}
    answer = oncologist.send(f"{case}/beschluss", f"{case}/beschluss", mine, 409)
    assert "erste Fassung" in answer.text
    assert "zweite Fassung" in answer.text
    again = {**mine, "version": _hidden(answer.text, "version")}
    oncologist.send(f"{case}/beschluss", f"{case}/beschluss", again)
    assert "zweite Fassung" in oncologist.open(f"{case}/beschluss")


def test_one_more_line_keeps_what_was_typed(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    case = _registered(oncologist)
    version = _hidden(oncologist.open(f"{case}/beschluss"), "version")
    values = {**_DRAFT, "version": version, "more": "recommendation"}
    answer = oncologist.send(f"{case}/beschluss", f"{case}/beschluss", values, 200)
    assert "Lobektomie" in answer.text
    assert 'name="text-2"' in answer.text
    assert oncologist.region.care.all("CarePlan")[0].get("activity") is None


def test_a_source_opens_only_for_its_case(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    case = _registered(oncologist)
    assert "Adenokarzinom" in oncologist.open(f"{case}/quelle/dresden/Observation/histo")
    oncologist.open(f"{case}/quelle/dresden/Patient/1", 404)
    oncologist.open(f"{case}/quelle/cottbus/Observation/histo", 404)
    other = {
        "resourceType": "Observation",
        "id": "foreign",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/2"},
    }
    oncologist.region.clients["dresden"].put(other)
    oncologist.open(f"{case}/quelle/dresden/Observation/foreign", 404)


def test_the_names_of_a_meeting_are_typed_once(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    first = _registered(oncologist)
    _drafted(oncologist, first)
    second = _registered(oncologist)
    assert first != second
    assert 'value="Dr. Thor"' in oncologist.open(f"{second}/beschluss")


def test_a_form_without_a_choice_changes_nothing(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    case = _registered(oncologist)
    _registered(oncologist)
    before = oncologist.region.care.all("Task")
    agenda = "/tb/sitzung/2026-11-26"
    oncologist.send(case, f"{case}/absetzen", {"act": "", "reason": "weil"}, 400)
    oncologist.send(case, f"{case}/termin", {"day": "2031-01-01"}, 400)
    oncologist.send(agenda, f"{agenda}/reihenfolge", {"case": case.rpartition("/")[2], "step": "away"}, 400)
    assert oncologist.region.care.all("Task") == before


def test_a_decision_is_written_for_a_case_on_the_agenda_only(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    case = _registered(oncologist)
    version = _hidden(oncologist.open(f"{case}/beschluss"), "version")
    oncologist.send(case, f"{case}/absetzen", {"act": "withdraw", "reason": "verzogen"})
    oncologist.send(case, f"{case}/beschluss", {**_DRAFT, "version": version}, 422)
    assert oncologist.region.care.all("CarePlan")[0].get("activity") is None


def test_only_an_organisation_of_the_region_answers_for_a_recommendation(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    case = _registered(oncologist)
    version = _hidden(oncologist.open(f"{case}/beschluss"), "version")
    values = {**_DRAFT, "version": version, "responsible-1": "elsewhere"}
    oncologist.send(f"{case}/beschluss", f"{case}/beschluss", values, 422)


def test_the_agenda_is_moved_by_buttons(people: dict[str, Person]) -> None:
    oncologist = people["oncologist"]
    cases = [_registered(oncologist) for _ in range(2)]
    agenda = "/tb/sitzung/2026-11-26"
    ids = sorted(case.rpartition("/")[2] for case in cases)
    oncologist.send(agenda, f"{agenda}/reihenfolge", {"case": ids[1], "step": "up"})
    page = oncologist.open(agenda)
    assert page.index(ids[1]) < page.index(ids[0])


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_page_has_its_words_in_both_languages(people: dict[str, Person], language: str) -> None:
    oncologist = people["oncologist"]
    case = _registered(oncologist)
    paths = ["/tb", "/tb/anmelden", "/tb/anmelden/netzwerk/1"]
    paths += [
        "/tb/sitzung/2026-11-26",
        "/tb/sitzung/2026-12-03",
        case,
        f"{case}/beschluss",
        "/tb/nachverfolgung",
    ]
    search = oncologist.send("/tb/anmelden", "/tb/anmelden", {"name": "niemand"}, status=200)
    assert 'value="niemand"' in search.text
    for path in paths:
        separator = "&" if "?" in path else "?"
        text = oncologist.open(f"{path}{separator}lang={language}")
        assert "[board." not in text, path
        assert "[shell." not in text, path


def test_no_page_opens_for_nobody_and_none_is_cached(region: BoardRegion) -> None:
    with TestClient(create_app(region.portal(), only=(AREA,))) as client:
        answer = client.get("/tb", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
