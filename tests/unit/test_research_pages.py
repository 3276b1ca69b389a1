"""The research pages with somebody who asks without a hub: builder, question, honest sum, CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import orjson
import pytest
from starlette.testclient import TestClient

from mihub.core.policy.actor import MemberId
from mihub.errors import NotSupported
from mihub.portals.research.asker import SiteStatus
from mihub.portals.research.codes import find, known, name_of
from mihub.portals.research.documents import from_document
from mihub.portals.research.results import add_up
from mihub.portals.research.routes import AREA
from mihub.portals.shell.app import create_app
from tests.unit.board_region import build_region
from tests.unit.research_asker import NOW, SITES, FakeAsker

_LUNG = {"in-0-0-kind": "diagnosis", "in-0-0-codes": "C34", "title": "Lunge", "project": "lung"}


class Researcher:
    """Somebody at a browser without JavaScript."""

    def __init__(self, client: TestClient, asker: FakeAsker) -> None:
        self.client = client
        self.asker = asker
        self.send("/anmelden", {"persona": "researcher"}, 303, page="/")

    def open(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[:400]
        return answer.text

    def send(
        self, action: str, values: dict[str, str], status: int = 200, page: str = "/r/kohorte"
    ) -> httpx.Response:
        found = re.search(r'name="_csrf" value="([0-9a-f]+)"', self.open(page))
        assert found is not None
        answer = self.client.post(action, data={"_csrf": found[1], **values}, follow_redirects=False)
        assert answer.status_code == status, answer.text[:600]
        return answer

    def press(self, act: str, values: dict[str, str], status: int = 200) -> httpx.Response:
        return self.send("/r/kohorte", {**values, "act": act}, status)


@pytest.fixture
def researcher() -> Iterator[Researcher]:
    app = create_app(build_region().portal(), only=(AREA,))
    asker = FakeAsker()
    app.state.asker = asker
    with TestClient(app, headers={"accept-language": "de"}) as client:
        yield Researcher(client, asker)


def test_a_question_goes_out_as_ccdl_and_its_page_opens(researcher: Researcher) -> None:
    answer = researcher.press("ask", _LUNG, 303)
    assert answer.headers["location"] == "/r/fragen/q1"
    document, project, title = researcher.asker.asked["q1"]
    assert (project, title) == ("lung", "Lunge")
    assert document["inclusionCriteria"][0][0]["termCodes"] == [
        {
            "system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
            "code": "C34",
            "display": "Lunge und Bronchien",
        }
    ]
    assert "120 bis 129" in researcher.open("/r/fragen/q1")


def test_the_page_names_the_silent_site_and_refreshes_until_it_answers(researcher: Researcher) -> None:
    researcher.press("ask", _LUNG, 303)
    page = researcher.open("/r/fragen/q1")
    assert "Klinikum Spreewald" in page
    assert "wartet seit 23. November 2026, 11:00 Uhr" in page
    assert 'hx-trigger="every 2s"' in page
    assert "Stand neu laden" in page
    assert "Die Summe zählt Akten, nicht Menschen." in page
    answered = replace(SITES[3], state="answered", shown="55", count=55)
    researcher.asker.sites = (*SITES[:3], answered)
    fragment = researcher.open("/r/fragen/q1/stand")
    assert "175 bis 184" in fragment
    assert "hx-trigger" not in fragment
    assert "<html" not in fragment


def test_the_csv_holds_exactly_the_shown_numbers_and_no_formula(researcher: Researcher) -> None:
    researcher.press("ask", _LUNG, 303)
    text = researcher.open("/r/fragen/q1/zahlen.csv")
    assert text.lstrip("\ufeff").splitlines() == [
        "Haus;Personen;Stand;Rechenzeit (ms)",
        "Uniklinikum Elbaue;120;Geantwortet;14",
        "Klinikum Erzgebirgsblick;<10;Geantwortet;9",
        "'=Praxis;–;Geantwortet;4",
        "Klinikum Spreewald;–;Noch nicht abgeholt;",
    ]


def test_an_incomplete_cohort_is_not_asked(researcher: Researcher) -> None:
    text = researcher.press("ask", {"in-0-0-kind": "diagnosis", "in-0-0-codes": ""}, 422).text
    assert "Mindestens eine Angabe ist nötig." in text
    assert "Mindestens eine Bedingung ist nötig." in researcher.press("ask", {}, 422).text
    between = {
        "in-0-0-kind": "age",
        "in-0-0-comparison": "between",
        "in-0-0-value": "60",
        "in-0-0-upper": "50",
    }
    assert "Die Obergrenze liegt unter dem Wert." in researcher.press("ask", between, 422).text
    assert researcher.asker.asked == {}


def test_lines_are_added_searched_and_dropped_without_javascript(researcher: Researcher) -> None:
    text = researcher.press("add:ex:0", {**_LUNG, "new-ex-0": "lab"}).text
    assert 'name="ex-0-0-kind" value="lab"' in text
    found = researcher.press("find:in:0:0", {**_LUNG, "find-in-0-0": "lunge, ober"}).text
    assert 'value="code:in:0:0:C34.1"' in found
    taken = researcher.press("code:in:0:0:C34.1", _LUNG).text
    assert 'value="C34 C34.1"' in taken
    assert 'name="in-0-0-kind"' not in researcher.press("drop:in:0:0", _LUNG).text


def test_the_document_is_downloaded_pasted_and_edited(researcher: Researcher) -> None:
    answer = researcher.press(
        "download", {**_LUNG, "in-0-0-after-year": "2024", "in-0-0-after-month": "2", "in-0-0-after-day": "1"}
    )
    assert answer.headers["content-disposition"] == 'attachment; filename="kohorte.ccdl.json"'
    assert orjson.loads(answer.content)["inclusionCriteria"][0][0]["timeRestriction"] == {
        "afterDate": "2024-02-01"
    }
    text = researcher.press("paste", {"document": answer.text}).text
    assert 'value="2024"' in text
    assert 'value="C34"' in text


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "Der Text ist kein JSON."),
        ("[]", "Eine Kohortendefinition ist ein JSON-Objekt."),
        ('{"version": "2", "inclusionCriteria": [[]]}', "$.inclusionCriteria[0]"),
        ('{"version": "1"}', "Version, die hier nicht gelesen wird"),
    ],
)
def test_a_wrong_document_is_refused_with_its_place(
    researcher: Researcher, document: str, message: str
) -> None:
    text = researcher.press("paste", {"document": document}, 422).text
    assert message in text
    assert "Dieses Dokument geht so nicht" in text


def test_what_the_form_can_not_show_may_be_asked_as_it_stands(researcher: Researcher) -> None:
    criterion = {
        "context": {"code": "Diagnose", "system": "fdpg.mii.cds", "display": "Diagnose"},
        "termCodes": [
            {"code": "C34", "system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "display": "C34"}
        ],
        "attributeFilters": [
            {
                "type": "concept",
                "attributeCode": {"code": "status", "system": "x", "display": "status"},
                "selectedConcepts": [
                    {"code": "active", "system": "http://hl7.org/fhir/", "display": "active"}
                ],
            }
        ],
    }
    document = {"version": "2", "display": "fremd", "inclusionCriteria": [[criterion]]}
    with pytest.raises(NotSupported, match="can not show"):
        from_document(document)
    text = orjson.dumps(document).decode()
    refused = researcher.press("paste", {"document": text}, 422).text
    assert "$.inclusionCriteria[0][0].attributeFilters" in refused
    researcher.press("ask-pasted", {"document": text, "project": "other"}, 303)
    assert researcher.asker.asked["q1"] == (document, "other", "fremd")


def test_an_earlier_question_is_changed_and_asked_again(researcher: Researcher) -> None:
    researcher.press("ask", _LUNG, 303)
    assert 'value="C34"' in researcher.open("/r/kohorte?frage=q1")


def test_a_project_that_is_not_ones_own_is_never_asked_for(researcher: Researcher) -> None:
    refused = researcher.press("ask", {**_LUNG, "project": "secret"}, 403)
    assert "You may not ask for this project." in refused.text
    assert researcher.asker.asked == {}


def test_another_persons_question_is_not_found(researcher: Researcher) -> None:
    assert "Diese Seite gibt es nicht" in researcher.open("/r/fragen/q99", 404)


def test_without_a_hub_the_page_says_so() -> None:
    app = create_app(build_region().portal(), only=(AREA,))
    with TestClient(app, headers={"accept-language": "de"}) as client:
        found = re.search(r'name="_csrf" value="([0-9a-f]+)"', client.get("/").text)
        assert found is not None
        client.post("/anmelden", data={"_csrf": found[1], "persona": "researcher"})
        answer = client.get("/r")
    assert answer.status_code == 503
    assert "Asking the sites is not set up at this portal." in answer.text


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_page_has_its_words_in_both_languages(researcher: Researcher, language: str) -> None:
    lines = {
        f"in-{at}-0-kind": kind
        for at, kind in enumerate(("diagnosis", "procedure", "lab", "age", "sex", "consent"))
    }
    researcher.press("ask", _LUNG, 303)
    pages = [researcher.open(f"{path}?lang={language}") for path in ("/r", "/r/kohorte", "/r/fragen/q1")]
    pages.append(researcher.press("show", lines).text)
    for text in pages:
        assert "[research." not in text
        assert "[shell." not in text


def _site(**values: object) -> SiteStatus:
    return replace(SiteStatus(MemberId("x"), "X", "answered", NOW), **values)


def test_the_sum_is_a_range_when_a_count_is_hidden() -> None:
    hidden, refused = _site(shown="<10", suppressed=True), _site(shown="–", suppressed=True)
    found = add_up((_site(shown="40", count=40), hidden, refused, _site(state="waiting")))
    assert (found.low, found.high, found.counted, found.suppressed, found.without) == (40, 49, 1, 1, 2)
    assert not found.is_exact
    assert add_up((_site(shown="40", count=40),)).is_exact
    assert add_up(()).high == 0


def test_the_code_list_is_found_by_prefix_and_by_name() -> None:
    assert [each.code for each in find("diagnosis", "c34", "de")] == ["C34", "C34.1", "C34.2", "C34.3"]
    assert [each.code for each in find("lab", "haemo", "en")] == ["718-7"]
    assert find("diagnosis", "  ", "de") == ()
    assert name_of("diagnosis", "Z99") == "Z99"
    assert len({each.code for each in known("diagnosis")}) == len(known("diagnosis"))


def test_a_mistake_is_named_by_its_label_not_by_its_field(researcher: Researcher) -> None:
    page = researcher.press("ask", {**_LUNG, "in-0-0-codes": ""}, 422).text
    assert "in-0-0-codes: " not in page
    assert "Diagnose (ICD-10): " in page
