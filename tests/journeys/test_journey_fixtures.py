"""Every patient of other people's fixtures (MII test bundles, oBDS reports) has pages that render, in both
languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from mihub.care.client import MemoryFhirClient
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.portals.shell.app import create_app
from mihub.site.ingest import Importer
from tests.ingest_memory import MemoryRecord
from tests.unit.region_of_memory import TRANSPORT, MemoryHouses, portal_of_memory, sign_in

_PAGES = (
    "/p",
    "/p/verlauf?lang=de",
    "/p/verlauf?lang=en&woerter=fach",
    "/p/befunde",
    "/p/plan",
    "/p/termine",
    "/p/freigaben",
)


def _imported(folder: Path) -> list[Resource]:
    record = MemoryRecord()
    Importer(record, MemberId("netzwerk")).run([folder])
    return list(record.resources.values())


def _each_patient(resources: list[Resource]) -> Iterator[tuple[str, MemoryFhirClient]]:
    """One site per patient, in which that patient carries the transport id of the test's sign-in."""
    for patient in [resource for resource in resources if resource["resourceType"] == "Patient"]:
        marked = {
            **patient,
            "identifier": [*patient.get("identifier", []), {"system": TRANSPORT, "value": "t-netzwerk"}],
        }
        link = f'"Patient/{patient["id"]}"'.encode()
        others = [resource for resource in resources if link in orjson.dumps(resource)]
        yield patient["id"], MemoryFhirClient([marked, *others])


def _check_pages(browser: TestClient) -> int:
    for path in _PAGES:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert answer.text.count("<h1") == 1
    for address in re.findall(r'href="(/p/befunde/[^"]+)"', browser.get("/p/befunde").text)[:3]:
        assert browser.get(address).status_code == 200
    return browser.get("/p/verlauf").text.count('<td class="when">')


@pytest.mark.parametrize(("source", "least"), [("mii-testdata/bundles", 20), ("obds", 6)])
def test_every_fixture_patient_has_a_journey_page(shared: Path, source: str, least: int) -> None:
    portal = portal_of_memory({"netzwerk": MemoryFhirClient()})
    seen: dict[str, int] = {}
    with TestClient(create_app(portal)) as browser:
        sign_in(browser, "patient")
        for patient, site in _each_patient(_imported(shared / "data" / source)):
            assert isinstance(portal.houses, MemoryHouses)
            portal.houses.memory["netzwerk"] = site
            seen[patient] = _check_pages(browser)
    assert portal.texts.missing == set()
    assert len(seen) >= least
    assert len([patient for patient, events in seen.items() if events]) >= len(seen) // 2
