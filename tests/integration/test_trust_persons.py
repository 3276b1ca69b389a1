"""A patient known to three sites becomes one person; people in care find the records, nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.core.wire import fault
from mihub.database.pool import open_pool
from mihub.errors import Forbidden, MihubError, NotFound, Unauthenticated
from mihub.site.linkage.feed import IdentityFeed
from mihub.site.linkage.transport_id import transport_id
from mihub.site.mailbox.hub_client import Refused
from mihub.site.store.protocol import Version
from mihub.trust.api.app import create_app
from mihub.trust.trust import Trust, TrustSettings
from tests.wire_world import Clock, bearer, database_url, keys_of, members

LINKAGE_KEY = b"l" * 32
GP = Access(Actor("gp1", "GP", Role.GP, MemberId("praxis-a")), Purpose.TREATMENT)


def patient(patient_id: str, family: str, given: str, birth: str, insurance: str = "") -> Resource:
    identifier = [{"system": "http://fhir.de/sid/gkv/kvid-10", "value": insurance}] if insurance else []
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "identifier": identifier,
        "name": [{"family": family, "given": given.split()}],
        "birthDate": birth,
        "gender": "female",
        "address": [{"postalCode": "09111"}],
    }


@dataclass
class Log:
    """A change log with patients."""

    versions: list[Version] = field(default_factory=list)

    def write(self, resource: Resource | None, patient_id: str = "") -> None:
        body = orjson.dumps(resource) if resource else None
        name = resource["id"] if resource else patient_id
        place = len(self.versions) + 1
        self.versions.append(Version("Patient", name, 1, datetime.now(UTC), place, body))

    def changes(self, after: int, limit: int) -> list[Version]:
        return self.versions[after : after + limit]


class Region:
    def __init__(self) -> None:
        self.clock = Clock()
        self.trust = Trust.open(
            TrustSettings(database_url(), keys_of("trust"), keys_of("registry").public(), now=self.clock)
        )
        self.trust.members.accept(members("chemnitz", "cottbus", "praxis-a"))
        transport = httpx.ASGITransport(app=create_app(self.trust))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://trust.local")
        self.logs = {name: Log() for name in ("chemnitz", "cottbus", "praxis-a")}
        self.pools = {name: open_pool(database_url(), max_size=2) for name in self.logs}

    def feed(self, member: str) -> IdentityFeed:
        return IdentityFeed(
            self.pools[member],
            self.logs[member],
            self.client,
            keys=keys_of(member),
            secret=member.encode().ljust(32),
            linkage_key=LINKAGE_KEY,
            now=self.clock,
        )

    def catch_up(self) -> None:
        async def all_sites() -> None:
            for member in self.logs:
                await self.feed(member).catch_up()

        asyncio.run(all_sites())

    def id_at(self, member: str, patient_id: str) -> TransportId:
        return transport_id(member.encode().ljust(32), patient_id)

    def get(self, path: str, access: Access | None, audience: str = "trust") -> dict[str, Any]:
        headers = {}
        if access:
            headers["authorization"] = f"Bearer {bearer(self.clock)(access, MemberId(audience))}"
        answer = asyncio.run(self.client.get(path, headers=headers))
        if answer.status_code != 200:
            raise fault.from_answer(answer.status_code, answer.content)
        body: dict[str, Any] = answer.json()
        return body

    def find(self, member: str, patient_id: str, access: Access = GP) -> dict[str, Any]:
        name = self.id_at(member, patient_id)
        return self.get(f"/trust/lookup?member={member}&transport_id={name}", access)

    def close(self) -> None:
        self.trust.close()
        for pool in self.pools.values():
            pool.close()


@pytest.fixture
def region() -> Iterator[Region]:
    region = Region()
    region.logs["chemnitz"].write(patient("c1", "Müller-Lüdenscheidt", "Käthe Anna", "1958-03-14"))
    region.logs["cottbus"].write(patient("b7", "Mueller-Luedenscheidt", "Kaethe", "1958-03-14"))
    region.logs["praxis-a"].write(patient("p9", "Prof. Dr. Müller-Lüdenscheidt", "Käthe", "1958-03-14"))
    region.logs["praxis-a"].write(patient("p10", "Schulze", "Bernd", "1971-11-02"))
    region.catch_up()
    yield region
    region.close()


def test_records_of_one_person_are_found_from_each_of_them(region: Region) -> None:
    found = region.find("chemnitz", "c1")
    assert {(one["member"], one["transport_id"]) for one in found["records"]} == {
        (member, region.id_at(member, name))
        for member, name in (("chemnitz", "c1"), ("cottbus", "b7"), ("praxis-a", "p9"))
    }
    assert region.find("praxis-a", "p9") == found == region.get(f"/trust/persons/{found['person']}", GP)
    assert len(region.find("praxis-a", "p10")["records"]) == 1
    assert region.trust.persons.count() == (2, 4)


def test_sending_again_changes_nothing_and_a_deleted_patient_is_forgotten(region: Region) -> None:
    person = region.find("chemnitz", "c1")["person"]
    with region.pools["chemnitz"].connection() as connection:
        connection.execute("DELETE FROM linkage_cursor")
    region.catch_up()
    assert region.find("chemnitz", "c1")["person"] == person
    region.logs["chemnitz"].write(None, "c1")
    region.catch_up()
    with pytest.raises(NotFound, match="no such person"):
        region.find("chemnitz", "c1")
    assert {one["member"] for one in region.find("cottbus", "b7")["records"]} == {"cottbus", "praxis-a"}


def test_a_corrected_record_moves_and_its_old_person_leads_on(region: Region) -> None:
    lonely = region.find("praxis-a", "p10")["person"]
    region.logs["cottbus"].write(patient("b8", "Schulze", "Bernd", "1917-11-02"))
    region.catch_up()
    mistaken = region.find("cottbus", "b8")["person"]
    assert mistaken != lonely
    region.logs["cottbus"].write(patient("b8", "Schulze", "Bernd", "1971-11-02"))
    region.catch_up()
    assert region.find("cottbus", "b8")["person"] == lonely
    assert region.get(f"/trust/persons/{mistaken}", GP)["person"] == lonely


def test_only_people_in_care_look_and_each_look_is_kept(region: Region) -> None:
    researcher = Access(Actor("r", "R", Role.RESEARCHER, MemberId("netzwerk")), Purpose.RESEARCH)
    curious = Access(GP.actor, Purpose.RESEARCH)
    for access in (researcher, curious):
        with pytest.raises(Forbidden, match="Only patients and the people who treat them"):
            region.find("chemnitz", "c1", access)
    with pytest.raises(Unauthenticated, match="Nobody is signed in"):
        region.get("/trust/persons/x", None)
    with pytest.raises(Unauthenticated, match="made for another organisation"):
        region.get("/trust/persons/x", GP, audience="hub")
    person = region.find("chemnitz", "c1")["person"]
    looks = region.trust.persons.looks(person)
    assert [(look.actor, look.outcome) for look in looks] == [("r", "role"), ("gp1", "role"), ("gp1", "told")]


def test_a_patient_sees_themselves_and_nobody_else(region: Region) -> None:
    actor = Actor("pat", "Patient", Role.PATIENT, MemberId("netzwerk"))
    myself = Access(actor, Purpose.PATIENT_REQUEST, subject=region.id_at("praxis-a", "p9"))
    assert len(region.find("chemnitz", "c1", myself)["records"]) == 3
    for access in (myself, Access(actor, Purpose.PATIENT_REQUEST)):
        with pytest.raises(NotFound) as other:
            region.find("praxis-a", "p10", access)
        with pytest.raises(NotFound) as nobody:
            region.get("/trust/lookup?member=cottbus&transport_id=0", access)
        assert str(other.value) == str(nobody.value)


def test_a_stranger_and_a_portal_hand_in_nothing(region: Region) -> None:
    async def send(owner: str) -> None:
        feed = IdentityFeed(
            region.pools["cottbus"], Log(region.logs["chemnitz"].versions), region.client,
            keys=keys_of(owner), secret=b"s" * 32, linkage_key=LINKAGE_KEY, now=region.clock,
        )  # fmt: skip
        with region.pools["cottbus"].connection() as connection:
            connection.execute("DELETE FROM linkage_cursor")
        await feed.step()

    refusals = {"stranger": "not an active member", "netzwerk": "Only sites and the care record hand in"}
    for owner, error in refusals.items():
        with pytest.raises(Refused, match=error):
            asyncio.run(send(owner))


def test_the_trust_centre_keeps_nothing_readable(region: Region) -> None:
    region.logs["chemnitz"].write(patient("c2", "Lehmann", "Grete", "1949-07-01", "A123456780"))
    region.catch_up()
    with region.trust.pool.connection() as connection:
        dump = "\n".join(
            str(row)
            for table in ("trust_record", "trust_person", "trust_access")
            for row in connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
        )
    assert region.id_at("chemnitz", "c2") in dump
    for value in ("lehmann", "grete", "1949-07-01", "a123456780", "mueller", "1958-03-14"):
        assert value not in dump.lower(), value


def test_an_error_travels_as_itself() -> None:
    sent: MihubError = Forbidden("No.", where="here", rule="r", next_step="Ask.")
    back = fault.from_answer(403, orjson.dumps(fault.to_json(sent)))
    assert (type(back), str(back)) == (Forbidden, str(sent))
    assert "status 502" in str(fault.from_answer(502, b"<html>proxy</html>"))
