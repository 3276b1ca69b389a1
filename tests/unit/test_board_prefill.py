"""What the sites know becomes the board's items, each with its origin; what nobody knows is named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.journeys.reading import TRANSPORT_ID, Place
from mihub.care.tumour_board.presentation import Presentation, present_case
from mihub.care.tumour_board.read_through import Site, known_of, read_for_board
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import MemberId, TransportId
from mihub.errors import Unavailable

TODAY = date(2026, 11, 23)
ICD10 = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
TNM_EDITION = (
    "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/CodeSystem/mii-cs-onko-tnm-version"
)
PATIENT: Resource = {
    "resourceType": "Patient",
    "id": "1",
    "identifier": [{"system": TRANSPORT_ID, "value": "t1"}],
}


class SilentClient(MemoryFhirClient):
    """A site whose line is down."""

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        raise Unavailable("The site does not answer.")


def condition(id_: str, code: str, text: str) -> Resource:
    coding = {"system": ICD10, "code": code, "display": text}
    return {
        "resourceType": "Condition",
        "id": id_,
        "code": {"coding": [coding]},
        "subject": {"reference": "Patient/1"},
        "recordedDate": "2026-10-01",
    }


def observation(id_: str, code: str, day: str = "2026-10-05", **rest: object) -> Resource:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": code}],
            "text": rest.pop("name", code),
        },
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": day,
        **rest,
    }


def value(code: str) -> Resource:
    return {"coding": [{"system": "https://www.uicc.org/resources/tnm", "code": code}]}


def staged(prefix: str, edition: str, n: str, stage: str) -> list[Resource]:
    method = {"coding": [{"system": TNM_EDITION, "code": edition}]}
    members = [("t", "399504009", "1b"), ("n", "399534004", n), ("m", "399387003", "0")]
    parts = [
        observation(f"{prefix}{letter}", code, method=method, valueCodeableConcept=value(text))
        for letter, code, text in members
    ]
    links = [{"reference": f"Observation/{part['id']}"} for part in parts]
    group = observation(
        f"{prefix}g", "399537006", method=method, valueCodeableConcept=value(stage), hasMember=links
    )
    return [*parts, group]


@dataclass(frozen=True)
class Asked:
    """A site with its name and the place to ask."""

    site: Site
    place: Place


def site(member: str, name: str, resources: list[Resource], kind: str = "hospital") -> Asked:
    return asked(member, name, MemoryFhirClient([PATIENT, *resources]), kind)


def asked(member: str, name: str, client: FhirClient, kind: str = "hospital") -> Asked:
    place = Place(MemberId(member), client, TransportId("t1"))
    return Asked(Site(MemberId(member), name, kind), place)


async def presented(*sites: Asked, language: str = "de", added: dict[str, str] | None = None) -> Presentation:
    told = await read_for_board([each.place for each in sites])
    known = known_of(told, {each.site.member: each.site for each in sites}, TODAY)
    return present_case(known, language, added)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_two_editions_stand_side_by_side_and_are_never_merged() -> None:
    records = site(
        "dresden",
        "Dresden",
        [condition("c", "C34.1", "Lunge"), *staged("a", "8", "2", "IIIA"), *staged("b", "9", "2a", "IIB")],
    )
    view = (await presented(records)).view("staging")
    assert view is not None
    assert [each.text for each in view.findings] == [
        "cT1b cN2a cM0 · Stadium IIB · TNM 9",
        "cT1b cN2 cM0 · Stadium IIIA · TNM 8",
    ]
    assert view.marks == ("9", "8")


@pytest.mark.anyio
async def test_each_line_names_its_site_date_and_resource() -> None:
    case = await presented(site("chemnitz", "Chemnitz", [condition("c9", "C34.1", "Oberlappen")]))
    view = case.view("diagnosis")
    assert view is not None
    line = view.findings[0]
    assert (line.text, line.site, line.day, line.reference) == (
        "C34.1 Oberlappen",
        "Chemnitz",
        "2026-10-01",
        "Condition/c9",
    )


@pytest.mark.anyio
async def test_sites_that_differ_are_both_shown() -> None:
    one = site("dresden", "Dresden", [observation("e", "423740007", valueCodeableConcept=value("1"))])
    two = site("cottbus", "Cottbus", [observation("e", "423740007", valueCodeableConcept=value("2"))])
    view = (await presented(one, two)).view("performance")
    assert view is not None
    assert {(each.site, each.text) for each in view.findings} == {
        ("Dresden", "ECOG 1"),
        ("Cottbus", "ECOG 2"),
    }


@pytest.mark.anyio
async def test_a_missing_item_names_who_could_supply_it_and_lowers_the_share() -> None:
    fev1 = observation("f", "20150-9", valueQuantity={"value": 2.1, "unit": "l"})
    case = await presented(
        site("dresden", "Dresden", [condition("c", "C34.1", "Lunge"), fev1]),
        site("praxis-a", "Praxis A", [], kind="practice"),
    )
    dlco = case.view("dlco")
    assert dlco is not None
    assert not dlco.present
    assert dlco.item.supplier.de == "Pneumologie"
    assert dlco.could_supply == ("Dresden",)
    present = case.view("fev1")
    assert present is not None
    assert present.findings[0].text == "2,1 l"
    assert (case.present, case.required, case.percent) == (2, 13, 15)


@pytest.mark.anyio
async def test_words_of_the_registrant_count_and_stay_apart_from_findings() -> None:
    case = await presented(site("dresden", "Dresden", []), added={"dlco": " 61 % vom Soll "})
    view = case.view("dlco")
    assert view is not None
    assert view.present
    assert view.added == "61 % vom Soll"
    assert view.findings == ()


@pytest.mark.anyio
async def test_lung_function_is_not_asked_for_another_organ() -> None:
    case = await presented(site("chemnitz", "Chemnitz", [condition("c", "C18.7", "Kolon")]))
    assert case.view("fev1") is None
    assert case.required == 11


@pytest.mark.anyio
async def test_a_silent_site_is_named() -> None:
    silent = asked("cottbus", "Cottbus", SilentClient())
    nobody = asked("praxis-a", "Praxis A", MemoryFhirClient(), "practice")
    case = await presented(site("dresden", "Dresden", [condition("c", "C34.1", "Lunge")]), silent, nobody)
    assert [(each.name, each.reason) for each in case.silent] == [
        ("Cottbus", "silent"),
        ("Praxis A", "unknown"),
    ]
    assert case.view("diagnosis") is not None


@pytest.mark.anyio
async def test_refuted_future_and_cancelled_findings_do_not_count() -> None:
    refuted = {
        **condition("r", "C34.1", "Lunge"),
        "verificationStatus": {"coding": [{"code": "refuted"}]},
    }
    later = observation("l", "423740007", day="2027-01-01", valueCodeableConcept=value("1"))
    wrong = {**observation("w", "33732-9", valueCodeableConcept=value("3")), "status": "entered-in-error"}
    case = await presented(site("dresden", "Dresden", [refuted, later, wrong]))
    assert case.present == 0
    assert case.diagnosis is None


@pytest.mark.anyio
async def test_sites_that_say_the_very_same_share_a_line() -> None:
    one = site("dresden", "Dresden", [condition("a", "J44.9", "COPD")])
    two = site("praxis-a", "Praxis A", [condition("b", "J44.9", "COPD")], kind="practice")
    view = (await presented(one, two)).view("comorbidities")
    assert view is not None
    assert [(each.text, each.site, each.also) for each in view.findings] == [
        ("J44.9 COPD", "Dresden", ("Praxis A",))
    ]


@pytest.mark.anyio
async def test_a_scale_is_named_once_and_karnofsky_is_never_called_ecog() -> None:
    own = {"coding": [{"system": "mii-cs/modul-onko/ecog", "code": "1", "display": "ECOG 1: gehfähig"}]}
    one = site("dresden", "Dresden", [observation("e", "423740007", valueCodeableConcept=own)])
    two = site("cottbus", "Cottbus", [observation("k", "761869008", valueCodeableConcept=value("80"))])
    view = (await presented(one, two)).view("performance")
    assert view is not None
    assert {each.text for each in view.findings} == {"ECOG 1: gehfähig", "Karnofsky 80"}


@pytest.mark.anyio
async def test_a_variant_names_its_gene_and_its_answer_in_the_language_of_the_page() -> None:
    answer = {"coding": [{"system": "http://loinc.org", "code": "LA9633-4", "display": "Present"}]}
    gene = {"code": {"coding": [{"code": "48018-6"}]}, "valueCodeableConcept": {"text": "EGFR"}}
    found = observation(
        "v", "69548-6", valueCodeableConcept=answer, component=[gene], note=[{"text": "EGFR L858R"}]
    )
    for language, text in (("de", "EGFR L858R: nachgewiesen"), ("en", "EGFR L858R: present")):
        view = (await presented(site("dresden", "Dresden", [found]), language=language)).view("biomarkers")
        assert view is not None
        assert [each.text for each in view.findings] == [text]


@pytest.mark.anyio
async def test_a_diagnosis_is_dated_by_its_assertion_not_by_its_recording() -> None:
    asserted = {
        "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate",
        "valueDateTime": "2026-05-19",
    }
    case = await presented(
        site("dresden", "Dresden", [{**condition("c", "C34.1", "Lunge"), "extension": [asserted]}])
    )
    assert case.diagnosis is not None
    assert case.diagnosis.day == "2026-05-19"


@pytest.mark.anyio
async def test_a_study_with_its_report_is_one_line_and_no_treatment() -> None:
    study = {
        "resourceType": "ImagingStudy",
        "id": "s",
        "subject": {"reference": "Patient/1"},
        "started": "2026-10-05T08:00:00Z",
        "modality": [{"code": "CT"}],
    }
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "subject": {"reference": "Patient/1"},
        "category": [{"coding": [{"code": "RAD"}]}],
        "code": {"text": "CT Thorax"},
        "conclusion": "kein Rezidiv",
        "effectiveDateTime": "2026-10-05",
    }
    scan = {
        "resourceType": "Procedure",
        "id": "p",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "http://fhir.de/CodeSystem/bfarm/ops", "code": "3-222"}]},
        "performedDateTime": "2026-10-05",
    }
    case = await presented(site("dresden", "Dresden", [study, report, scan]))
    imaging, treatments = case.view("imaging"), case.view("treatments")
    assert imaging is not None
    assert treatments is not None
    assert [each.text for each in imaging.findings] == ["CT Thorax: kein Rezidiv"]
    assert treatments.findings == ()


@pytest.mark.anyio
async def test_a_bare_code_borrows_the_words_of_another_site_for_the_same_code() -> None:
    bare = condition("b", "C34.1", "")
    one, two = (
        site("chemnitz", "Chemnitz", [bare]),
        site("dresden", "Dresden", [condition("d", "C34.1", "Lunge")]),
    )
    view = (await presented(one, two)).view("diagnosis")
    assert view is not None
    assert [(each.text, each.site, each.also) for each in view.findings] == [
        ("C34.1 Lunge", "Chemnitz", ("Dresden",))
    ]
