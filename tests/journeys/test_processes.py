"""The demo's code apart: hub, trust centre and two sites as processes of the operating system, over loopback HTTP."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest

from mihub.core.policy.actor import MemberId
from mihub.database.embedded import Embedded
from mihub.portals.research.asker import QuestionStatus
from mihub.site.linkage.transport_id import transport_id
from tests.journeys.separate_houses import CARE, SITES, Houses, mihub

# A minute on a quiet machine; the region is made by some twenty commands.
pytestmark = pytest.mark.timeout(600)

LUNG_CANCER = {
    "version": "2",
    "display": "Lung cancer",
    "inclusionCriteria": [
        [
            {
                "context": {"code": "Diagnose", "system": "fdpg.mii.cds", "display": "Diagnose"},
                "termCodes": [
                    {
                        "code": "C34",
                        "system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
                        "display": "Lung cancer",
                    }
                ],
            }
        ]
    ],
}


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    region = Houses(tmp_path_factory.mktemp("region"))
    try:
        region.make()
        yield region
    finally:
        region.close()


@pytest.fixture(scope="module")
def question(houses: Houses) -> Path:
    path = houses.root / "question.json"
    path.write_bytes(orjson.dumps(LUNG_CANCER))
    return path


def wait_for(houses: Houses, question: str, **states: str) -> QuestionStatus:
    """Look until the sites stand so, at most two minutes: machines that test much at once are slow."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = asyncio.run(houses.status(question))
        if {one.member: one.state for one in status.sites} == states:
            return status
        time.sleep(0.2)
    pytest.fail(f"The states were not reached: {[(one.member, one.state) for one in status.sites]}")


def letters_of(houses: Houses, question: str) -> list[tuple[str, str]]:
    """Sender and kind of every letter that the hub ever held about a question."""
    server = Embedded.start(houses.root / "hub" / "pg")
    try:
        with psycopg.connect(server.url("hub")) as connection:
            rows = connection.execute(
                "SELECT sender, kind FROM hub_letter WHERE corr = %s"
                " OR corr IN (SELECT id FROM hub_letter WHERE corr = %s) ORDER BY sender",
                (question, question),
            )
            return [(str(row[0]), str(row[1])) for row in rows]
    finally:
        server.stop()


def test_every_site_shows_what_its_own_engineer_counts(houses: Houses, question: Path) -> None:
    asked = asyncio.run(houses.ask(LUNG_CANCER))
    status = wait_for(houses, asked, chemnitz="answered", cottbus="answered")
    own = {site: houses.count(site, question) for site in SITES}
    assert {one.member: one.shown for one in status.sites} == {
        site: own[site]["would_show"] for site in SITES
    }
    assert all(one.count in (None, own[one.member]["with_consent"]) for one in status.sites)
    assert any(one.count for one in status.sites), "no site had a number that may be shown"


@pytest.mark.parametrize(
    ("away", "there", "how", "code"),
    [
        ("chemnitz", "cottbus", signal.SIGKILL, -signal.SIGKILL),
        ("cottbus", "chemnitz", signal.SIGTERM, 0),
    ],
)
def test_a_stopped_site_answers_once_when_it_is_back(
    houses: Houses, question: Path, away: str, there: str, how: int, code: int
) -> None:
    assert houses.running[away].url, "it serves before it is stopped"
    assert houses.running[away].stop(how) == code
    asked = asyncio.run(houses.ask(LUNG_CANCER))
    status = wait_for(houses, asked, **{away: "waiting", there: "answered"})
    assert [one.member for one in status.silent] == [away]

    assert houses.serve("site", away).url
    status = wait_for(houses, asked, chemnitz="answered", cottbus="answered")
    own = houses.count(away, question)
    assert [one.shown for one in status.sites if one.member == away] == [own["would_show"]]
    answers = [sender for sender, kind in letters_of(houses, asked) if kind == "result"]
    assert answers == ["chemnitz", "cottbus"]


