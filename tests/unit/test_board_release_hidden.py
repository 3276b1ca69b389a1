"""A decision that is signed and not released is on nobody's journey; after the release it is."""

from __future__ import annotations

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.care.journeys.reading import Place, read_person
from mihub.care.tumour_board.release import Release, release
from mihub.core.policy.actor import MemberId, TransportId
from tests.unit.test_board_decision import COORDINATOR, NOW, signed

_TRANSPORT = "https://mihub.example/sid/transport-id"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_signed_decision_shows_on_the_journey_only_after_its_release() -> None:
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": _TRANSPORT, "value": "t"}]}
    care = MemoryFhirClient([patient])
    place = Place(MemberId("netzwerk"), care, TransportId("t"))
    case = await signed(care)
    assert [kind for kind, _ in (await read_person([place])).of("CarePlan", "Communication")] == []
    await release(care, case, case.version, Release("Eine Operation.", ""), COORDINATOR, NOW)
    shown = (await read_person([place])).of("CarePlan", "Communication")
    assert sorted(resource["resourceType"] for _, resource in shown) == ["CarePlan", "Communication"]
