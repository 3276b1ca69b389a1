"""Search parameters of the packages that a site has loaded are served from its next start on; until then it says so."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from pathlib import Path
from typing import Any

from mihub.database.embedded import Embedded
from mihub.site.api.app import create_app
from mihub.site.packages.shelf import FILE_NAME, Shelf
from mihub.site.search.catalogue import catalogue
from mihub.site.search.of_packages import catalogue_of_packages, stale
from mihub.site.settings import SiteSettings
from mihub.site.site import Site
from tests.package_maker import manifest, package
from tests.store_record import HERE, KEY, PORTAL, Client, access, postgres  # noqa: F401  # fixture

CITIZEN = "https://x/citizenship"
PARAMETER: dict[str, Any] = {
    "resourceType": "SearchParameter", "id": "citizenship", "url": "https://x/SearchParameter/citizenship",
    "status": "active", "name": "citizenship", "code": "citizenship", "base": ["Patient"], "type": "token",
    "expression": f"Patient.extension('{CITIZEN}').value.ofType(Coding)",
}  # fmt: skip
GERMAN: dict[str, Any] = {
    "resourceType": "Patient", "id": "eva",
    "extension": [{"url": CITIZEN, "valueCoding": {"system": "urn:iso:std:iso:3166", "code": "DE"}}],
}  # fmt: skip


def _open(url: str, folder: Path) -> Site:
    settings = SiteSettings(member=HERE, data_dir=folder, kind="hospital", database_connections=2)
    return Site.open(settings, lambda: {PORTAL: KEY}, database_url=url)


def test_a_package_s_parameter_finds_what_was_there_before(postgres: Embedded, tmp_path: Path) -> None:
    url = postgres.url("search_packages")
    site = _open(url, tmp_path)
    client = Client(create_app(site), access())
    assert client.put(GERMAN).status_code == 201
    assert site.catalogue is catalogue()
    assert client.send("GET", "Patient?citizenship=DE").status_code == 400
    shelf = Shelf.open(tmp_path / FILE_NAME)
    shelf.add(package(tmp_path, manifest(), PARAMETER))
    shelf.close()
    assert "Restart the site" in stale(site.catalogue, tmp_path)
    site.close()

    site = _open(url, tmp_path)
    client = Client(create_app(site), access())
    assert stale(site.catalogue, tmp_path) == ""
    assert client.ids("Patient?citizenship=DE") == ["eva"]
    assert client.ids("Patient?citizenship=AT") == []
    told = client.bare("GET", "metadata").json()["rest"][0]["resource"]
    patient = next(one for one in told if one["type"] == "Patient")
    assert "citizenship" in {one["name"] for one in patient["searchParam"]}
    site.close()


def test_a_site_without_packages_makes_no_catalogue_of_its_own(tmp_path: Path) -> None:
    assert catalogue_of_packages(tmp_path) is catalogue()
    Shelf.open(tmp_path / FILE_NAME).close()
    assert catalogue_of_packages(tmp_path) is catalogue()
