"""A real site takes other people's data: loaded + rejected = read for every file, and their searches find it."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mihub.apps.open_site import OpenSite
from mihub.database.embedded import Embedded
from tests.conformance.fixture_accounts import PAGE, Account, Outcome, accounts, outcomes, page, searches
from tests.real_site import in_process, real_site, sign, system
from tests.store_record import postgres  # noqa: F401  # a fixture

# One site for all tests of this file, also when several processes share the work.
pytestmark = pytest.mark.xdist_group("fixture accounts")


@pytest.fixture(scope="module")
def site(postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    with real_site(postgres, tmp_path_factory.mktemp("accounts")) as opened:
        yield opened


@pytest.fixture(scope="module")
def found(shared: Path, site: OpenSite) -> dict[str, list[Account]]:
    return accounts(site, shared / "data")


@pytest.fixture(scope="module")
def asked(shared: Path, site: OpenSite, found: dict[str, list[Account]]) -> list[Outcome]:
    return outcomes(site, searches(shared / "data"))


def test_every_file_has_an_account_that_adds_up(found: dict[str, list[Account]]) -> None:
    for one in [one for listed in found.values() for one in listed]:
        print(f"{one.file}: {one.loaded} loaded + {one.rejected} rejected = {one.counted} read")
        assert one.loaded + one.rejected == one.counted, one
        assert bool(one.reasons) == bool(one.rejected), one
        assert all(reason and rule for reason, rule in one.reasons), one


def test_the_same_file_again_changes_nothing(found: dict[str, list[Account]]) -> None:
    assert [one.file for listed in found.values() for one in listed if one.changed_again] == []


def test_all_mii_bundles_load_whole(found: dict[str, list[Account]]) -> None:
    bundles = found["mii-testdata/bundles"]
    assert (len(bundles), sum(one.rejected for one in bundles)) == (22, 0)


@pytest.mark.parametrize("source", ["mii-testdata/bundles", "obds"])
def test_a_whole_folder_again_changes_nothing(
    shared: Path, site: OpenSite, found: dict[str, list[Account]], source: str
) -> None:
    folder = shared / "data" / source
    first, again = (site.importer().run([folder]) for _ in range(2))
    assert (again.loaded, again.rejected) == (first.loaded, first.rejected)
    assert set(again.resources) == {"unchanged"}


def test_only_what_is_no_record_is_rejected(found: dict[str, list[Account]]) -> None:
    """Of the sources that are FHIR in JSON, nothing is turned away that FHIR would let us keep."""
    allowed = (
        "The resource has no resourceType.",
        "This resource type is part of an exchange and is not kept in a record.",
        "This is FHIR in XML; FHIR is read as JSON.",
        "The content is none of the formats that are read here.",
        "The JSON ends early; the file may be truncated.",
        "The text is not JSON",
        "This XML is not oBDS: its root element is another one.",
        "The file is empty.",
        "This JSON is a list; FHIR sends a Bundle or one resource a line.",
        "A reference names an entry that the bundle does not hold and no store can know.",
        # The example of a Subscription: who is told of changes is the operator's decision.
        "This site sends no notifications to endpoints: its operator has listed no host.",
    )
    for source, listed in found.items():
        if not source.startswith("obds"):
            for reason in (reason for one in listed for reason, _ in one.reasons):
                assert reason.startswith(allowed), (source, reason)


def test_the_published_searches_find_what_they_name(asked: list[Outcome]) -> None:
    for one in asked:
        print(f"{one.query}: {one.status}, {one.total} found, {one.fault or 'passes'}")
    assert [one for one in asked if one.fault] == []


def test_an_unknown_parameter_is_an_error_and_never_all(site: OpenSite, asked: list[Outcome]) -> None:
    async def ask(query: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {sign(system('chemnitz'), site.member)}"}
        async with in_process(site, "/fhir") as http:
            answer = await http.get(query, headers=headers)
        return answer.status_code, answer.text

    types = sorted({one.query.partition("?")[0] for one in asked})
    for resource_type in types:
        status, text = asyncio.run(ask(f"{resource_type}?bestrahlung-nonsens=L"))
        assert status == 400
        assert f"The search parameter {resource_type}.bestrahlung-nonsens is not known here." in text


def test_the_published_numbers_are_the_measured_ones(
    found: dict[str, list[Account]], asked: list[Outcome]
) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(found, asked), (
        "Stale docs/reference/fixtures.md. Next: python -m tests.conformance.fixture_accounts"
    )
