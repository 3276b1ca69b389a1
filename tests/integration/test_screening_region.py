"""The care rooms on a whole synthetic region: nobody disappears, and the special people stand where they
should.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path

import orjson
import pytest

from mihub.care.aftercare.series import Due, due_list, read_plan
from mihub.care.client import MemoryFhirClient
from mihub.care.referrals.lists import referrals
from mihub.care.screening.worklist import Standing, Worklist, worklist
from mihub.core.policy.actor import MemberId
from mihub.core.rules.receipt import Decision
from mihub.synth.region import write_region

TODAY = date(2026, 11, 23)
Servers = Callable[[str], MemoryFhirClient]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Servers:
    folder = tmp_path_factory.mktemp("region")
    write_region(folder, seed=1, people=120, today=TODAY)
    opened: dict[str, MemoryFhirClient] = {}

    def open_member(member: str) -> MemoryFhirClient:
        return opened.setdefault(member, _loaded(folder / member / "fhir"))

    return open_member


def _loaded(folder: Path) -> MemoryFhirClient:
    lines = [line for path in sorted(folder.glob("*.ndjson")) for line in path.read_bytes().splitlines()]
    return MemoryFhirClient(orjson.loads(line) for line in lines)


def _worklist(server: Servers, member: str) -> Worklist:
    return asyncio.run(worklist(server(member), server("netzwerk"), MemberId(member), TODAY))


@pytest.mark.parametrize("member", ["praxis-a", "praxis-b"])
def test_every_patient_is_listed_or_counted_with_a_reason(server: Servers, member: str) -> None:
    listed = _worklist(server, member)
    assert len(listed.entries) + sum(listed.left_out.values()) == len(server(member).all("Patient"))
    for entry in listed.entries:
        receipt = entry.assessment.receipt
        assert bool(receipt.missing) or receipt.decision is not Decision.CANNOT_DECIDE
        assert bool(receipt.failed) == (receipt.decision is Decision.NOT_ELIGIBLE)


def test_the_special_people_stand_where_they_should(server: Servers) -> None:
    standings = {
        entry.assessment.patient["name"][0]["family"]: entry.standing
        for entry in _worklist(server, "praxis-a").entries
    }
    assert standings["Vorsorge-Test"] is Standing.MAY_BE_REFERRED
    assert standings["Beispiel-Test"] is Standing.NOT_ELIGIBLE
    assert standings["Offen-Test"] is Standing.ASK
    assert "Muster-Test" not in standings, "who has lung cancer is in aftercare, not in screening"


def test_every_referral_and_plan_of_the_region_can_be_read(server: Servers) -> None:
    record = server("netzwerk")
    arrived = asyncio.run(referrals(record, MemberId("radiologie"), "in"))
    assert arrived
    assert all(each.request is not None and each.patient is not None for each in arrived)
    visits = asyncio.run(due_list(record, MemberId("praxis-a"), TODAY))
    assert {Due.OVERDUE, Due.DONE, Due.LATER} <= {visit.state for visit in visits}
    plan = asyncio.run(read_plan(record, visits[0].plan_id, MemberId("praxis-a"), TODAY))
    assert plan.schedule is not None
    assert plan.anchor
    assert all(visit.exams for visit in plan.visits)
