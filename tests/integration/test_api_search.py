"""Searching over HTTP: over types, in compartments, summaries, links back and forth, pages while others write."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import threading
from typing import Any

import pytest

from mihub.core.policy.actor import Purpose, Role
from mihub.site.site import Site
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures


def of(patient: str) -> dict[str, Any]:
    return {"reference": f"Patient/{patient}"}


def observation(key: str, patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": key, "status": "final", "subject": of(patient),
        "code": {"text": "x", "coding": [{"system": "https://s", "code": "c"}]}, **more,
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def record(client: Client) -> None:
    for name in ("eva", "ole"):
        client.put(
            {
                "resourceType": "Patient", "id": name, "name": [{"family": name}], "gender": "female",
                "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
                "contact": [{"name": {"family": "Next"}}], "link": [{"other": of("x"), "type": "seealso"}],
            }
        )  # fmt: skip
    for number in range(5):
        client.put(observation(f"e{number}", "eva", note=[{"text": "n"}], valueInteger=number))
    client.put({"resourceType": "Condition", "id": "c1", "subject": of("ole")})


def _ids(client: Client, path: str) -> list[str]:
    return sorted(client.ids(path))


def test_over_types_and_in_compartments(client: Client) -> None:
    assert _ids(client, "?_type=Patient,Condition") == ["c1", "eva", "ole"]
    assert _ids(client, "?_type=Condition,Observation&subject.family=ole") == ["c1"]
    assert _ids(client, "Patient/eva/Observation?code=c&_count=2") == [f"e{number}" for number in range(5)]
    assert _ids(client, "Patient/ole/*") == ["c1", "ole"]
    assert _ids(client, "Patient/ole/Observation") == []
    for path in ("_search", "Patient/ole/Condition/_search"):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        posted = client.send(
            "POST", path, content="_type=Condition" if path == "_search" else "", headers=form
        )
        assert [entry["resource"]["id"] for entry in posted.json()["entry"]] == ["c1"], posted.text
    refused = client.send("GET", "Organization/x/Observation")
    assert (refused.status_code, "There is no such compartment" in refused.text) == (400, True)
    assert client.send("GET", "Patient/eva/Nothing").status_code == 404
    batch = {
        "resourceType": "Bundle", "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in ("Patient/ole/*", "Patient/ole/Condition")],
    }  # fmt: skip
    answered = client.send("POST", "", json=batch).json()["entry"]
    assert [one["resource"]["total"] for one in answered] == [2, 1]


def test_codes_of_value_sets_and_hierarchies(client: Client) -> None:
    system = "https://tree"
    concepts = [{"code": "a", "concept": [{"code": "b", "concept": [{"code": "c"}]}]}, {"code": "z"}]
    client.put(
        {
            "resourceType": "CodeSystem", "id": "tree", "url": system, "status": "active", "content": "complete",
            "hierarchyMeaning": "is-a", "concept": concepts,
        }
    )  # fmt: skip
    wide = [{"system": system, "concept": [{"code": "b"}, {"code": "z"}]}]
    client.put(
        {
            "resourceType": "ValueSet",
            "id": "some",
            "url": "https://some",
            "status": "active",
            "compose": {"include": wide},
        }
    )
    for code in "abcz":
        client.put(
            {
                "resourceType": "Basic",
                "id": f"basic-{code}",
                "code": {"coding": [{"system": system, "code": code}]},
            }
        )
    for query, ids in (
        (f"code:below={system}|b", "bc"), (f"code:above={system}|b", "ab"), ("code:in=https://some", "bz"),
        ("code:not-in=https://some", "ac"), (f"code:below={system}|nothing", ""),
    ):  # fmt: skip
        assert _ids(client, f"Basic?{query}") == [f"basic-{code}" for code in ids], query
    unknown = client.send("GET", "Basic?code:in=https://nobody-knows")
    assert unknown.status_code == 400
    assert "is not known here, or can not be listed" in unknown.text
    assert "nobody-knows" not in unknown.text


def test_what_is_told_of_searching(client: Client) -> None:
    rest = client.bare("GET", "metadata").json()["rest"][0]
    assert {"code": "search-system"} in rest["interaction"]
    assert "http://hl7.org/fhir/CompartmentDefinition/encounter" in rest["compartment"]
    observation = next(one for one in rest["resource"] if one["type"] == "Observation")
    kinds = {one["name"]: one["type"] for one in observation["searchParam"]}
    assert kinds["component-code-value-quantity"] == "composite"
    for name in kinds:
        # What is told is taken: a name alone is refused for its value at most, never as unknown.
        answer = client.send("GET", f"Observation?{name}=")
        assert "not known here" not in answer.text, name


def test_a_patient_sees_no_more_over_types(client: Client) -> None:
    mine = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="ole", organization="netzwerk"))
    assert _ids(mine, "?_type=Patient,Condition,Observation") == ["c1", "ole"]
    assert _ids(mine, "Patient/eva/*") == []


def test_summaries(client: Client) -> None:
    def keys(mode: str) -> set[str]:
        found = client.send("GET", f"Patient?_id=eva&_summary={mode}").json()["entry"][0]["resource"]
        assert found["meta"]["tag"][0]["code"] == "SUBSETTED"
        return set(found) - {"resourceType", "id", "meta"}

    assert keys("true") == {"name", "gender", "link"}
    assert keys("text") == {"text"}
    assert keys("data") == {"name", "gender", "contact", "link"}
    whole = client.send("GET", "Patient?_id=eva&_summary=false").json()["entry"][0]["resource"]
    assert "tag" not in whole["meta"]
    short = client.send("GET", "Observation?_id=e1&_summary=true").json()["entry"][0]["resource"]
    assert set(short) == {"resourceType", "id", "meta", "status", "code", "subject", "valueInteger"}
    text = client.send("GET", "Observation?_id=e1&_summary=text").json()["entry"][0]["resource"]
    assert set(text) == {"resourceType", "id", "meta", "status", "code"}


def test_links_lead_there_and_back(client: Client) -> None:
    def page(path: str) -> tuple[list[str], dict[str, str]]:
        found = client.send("GET", path).json()
        links = {link["relation"]: link["url"].split("/fhir/")[-1] for link in found["link"]}
        return [entry["resource"]["id"] for entry in found["entry"]], links

    first, links = page("Observation?_count=2&_sort=_id")
    assert "previous" not in links
    second, links = page(links["next"])
    third, links = page(links["next"])
    assert (first, second, third) == (["e0", "e1"], ["e2", "e3"], ["e4"])
    assert "next" not in links
    again, links = page(links["previous"])
    assert again == second
    again, back = page(links["previous"])
    assert (again, "previous" in back) == (first, False)
    assert page(links["first"])[0] == first


def test_pages_have_no_gap_and_nothing_twice_while_others_write(site: Site, client: Client) -> None:
    code = {"coding": [{"system": "https://s", "code": "paged"}]}
    for number in range(60):
        client.put(observation(f"stay{number:02}", "eva", code=code, valueInteger=number % 7))
    ended = threading.Event()

    def write() -> None:
        count = 0
        while not ended.is_set():
            count += 1
            client.put(observation(f"new{count}", "eva", code=code))
            client.put(
                observation(
                    f"stay{count % 60:02}",
                    "eva",
                    code=code,
                    valueInteger=count % 7,
                    note=[{"text": str(count)}],
                )
            )
            client.send("DELETE", f"Observation/new{count - 3}")

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for order in ("", "&_sort=_id", "&_sort=-code,subject", "&_sort=-_id"):
            found = client.ids(f"Observation?code=paged&_count=7{order}")
            stayed = [key for key in found if key.startswith("stay")]
            assert len(stayed) == len(set(stayed)) == 60, order
    finally:
        ended.set()
        for writer in writers:
            writer.join()
