"""The CarePlan that the board writes, held against the snapshot of the MII profile Tumorkonferenz at every
stage.

Checked: minimum and maximum of every element of the snapshot, fixed and pattern values, required bindings
whose value set is in the package, and the profile's own constraint. Not checked here: constraints
inherited from the base.
"""

from __future__ import annotations

import tarfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.tumour_board.case import BoardCase
from mihub.care.tumour_board.deciding import save_draft, sign_decision
from mihub.care.tumour_board.decision import Decision, Deviation, Participant, Recommendation
from mihub.care.tumour_board.follow_up import mark_deviated, mark_implemented
from mihub.care.tumour_board.presentation import Presentation, present_case
from mihub.care.tumour_board.read_through import Known, Sourced
from mihub.care.tumour_board.registration import Registration, register
from mihub.care.tumour_board.release import Release, release
from mihub.core.policy.actor import Actor, MemberId, Role

_PACKAGE = "packages/de.medizininformatikinitiative.kerndatensatz.onkologie-2025.1.0.tgz"
_DAY = date(2026, 11, 26)
_NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
_COORDINATOR = Actor("co", "Koordination", Role.BOARD_COORDINATOR, MemberId("dresden"))
_ONCOLOGIST = Actor("on", "Dr. Onko", Role.ONCOLOGIST, MemberId("dresden"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def package(shared: Path) -> dict[str, Any]:
    """Every JSON of the oncology package by canonical URL."""
    found: dict[str, Any] = {}
    with tarfile.open(shared / _PACKAGE) as archive:
        for member in archive.getmembers():
            handle = archive.extractfile(member) if member.name.endswith(".json") else None
            body = orjson.loads(handle.read()) if handle else {}
            if "url" in body and "resourceType" in body:
                found[body["url"]] = body
    return found


async def _stages() -> list[dict[str, Any]]:
    care = MemoryFhirClient([{"resourceType": "Patient", "id": "p1"}])
    case = await register(
        care,
        Registration("key-00001", "p1", "lung-dresden", _DAY, "Frage?"),
        _known(),
        _ONCOLOGIST,
        _NOW,
    )
    plans = [case.plan]
    decision = Decision(
        conference="postop",
        day=_DAY,
        recommendations=tuple(
            replace(Recommendation(f"r{at}", kind, "Text", at), due=_DAY, evidence="guideline")
            for at, kind in enumerate(("OP", "ZS"), 1)
        ),
        participants=(Participant("Dr. A", "oncology"),),
        dissent="nein",
        preference="nah am Wohnort",
    )
    saved = await save_draft(care, case, decision, case.version, _COORDINATOR)
    assert isinstance(saved, BoardCase)
    plans.append(saved.plan)
    case = await sign_decision(care, saved, saved.version, _ONCOLOGIST, _NOW)
    plans.append(case.plan)
    case = await release(care, case, case.version, Release("Text", ""), _COORDINATOR, _NOW)
    plans.append(case.plan)
    case = await mark_implemented(care, case, "r1", case.version, "Procedure/1", _ONCOLOGIST)
    plans.append(case.plan)
    case = await mark_deviated(
        care, case, "r2", case.version, Deviation("J", "patient-wish", "x"), _ONCOLOGIST
    )
    plans.append(case.plan)
    return [plan for plan in plans if plan is not None]


def _known() -> Presentation:
    coding = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "C34.1"}
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [coding]},
    }
    return present_case(Known((Sourced(MemberId("dresden"), "Dresden", condition),), ()), "de")


@pytest.mark.anyio
async def test_the_plan_conforms_at_every_stage(package: dict[str, Any]) -> None:
    plans = await _stages()
    assert len(plans) == 6
    assert [problem for plan in plans for problem in problems(plan, package)] == []


@pytest.mark.anyio
async def test_the_check_itself_finds_what_is_wrong(package: dict[str, Any]) -> None:
    good = (await _stages())[-1]
    detail = good["activity"][1]["detail"]
    broken: list[tuple[dict[str, Any], str]] = [
        ({**good, "intent": "proposal"}, "CarePlan.intent: not the pattern"),
        ({name: value for name, value in good.items() if name != "created"}, "CarePlan.created: 0 < 1"),
        ({**good, "category": [*good["category"], *good["category"]]}, "CarePlan.category: 2 > 1"),
        (_with_detail(good, {**detail, "code": {"coding": [{**_coding(detail), "code": "ZZ"}]}}), "not in"),
        (
            _with_detail(good, {n: v for n, v in detail.items() if n != "statusReason"}),
            "needs a statusReason",
        ),
    ]
    for plan, message in broken:
        assert any(message in problem for problem in problems(plan, package)), message


def _coding(detail: dict[str, Any]) -> dict[str, Any]:
    coding: dict[str, Any] = detail["code"]["coding"][0]
    return coding


def _with_detail(plan: dict[str, Any], detail: dict[str, Any]) -> dict[str, Any]:
    return {**plan, "activity": [{"detail": detail}]}


def problems(plan: dict[str, Any], package: dict[str, Any]) -> list[str]:
    """Everything in a plan that the profile's snapshot forbids."""
    profile = package[plan["meta"]["profile"][0]]
    found: list[str] = []
    for element in profile["snapshot"]["element"]:
        if ":" not in element["id"] and element["path"] != "CarePlan":
            found.extend(_element_problems(plan, element, package))
    for activity in plan.get("activity", []):
        detail = activity["detail"]
        if detail["status"] in ("cancelled", "stopped") and not detail.get("statusReason"):
            found.append("activity.detail needs a statusReason")
    return found


def _element_problems(plan: dict[str, Any], element: dict[str, Any], package: dict[str, Any]) -> list[str]:
    path = element["path"]
    *parents, name = path.split(".")[1:]
    found = []
    for parent in _walk([plan], parents):
        values = _values(parent, name)
        if len(values) < element.get("min", 0):
            found.append(f"{path}: {len(values)} < {element['min']}")
        if element["max"] != "*" and len(values) > int(element["max"]):
            found.append(f"{path}: {len(values)} > {element['max']}")
        for key in element:
            if key.startswith(("fixed", "pattern")) and any(value != element[key] for value in values):
                found.append(f"{path}: not the pattern")
        found.extend(_binding_problems(path, values, element.get("binding"), package))
    return found


def _binding_problems(
    path: str, values: list[Any], binding: dict[str, Any] | None, package: dict[str, Any]
) -> list[str]:
    if not binding or binding["strength"] != "required":
        return []
    value_set = package.get(str(binding["valueSet"]).split("|")[0])
    if value_set is None:
        return []
    allowed = _expansion(value_set, package)
    given = [
        (coding.get("system"), coding.get("code"))
        for value in values
        for coding in (value.get("coding", [value]) if isinstance(value, dict) else [])
    ]
    return [f"{path}: {code} is not in {value_set['name']}" for code in given if code not in allowed]


def _expansion(value_set: dict[str, Any], package: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (include["system"], concept["code"])
        for include in value_set["compose"]["include"]
        for concept in include.get("concept") or package[include["system"]]["concept"]
    }


def _walk(values: list[Any], steps: list[str]) -> list[Any]:
    for step in steps:
        values = [each for value in values if isinstance(value, dict) for each in _values(value, step)]
    return [value for value in values if isinstance(value, dict)]


def _values(parent: dict[str, Any], name: str) -> list[Any]:
    if name.endswith("[x]"):
        return [value for key, value in parent.items() if key.startswith(name[:-3])]
    value = parent.get(name, [])
    return value if isinstance(value, list) else [value]
