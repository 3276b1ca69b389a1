"""When a house of the region is silent, every team page says which one and shows the rest; nothing is written twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.core.fhir import Resource
from mihub.core.fhir.client import Parameters
from mihub.core.policy.actor import Actor, PersonId
from mihub.errors import Unavailable
from mihub.portals.shell.session import RecordPlace
from tests.unit.team_region import Browser, make_portal
from tests.unit.test_team_pages import ALL_ITEMS


class Mute(MemoryFhirClient):
    """A site whose line is down for reading and writing."""

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        raise Unavailable("The site does not answer.")

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        raise Unavailable("The site does not answer.")

    async def transaction(self, bundle: Resource) -> Resource:
        raise Unavailable("The site does not answer.")


class MuteTrust:
    """A trust centre whose line is down."""

    async def by_number(
        self, member: str, patient_number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        raise Unavailable("The trust centre does not answer.")

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        raise Unavailable("The trust centre does not answer.")


def _signed_in_without(member: str) -> tuple[Browser, MemoryFhirClient]:
    """The practice's physician, signed in before the member fell silent."""
    portal, servers = make_portal()
    gp = Browser(portal, "gp")
    servers[member] = Mute()
    return gp, servers[member]


@pytest.mark.parametrize(
    "path", ["/t/vorsorge", "/t/vorsorge/kerstin", "/t/patienten/kerstin", "/t/nachsorge/kerstin/neu"]
)
def test_a_silent_care_record_is_named_and_the_own_patient_is_shown(path: str) -> None:
    gp, _ = _signed_in_without("netzwerk")
    gp.get(path)
    assert "Muster-Test" in gp.words
    assert "Gerade nicht erreichbar: MiHUB-Netzwerk" in gp.words


@pytest.mark.parametrize("path", ["/t/patienten/kerstin", "/t/nachsorge/kerstin/neu"])
def test_a_silent_hospital_is_named_and_the_own_patient_is_shown(path: str) -> None:
    gp, _ = _signed_in_without("cottbus")
    gp.get(path)
    assert "Muster-Test" in gp.words
    assert "Gerade nicht erreichbar: Klinikum" in gp.words


@pytest.mark.parametrize("path", ["/t/patienten/kerstin", "/t/nachsorge/kerstin/neu"])
def test_a_silent_trust_centre_is_said(path: str) -> None:
    portal, _ = make_portal()
    gp = Browser(replace(portal, people=MuteTrust()), "gp")
    gp.get(path)
    assert "Muster-Test" in gp.words
    assert "Vertrauensstelle ist gerade nicht erreichbar" in gp.words


@pytest.mark.parametrize("path", ["/t/ueberweisungen", "/t/nachsorge"])
def test_a_list_that_only_the_silent_care_record_holds_is_refused_in_words(path: str) -> None:
    gp, _ = _signed_in_without("netzwerk")
    gp.get(path, 503)
    assert "antwortet zurzeit nicht" in gp.words


def test_the_inbox_of_a_silent_care_record_does_not_look_like_no_work() -> None:
    gp, _ = _signed_in_without("netzwerk")
    gp.get("/t")
    assert "Gerade nicht erreichbar: MiHUB-Netzwerk" in gp.words
    assert "Nichts wartet auf Sie" not in gp.words


def test_nothing_is_sent_while_nobody_knows_whether_the_person_is_in_the_care_record() -> None:
    gp, record = _signed_in_without("netzwerk")
    gp.get("/t/vorsorge/kerstin")
    data = {"key": gp.field("key").removesuffix("-i"), "checked": ALL_ITEMS, "receiver": "radiologie"}
    page = gp.post(
        "/t/vorsorge/kerstin/ueberweisen", {**data, "suitability": "Belastbar.", "history": ""}, 503
    )
    assert "care record does not answer" in page
    assert record.all("Patient") == []
