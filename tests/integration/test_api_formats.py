"""XML and JSON over HTTP: the same record in both, refused in one sentence where it is neither."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from lxml import etree

from mihub.errors import InvalidInput
from mihub.site.formats.xml_reading import resource_from_xml
from mihub.site.formats.xml_writing import resource_to_xml
from tests.integration.test_api_interactions import patient
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures

XML = "application/fhir+xml"


def test_what_is_sent_as_xml_is_read_as_json_and_back(client: Client) -> None:
    sent = {
        **patient("xml-a"),
        "active": True,
        "_birthDate": {"extension": [{"url": "https://x/e", "valueString": "ä"}]},
    }
    stored = client.send("PUT", "Patient/xml-a", content=resource_to_xml(sent), headers={"Content-Type": XML})
    assert stored.status_code == 201, stored.text
    read = client.send("GET", "Patient/xml-a")
    assert read.headers["content-type"] == "application/fhir+json"
    assert {key: read.json()[key] for key in sent} == sent
    as_xml = client.send("GET", "Patient/xml-a", headers={"Accept": XML})
    assert as_xml.headers["content-type"] == XML
    assert resource_from_xml(as_xml.content) == read.json()


@pytest.mark.parametrize(
    ("accept", "query", "media"),
    [
        ("application/fhir+xml;q=0.4, application/fhir+json", "", "application/fhir+json"),
        ("application/xml, */*;q=0.1", "", XML),
        ("text/html", "", "application/fhir+json"),
        ("application/fhir+json", "?_format=xml", XML),
        ("*/*", "?_format=application/fhir+json", "application/fhir+json"),
    ],
)
def test_the_client_says_the_format(client: Client, accept: str, query: str, media: str) -> None:
    client.put(patient("xml-b"))
    assert (
        client.send("GET", f"Patient/xml-b{query}", headers={"Accept": accept}).headers["content-type"]
        == media
    )


def test_a_search_and_an_error_are_told_in_xml_too(client: Client) -> None:
    client.put(patient("xml-c"))
    found = resource_from_xml(client.send("GET", "Patient?_id=xml-c", headers={"Accept": XML}).content)
    assert [one["resource"]["id"] for one in found["entry"]] == ["xml-c"]
    refused = client.send("GET", "Patient?nonsense=1", headers={"Accept": XML})
    assert resource_from_xml(refused.content)["resourceType"] == "OperationOutcome"


def test_a_format_nobody_speaks_is_refused(client: Client) -> None:
    assert client.send("GET", "Patient?_format=text/turtle").status_code == 406


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            b"<Patient xmlns='http://hl7.org/fhir'><nothing value='x'/></Patient>",
            "Patient has no such element",
        ),
        (b"<Patient xmlns='http://hl7.org/fhir'><active value='yes'/></Patient>", "The value is no boolean"),
        (b"<Patient xmlns='http://hl7.org/fhir'><gender/></Patient>", "neither a value nor an extension"),
        (
            b"<Patient xmlns='http://hl7.org/fhir'><gender value='male'/><gender value='male'/></Patient>",
            "once only",
        ),
        (b"<Patient><active value='true'/></Patient>", "not of FHIR's namespace"),
        (b"<Patient xmlns='http://hl7.org/fhir'>", "The document is not XML"),
        (
            b"<!DOCTYPE Patient [<!ENTITY e 'x'>]><Patient xmlns='http://hl7.org/fhir'/>",
            "document type is not allowed",
        ),
        (b"<Patient xmlns='http://hl7.org/fhir' colour='red'/>", "no such attribute"),
    ],
)
def test_xml_that_is_no_resource_is_one_sentence_with_its_line(document: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=r"line 1") as refused:
        resource_from_xml(document)
    assert says in str(refused.value)


def test_every_mii_resource_survives_xml(shared: Path) -> None:
    files = sorted((shared / "data" / "mii-testdata" / "bundles").glob("*.json"))
    resources = [entry["resource"] for file in files for entry in orjson.loads(file.read_bytes())["entry"]]
    assert len(resources) > 700
    changed = [one["id"] for one in resources if resource_from_xml(resource_to_xml(one)) != one]
    assert changed == []


def test_elements_stand_in_the_order_of_the_specification() -> None:
    written = resource_to_xml(
        {"resourceType": "Patient", "birthDate": "1958", "name": [{"family": "x"}], "id": "p"}
    )
    names = [etree.QName(one).localname for one in etree.fromstring(written)]
    assert names == ["id", "name", "birthDate"]