def test_a_site_killed_while_it_works_answers_once(houses: Houses) -> None:
    asked = asyncio.run(houses.ask(LUNG_CANCER))
    houses.running["chemnitz"].stop(signal.SIGKILL)
    assert houses.serve("site", "chemnitz").url
    wait_for(houses, asked, chemnitz="answered", cottbus="answered")
    answers = [sender for sender, kind in letters_of(houses, asked) if kind == "result"]
    assert answers == ["chemnitz", "cottbus"]


def test_an_import_beside_the_serving_site_is_counted_there(houses: Houses, tmp_path: Path) -> None:
    before = houses.count("cottbus", houses.root / "question.json")["position"]
    patient = {"resourceType": "Patient", "id": "came-later", "gender": "female", "birthDate": "1961-03-05"}
    file = tmp_path / "later.ndjson"
    file.write_bytes(orjson.dumps(patient) + b"\n")
    told = orjson.loads(mihub("site", "import", "--site", houses.folder("cottbus"), str(file), "--json"))
    assert (told["loaded"], told["resources"]["created"]) == (1, 1)

    asked = asyncio.run(houses.ask(LUNG_CANCER))
    status = wait_for(houses, asked, chemnitz="answered", cottbus="answered")
    (cottbus,) = (one for one in status.sites if one.member == "cottbus")
    assert isinstance(before, int)
    assert cottbus.position > before
    assert houses.running["cottbus"].process.poll() is None
    assert not list((houses.root / "cottbus").glob("facts-beside-*"))


def test_the_trust_centre_has_linked_people_of_both_sites(houses: Houses) -> None:
    both = _known_to_both(houses)
    assert both, "the synthetic region has nobody who was at both sites"

    def linked() -> float:
        return sum(_lookup(houses, pair) for pair in both) / len(both)

    assert _at_least(linked, 0.8), f"only {linked():.0%} of {len(both)} people were linked"


def test_only_the_sites_hold_the_common_linkage_key(houses: Houses) -> None:
    key = (houses.root / "hub" / "linkage.key").read_bytes()
    assert all((houses.root / site / "linkage.key").read_bytes() == key for site in SITES)
    assert not (houses.root / "trust" / "linkage.key").exists()
    assert any("linkage.key" in line and "offline" in line for line in houses.running["hub"].lines)


def _at_least(measure: Callable[[], float], wanted: float) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if measure() >= wanted:
            return True
        time.sleep(0.5)
    return False


def _known_to_both(houses: Houses) -> list[dict[str, str]]:
    """Transport ids by site, for each person with a record at both."""
    truth = orjson.loads((houses.root / "synthetic" / "truth.json").read_bytes())
    names = {site: _transport_ids(houses, site) for site in SITES}
    people = [dict(records) for records in truth.values()]
    return [{site: names[site][one[site]] for site in SITES} for one in people if set(SITES) <= set(one)]


def _transport_ids(houses: Houses, site: str) -> dict[str, str]:
    (file,) = (houses.root / "synthetic" / site / "fhir").glob("*-Patient.ndjson*")
    secret = (houses.root / site / "secret").read_bytes()
    patients = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    return {
        identifier["value"]: transport_id(secret, patient["id"])
        for patient in patients
        for identifier in patient["identifier"]
        if identifier.get("system") == f"https://mihub.example/{site}/patient-id"
    }


def _lookup(houses: Houses, names: dict[str, str]) -> bool:
    """Does the trust centre answer with both records when asked for one?"""
    answer = httpx.get(
        f"{houses.running['trust'].url}/trust/lookup",
        params={"member": "chemnitz", "transport_id": names["chemnitz"]},
        headers={"authorization": f"Bearer {houses.bearer(CARE, MemberId('trust'))}"},
    )
    if answer.status_code != 200:
        return False
    return {"member": "cottbus", "transport_id": names["cottbus"]} in answer.json()["records"]
