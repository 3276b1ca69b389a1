"""From a question to the number that leaves: consent, threshold and ledger hold; the engineer sees why."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mihub.core.consent.policy import broad_consent
from mihub.core.disclosure.gate import NOT_RELEASED
from mihub.core.policy.actor import MemberId
from mihub.core.wire.feasibility import FeasibilityQuestion
from mihub.errors import InvalidInput, NotSupported, Unprocessable
from mihub.site.feasibility.room import Feasibility, open_room
from tests.unit.test_facts_table import Log, condition, patient

TODAY = date(2026, 11, 23)
PREFIX = broad_consent().prefix


def ccdl(code: str = "C34", **more: Any) -> dict[str, Any]:
    context = {"code": "Diagnose", "system": "fdpg.mii.cds", "display": "Diagnose"}
    term = {"code": code, "system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "display": code}
    return {"version": "2", "inclusionCriteria": [[{"context": context, "termCodes": [term]}]], **more}


def consent(of: str, *codes: str, status: str = "active") -> dict[str, Any]:
    system = broad_consent().system
    permits = [
        {
            "type": "permit",
            "period": {"start": "2025-12-01", "end": "2055-11-30" if code != "6" else "2030-11-30"},
            "code": [{"coding": [{"system": system, "code": PREFIX + code}]}],
        }
        for code in codes
    ]
    return {
        "resourceType": "Consent",
        "id": f"consent-{of}",
        "status": status,
        "patient": {"reference": f"Patient/{of}"},
        "dateTime": "2025-12-01",
        "provision": {"type": "deny", "provision": permits},
    }


@pytest.fixture
def log() -> Log:
    """30 people with lung cancer: 24 consented, 3 without the collection period, 3 without any Consent."""
    log = Log()
    for n in range(30):
        one = str(n)
        log.put(patient(one))
        log.put(condition(f"c{n}", one))
        log.put(condition(f"again{n}", one, code="C34.9"))
        if n < 24:
            log.put(consent(one, "6", "8"))
        elif n < 27:
            log.put(consent(one, "8"))
    return log


@pytest.fixture
def room(tmp_path: Path, log: Log) -> Feasibility:
    return open_room(tmp_path, log, member=MemberId("chemnitz"), secret=b"secret", today=lambda: TODAY)


def question(document: dict[str, Any], *, project: str = "p", min_cell: int = 10) -> FeasibilityQuestion:
    return FeasibilityQuestion("q1", project, document, min_cell=min_cell)


def test_the_count_is_what_the_engineer_sees_and_names_its_position(room: Feasibility, log: Log) -> None:
    answer = room.answer(question(ccdl()))
    assert (answer.count, answer.shown, answer.suppressed, answer.reason) == (24, "24", False, "")
    assert answer.position == log.position()
    local = room.local_count(ccdl())
    assert (local.before_consent, local.with_consent, local.would_show) == (30, 24, "24")
    assert local.refused == {"code 6 permits no day": 3}
    assert local.attrition.people == 30
    assert local.attrition_with_consent.steps[0].remaining == 24
    assert local.to_json()["attrition"]["steps"][0]["label"] == "C34"


def test_every_count_stands_in_the_audit_before_it_is_told(room: Feasibility, log: Log) -> None:
    room.answer(question(ccdl()))
    room.answer(question(ccdl("C50")))
    log.put(consent("3", "6", "8", status="inactive"))
    room.answer(question(ccdl()))
    room.local_count(ccdl())
    told = [(n.interaction, n.count, n.outcome, a.actor.role, a.actor.id) for n, a in log.noted]
    asked = ("researcher", "project:p")
    assert told == [
        ("feasibility", 24, "0", *asked),
        ("feasibility", 0, "0", *asked),
        ("feasibility", 0, "4", *asked),
        ("local-count", 30, "0", "system", "site-count"),
    ]
    assert "C34" not in " ".join(note.parameters for note, _ in log.noted), "the question by its hash only"


def test_a_refresh_takes_the_work_before_the_question(room: Feasibility, log: Log) -> None:
    assert room.refresh() == log.position() == room.facts.position
    assert room.answer(question(ccdl())).shown == "24"


def test_a_small_count_shows_only_that_it_is_small(room: Feasibility) -> None:
    answer = room.answer(question(ccdl("C50")))
    assert (answer.count, answer.shown, answer.suppressed) == (None, "<10", True)
    assert room.answer(question(ccdl("C50"), min_cell=1)).shown == "<5", "no project goes below five"


def test_a_withdrawn_consent_counts_at_once_and_the_hub_learns_nothing(room: Feasibility, log: Log) -> None:
    assert room.answer(question(ccdl())).shown == "24"
    log.put(consent("3", "6", "8", status="inactive"))
    assert room.local_count(ccdl()).with_consent == 23
    answer = room.answer(question(ccdl()))
    assert (answer.count, answer.shown, answer.reason) == (None, "–", NOT_RELEASED)
    assert room.answer(question(ccdl(), project="a new one")).shown == "23"


def test_facts_outside_the_collection_period_do_not_count(room: Feasibility, log: Log) -> None:
    early = {**condition("c0", "0"), "recordedDate": "2020-01-01"}
    log.put(early)
    log.put({**early, "id": "again0"})
    assert room.local_count(ccdl()).with_consent == 23


def test_excluding_never_finds_more_people_under_consent(room: Feasibility, log: Log) -> None:
    log.put({**condition("old", "5", code="I10"), "recordedDate": "2010-01-01"})
    excluded = ccdl("I10")["inclusionCriteria"]
    document = ccdl(exclusionCriteria=excluded)
    assert room.local_count(document).with_consent == 23, "what consent hides still excludes"


def test_a_question_may_demand_more_consent(room: Feasibility, log: Log) -> None:
    assert room.local_count(ccdl(), ["37"]).with_consent == 0
    log.put(consent("1", "6", "8", "37"))
    assert room.local_count(ccdl(), [PREFIX + "37"]).with_consent == 1
    context = {"code": "Einwilligung", "system": "fdpg.mii.cds", "display": "Einwilligung"}
    code = {"code": PREFIX + "37", "system": broad_consent().system, "display": "Rekontaktierung"}
    document = ccdl()
    document["inclusionCriteria"].append([{"context": context, "termCodes": [code]}])
    assert room.local_count(document).with_consent == 1


@pytest.mark.parametrize(
    ("document", "codes", "error", "says"),
    [
        ({"version": "2"}, (), InvalidInput, r"\$\.inclusionCriteria"),
        (ccdl(), ("46",), Unprocessable, "no longer in force"),
        ({**ccdl(), "version": "1"}, (), NotSupported, r"\$\.version"),
    ],
)
def test_a_question_without_meaning_is_refused_before_any_fact_is_read(
    room: Feasibility, document: dict[str, Any], codes: tuple[str, ...], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        room.answer(FeasibilityQuestion("q", "p", document, codes))
    assert room.facts.position == 0
