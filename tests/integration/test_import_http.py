"""$import over HTTP: files of one folder, an account for each, refused lines, and a record that comes back as it went out."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from mihub.core.policy.actor import Purpose, Role
from mihub.site.api.app import create_app
from mihub.site.site import Site
from tests.integration.test_export_http import exported, poll, text_of
from tests.store_record import Client, access, open_site, postgres  # noqa: F401  # fixtures

Json = dict[str, Any]


@pytest.fixture
def site(postgres: Any, tmp_path: Path) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path / "to")
    (opened.settings.data_dir / "import").mkdir(parents=True)
    yield opened
    opened.close()


@pytest.fixture
def client(site: Site) -> Client:
    return Client(create_app(site), access())


def kick_off(client: Client, *files: tuple[str, str], **more: Any) -> httpx.Response:
    manifest = {
        "inputFormat": "application/fhir+ndjson",
        "inputSource": "https://other.example",
        "input": [{"type": kind, "url": url} for kind, url in files],
        **more,
    }
    return client.send("POST", "$import", json=manifest, headers={"Prefer": "respond-async"})


def put(site: Site, name: str, *lines: Json | bytes) -> None:
    path = site.settings.data_dir / "import" / name
    path.write_bytes(
        b"".join((one if isinstance(one, bytes) else orjson.dumps(one)) + b"\n" for one in lines)
    )


def test_files_are_imported_and_every_refused_line_is_told(client: Client, site: Site) -> None:
    put(
        site,
        "a.ndjson",
        {"resourceType": "Patient", "id": "a"},
        b"{broken",
        {"resourceType": "Patient", "id": "b"},
    )
    put(
        site, "b.ndjson", {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}}
    )
    started = kick_off(
        client,
        ("Patient", "a.ndjson"),
        ("Observation", (site.settings.data_dir / "import/b.ndjson").as_uri()),
    )
    assert started.status_code == 202, started.text
    done = poll(client, started.headers["content-location"])
    assert done.status_code == 200, done.text
    account = done.json()
    assert [(one["type"], one["count"]) for one in account["output"]] == [("Patient", 2), ("Observation", 1)]
    (error,) = account["error"]
    assert (error["inputUrl"], error["count"]) == ("a.ndjson", 1)
    (line,) = client.send("GET", error["url"]).content.splitlines()
    issue = orjson.loads(line)["issue"][0]
    assert issue["expression"] == ["line 2"]
    assert "not JSON" in issue["details"]["text"]
    assert client.ids("Patient") == ["a", "b"]
    assert client.send("DELETE", started.headers["content-location"]).status_code == 202
    assert client.send("GET", error["url"]).status_code == 404


def test_the_manifest_may_be_parameters(client: Client, site: Site) -> None:
    put(site, "p.ndjson", {"resourceType": "Patient", "id": "a"})
    parts = [{"name": "type", "valueCode": "Patient"}, {"name": "url", "valueUri": "p.ndjson"}]
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "inputFormat", "valueCode": "application/fhir+ndjson"},
        {"name": "input", "part": parts},
    ]}  # fmt: skip
    started = client.send("POST", "$import", json=body, headers={"Prefer": "respond-async"})
    assert started.status_code == 202, started.text
    assert poll(client, started.headers["content-location"]).json()["output"][0]["count"] == 1


def test_nothing_outside_of_the_folder_is_read(client: Client, site: Site, tmp_path: Path) -> None:
    outside = tmp_path / "secret.ndjson"
    outside.write_bytes(orjson.dumps({"resourceType": "Patient", "id": "a"}))
    (site.settings.data_dir / "import" / "link.ndjson").symlink_to(outside)
    put(site, "text.txt", {"resourceType": "Patient", "id": "a"})
    for url, status, sentence in (
        ("https://example.org/a.ndjson", 400, "never from an address"),
        ("http://127.0.0.1/a.ndjson", 400, "never from an address"),
        ("//host/a.ndjson", 400, "never from an address"),
        ("file://host/a.ndjson", 400, "never from an address"),
        (outside.as_uri(), 403, "does not lie in the import folder"),
        ("../../secret.ndjson", 403, "does not lie in the import folder"),
        ("..%2f..%2fsecret.ndjson", 403, "does not lie in the import folder"),
        ("link.ndjson", 403, "does not lie in the import folder"),
        ("text.txt", 400, "Only NDJSON is imported"),
        ("nothing.ndjson", 400, "There is no such file"),
    ):
        refused = kick_off(client, ("Patient", url))
        assert (refused.status_code, sentence in text_of(refused)) == (status, True), (url, refused.text)
    assert kick_off(client).status_code == 400
    assert kick_off(client, ("Patient", "text.txt"), colour="red").status_code == 400
    assert client.ids("Patient") == []


def test_only_the_own_programs_may(client: Client, site: Site) -> None:
    put(site, "p.ndjson", {"resourceType": "Patient", "id": "a"})
    for who in (
        access(Role.ONCOLOGIST),
        access(Role.SYSTEM, Purpose.RECORD_MANAGEMENT, organization="leipzig"),
        access(Role.SYSTEM, Purpose.RESEARCH),
        access(Role.SITE_ENGINEER, Purpose.OPERATIONS),
        access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="a"),
    ):
        refused = kick_off(client.as_(who), ("Patient", "p.ndjson"))
        assert (refused.status_code, "own programs" in text_of(refused)) == (403, True), who
        sent = client.as_(who).send("PUT", "$import-files/x.ndjson", content=b"{}")
        assert sent.status_code == 403
    assert client.bare("PUT", "$import-files/x.ndjson", content=b"{}").status_code == 401
    assert not (site.settings.data_dir / "import" / "x.ndjson").exists()


def test_a_file_is_uploaded_whole_or_not_at_all(client: Client, site: Site) -> None:
    content = orjson.dumps({"resourceType": "Patient", "id": "a"}) + b"\n"
    ndjson = {"Content-Type": "application/fhir+ndjson"}
    assert client.send("PUT", "$import-files/up.ndjson", content=content, headers=ndjson).status_code == 201
    assert client.send("PUT", "$import-files/up.ndjson", content=content, headers=ndjson).status_code == 200
    assert client.send("PUT", "$import-files/..up.ndjson", content=content).status_code == 400
    assert client.send("PUT", "$import-files/up.exe", content=content).status_code == 400
    assert [path.name for path in (site.settings.data_dir / "import").iterdir()] == ["up.ndjson"]
    started = kick_off(client, ("Patient", "up.ndjson"))
    assert poll(client, started.headers["content-location"]).json()["output"][0]["count"] == 1


def test_an_exported_record_imported_elsewhere_is_equal(
    client: Client, site: Site, postgres: Any, tmp_path: Path
) -> None:
    source = open_site(postgres, tmp_path / "from")
    try:
        giver = Client(create_app(source), access())
        for number in range(30):
            giver.put({"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "Müller\u2028ß"}]})
            giver.put({"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "\n"},
                       "subject": {"reference": f"Patient/p{number}"}, "valueQuantity": {"value": 1.50}})  # fmt: skip
        giver.send("DELETE", "Observation/o3")
        giver.put({"resourceType": "Organization", "id": "o"})
        manifest, resources = exported(giver)
        files = []
        for file in manifest["output"]:
            name = file["url"].rpartition("/")[2]
            content = giver.send("GET", file["url"]).content
            assert client.send("PUT", f"$import-files/{name}", content=content).status_code == 201
            files.append((file["type"], name))
        done = poll(client, kick_off(client, *files).headers["content-location"]).json()
        assert (sum(one["count"] for one in done["output"]), done["error"]) == (len(resources), [])
        assert plain(exported(client)[1]) == plain(resources)
    finally:
        source.close()


def plain(resources: list[Json]) -> dict[str, Json]:
    """What was said, without which version it was said in."""
    return {
        f"{one['resourceType']}/{one['id']}": {name: value for name, value in one.items() if name != "meta"}
        for one in resources
    }


def test_an_import_is_cancelled_between_files(client: Client, site: Site) -> None:
    for number in range(20):
        put(
            site,
            f"{number}.ndjson",
            *({"resourceType": "Patient", "id": f"p{number}-{n}"} for n in range(200)),
        )
    started = kick_off(client, *[("Patient", f"{number}.ndjson") for number in range(20)])
    assert client.send("DELETE", started.headers["content-location"]).status_code == 202
    site.background["imports"].wait(30)
    before = len(client.ids("Patient?_count=1000"))
    assert before < 4000
    time.sleep(0.1)
    assert len(client.ids("Patient?_count=1000")) == before
    assert {path.name for path in (site.settings.data_dir / "imports").iterdir()} == {".lock"}
