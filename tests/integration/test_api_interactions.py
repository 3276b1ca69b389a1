"""The FHIR REST API of a site, interaction by interaction, over HTTP in process."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from typing import Any

import pytest

from mihub.core.policy.actor import Purpose, Role
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures

Json = dict[str, Any]


def patient(number: str, family: str = "Muster") -> Json:
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [{"system": "https://x/p", "value": f"MR-{number}"}],
        "name": [{"family": family, "given": ["Kerstin"]}],
        "birthDate": "1958-03-04",
    }


def observation(number: str, of: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": number,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{of}"},
        "effectiveDateTime": "2024-05-01",
        **more,
    }


def text_of(answer: Any) -> str:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome", body
    return f"{body['issue'][0]['details']['text']} {body['issue'][0].get('expression', [''])[0]}"


def test_a_resource_lives_through_versions(client: Client) -> None:
    first = client.put(patient("life"))
    assert (first.status_code, first.headers["etag"]) == (201, 'W/"1"')
    assert first.headers["location"].endswith("/fhir/Patient/life/_history/1")
    assert first.headers["content-type"] == "application/fhir+json"
    assert client.put(patient("life")).headers["etag"] == 'W/"1"', "the same content is no new version"
    changed = client.put(patient("life", "Neu"), headers={"If-Match": 'W/"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    stale = client.put(patient("life", "Alt"), headers={"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    assert "is not at the version that the request expects" in text_of(stale)
    assert client.send("GET", "Patient/life/_history/1").json()["name"][0]["family"] == "Muster"
    assert client.send("DELETE", "Patient/life").status_code == 204
    assert client.send("GET", "Patient/life").status_code == 410
    assert client.ids("Patient?_id=life") == []
    history = client.send("GET", "Patient/life/_history").json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT", "PUT"]
    assert [entry["response"]["status"] for entry in history["entry"]] == ["204", "200", "201"]
    again = client.put(patient("life"))
    assert (again.status_code, again.headers["etag"]) == (201, 'W/"4"')


def test_stored_bytes_come_back_untouched(client: Client) -> None:
    body = '{"resourceType":"Basic","id":"bytes","code":{"text":"Größe \\u00fc"},"extension":[{"url":"u","valueDecimal":1.50}]}'
    created = client.send("PUT", "Basic/bytes", content=body, headers={"Content-Type": "application/json"})
    read = client.send("GET", "Basic/bytes")
    assert read.content == created.content
    assert read.json()["code"]["text"] == "Größe ü"


def test_create_gives_an_id_once_for_a_condition(client: Client) -> None:
    resource = patient("ignored") | {"identifier": [{"system": "https://x/once", "value": "1"}]}
    condition = {"If-None-Exist": "identifier=https://x/once|1"}
    first = client.send("POST", "Patient", json=resource, headers=condition)
    second = client.send("POST", "Patient", json=resource, headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"] != "ignored"
    silent = client.send(
        "POST", "Basic", json={"resourceType": "Basic"}, headers={"Prefer": "return=minimal"}
    )
    assert (silent.status_code, silent.content) == (201, b"")
    updated = client.send(
        "PUT", "Patient?identifier=https://x/once|1", json={**resource, "id": first.json()["id"]}
    )
    assert updated.status_code == 200
    many = client.send("POST", "Patient", json=resource, headers={"If-None-Exist": "birthdate=1958-03-04"})
    assert many.status_code in (201, 200, 412)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "Nonsense/1", None, 404, "There is no such resource type."),
        ("GET", "Patient/none", None, 404, "There is no such Patient."),
        ("GET", "Patient?frobnicate=1", None, 400, "The search parameter Patient.frobnicate is not known here."),
        ("GET", "Patient?birthdate=yesterday", None, 400, "A date is not written as FHIR writes dates. birthdate"),
        ("GET", "Patient?_sort=nothing", None, 400, "The search parameter Patient.nothing is not known here."),
        ("GET", "Patient?birthdate:above=x", None, 400, "The parameter birthdate has no such modifier here."),
        ("GET", "Patient?_page=x", None, 400, "This link to a page does not hold here."),
        ("POST", "Patient/1", "{}", 405, "This address does not take this method."),
        ("POST", "Patient", "{", 400, "The body is not JSON. line 1, column 2"),
        ("POST", "Patient", "[]", 400, "The body is not one resource."),
        ("POST", "Patient", '{"resourceType":"Basic"}', 400, "The address asks for Patient"),
        ("PUT", "Patient/a", '{"resourceType":"Patient","id":"b"}', 400, "The id in the address and in the body differ."),
        ("PUT", "Patient/a_b", '{"resourceType":"Patient","id":"a_b"}', 400, "The id of a resource has 1 to 64 letters"),
        ("POST", "Patient", '{"resourceType":"Patient","birthDate":"4.3.58"}', 400, "entry 0, Patient.birthDate"),
        ("POST", "Patient", '{"resourceType":"Patient","x":' + "[" * 40 + "]" * 40 + "}", 400, "nested too deeply"),
        ("POST", "Patient", "[" * 5000, 400, "The body is not JSON."),
        ("POST", "Patient", '{"resourceType":"Patient","x":"' + "y" * 100_000 + '"}', 413, "larger than this site takes"),
        ("POST", "Parameters", '{"resourceType":"Parameters"}', 422, "Parameters is part of an exchange"),
        ("POST", "AuditEvent", '{"resourceType":"AuditEvent"}', 403, "may not write this AuditEvent"),
        ("POST", "", '{"resourceType":"Bundle","type":"collection"}', 400, "Only a batch or a transaction"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_one_sentence(
    client: Client,
    method: str,
    path: str,
    body: str | None,
    status: int,
    text: str,
) -> None:
    headers = {"Content-Type": "application/fhir+json"}
    answer = client.send(method, path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert text in text_of(answer)


def test_nothing_is_open_without_proof(client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"}):
        answer = client.bare("GET", "Patient", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "OperationOutcome" in answer.text
    elsewhere = Client(client.app, client.who, audience="dresden")  # type: ignore[arg-type]  # a plain name will do
    assert "was made for another organisation" in text_of(elsewhere.send("GET", "Patient"))
    assert client.bare("GET", "metadata").json()["fhirVersion"] == "4.0.1"
    turtle = client.send("POST", "Patient", content="<> a <Patient>", headers={"Content-Type": "text/turtle"})
    assert (turtle.status_code, "Only JSON and XML" in text_of(turtle)) == (415, True)


def test_pages_are_stable_and_hide_what_was_asked(client: Client) -> None:
    client.put(patient("pages"))
    for number in range(7):
        client.put(observation(f"page-{number}", "pages", effectiveDateTime=f"2020-01-{1 + number % 3:02}"))
    for sort in ("", "&_sort=-date", "&_sort=date,-_id", "&_sort=value-quantity", "&_sort=-_lastUpdated"):
        whole = client.ids(f"Observation?patient=pages{sort}")
        assert client.ids(f"Observation?patient=pages{sort}&_count=2") == whole
        assert len(set(whole)) == 7
    page = client.send(
        "POST", "Observation/_search", content="patient=pages&_count=3",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ).json()  # fmt: skip
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert page["total"] == 7
    assert "pages" not in following


def test_search_brings_along_counts_and_shortens(client: Client) -> None:
    client.put(patient("along"))
    client.put(observation("along-1", "along"))
    page = client.send("GET", "Observation?patient=along&_include=Observation:subject").json()
    assert [(e["resource"]["resourceType"], e["search"]["mode"]) for e in page["entry"]] == [
        ("Observation", "match"), ("Patient", "include"),
    ]  # fmt: skip
    back = client.send("GET", "Patient?_id=along&_revinclude=Observation:patient").json()
    assert [e["resource"]["id"] for e in back["entry"]] == ["along", "along-1"]
    count = client.send("GET", "Observation?patient=along&_summary=count").json()
    assert (count["total"], "entry" in count) == (1, False)
    short = client.send("GET", "Observation?patient=along&_elements=status").json()["entry"][0]["resource"]
    assert set(short) == {"resourceType", "id", "meta", "status"}
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED"
    lenient = client.send("GET", "Patient?_id=along&nope=1", headers={"Prefer": "handling=lenient"}).json()
    assert [e["search"]["mode"] for e in lenient["entry"]] == ["match", "outcome"]
    everything = client.send("GET", "Patient/along/$everything").json()
    assert [e["resource"]["id"] for e in everything["entry"]] == ["along", "along-1"]


def bundle(kind: str, *entries: tuple[str, str, Json | None, str]) -> Json:
    listed = []
    for method, url, resource, full_url in entries:
        entry: Json = {"request": {"method": method, "url": url}}
        entry |= {"resource": resource} if resource else {}
        entry |= {"fullUrl": full_url} if full_url else {}
        listed.append(entry)
    return {"resourceType": "Bundle", "type": kind, "entry": listed}


def test_a_transaction_resolves_every_kind_of_reference(client: Client) -> None:
    client.put(patient("there") | {"identifier": [{"system": "https://x/there", "value": "1"}]})
    urn = "urn:uuid:6b4a8f1e-0000-4000-8000-000000000001"
    old = "https://old.example/fhir"
    new_patient = patient("p") | {"identifier": [{"system": "https://x/new", "value": "1"}]}
    answer = client.send("POST", "", json=bundle(
        "transaction",
        ("GET", "Patient?identifier=https://x/new|1", None, ""),
        ("POST", "Observation", observation("x", "") | {"subject": {"reference": urn}}, f"{old}/Observation/x"),
        ("POST", "Patient", new_patient, urn),
        ("PUT", "Observation/cond", observation("cond", "") | {
            "subject": {"reference": "Patient?identifier=https://x/there|1"},
            "hasMember": [{"reference": "Observation/x"}, {"reference": "Observation/free"}],
        }, f"{old}/Observation/cond"),
    ))  # fmt: skip
    assert answer.status_code == 200, answer.text
    got, made, _, put = answer.json()["entry"]
    assert got["resource"]["total"] == 1, "a GET sees what the transaction wrote"
    new = got["resource"]["entry"][0]["resource"]["id"]
    stored = client.send("GET", made["response"]["location"]).json()
    assert stored["subject"]["reference"] == f"Patient/{new}"
    conditional = client.send("GET", put["response"]["location"]).json()
    assert conditional["subject"]["reference"] == "Patient/there"
    assert conditional["hasMember"][0]["reference"] == f"Observation/{stored['id']}"
    assert conditional["hasMember"][1]["reference"] == "Observation/free"


@pytest.mark.parametrize(
    ("broken", "status", "text"),
    [
        (observation("b", "") | {"subject": {"reference": "urn:uuid:none"}}, 422,
         "no entry of the bundle has this fullUrl. Bundle.entry[1], resource.subject.reference"),
        (observation("b", "") | {"subject": {"reference": "Patient?identifier=https://x/none|1"}}, 422,
         "no resource fits its condition. Bundle.entry[1], resource.subject.reference"),
        (observation("b", "x", effectiveDateTime="soon"), 400, "Bundle.entry[1], Observation.effectiveDateTime"),
        (observation("other", "x"), 400, "The id in the address and in the resource differ. Bundle.entry[1]"),
    ],
)  # fmt: skip
def test_a_transaction_is_all_or_nothing(client: Client, broken: Json, status: int, text: str) -> None:
    before = client.send("GET", "Patient?_summary=count").json()["total"]
    answer = client.send("POST", "", json=bundle(
        "transaction", ("POST", "Patient", patient("n"), ""), ("PUT", "Observation/b", broken, "")
    ))  # fmt: skip
    assert answer.status_code == status, answer.text
    assert text in text_of(answer)
    assert client.send("GET", "Patient?_summary=count").json()["total"] == before
    twice = bundle("transaction", *[("PUT", "Patient/t", patient("t"), "")] * 2)
    assert "Two entries change the same resource. Bundle.entry[1]" in text_of(
        client.send("POST", "", json=twice)
    )


def test_a_batch_answers_each_entry_for_itself(client: Client) -> None:
    answer = client.send("POST", "", json=bundle(
        "batch",
        ("PUT", "Patient/batch", patient("batch"), ""),
        ("PUT", "Patient/bad", patient("bad") | {"birthDate": "x"}, ""),
        ("GET", "Patient/batch", None, ""),
        ("DELETE", "Patient/batch", None, ""),
    )).json()  # fmt: skip
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201", "400", "200", "204"]
    assert "Patient.birthDate" in str(answer["entry"][1]["response"]["outcome"])


def test_the_audit_tells_a_patient_who_looked(client: Client) -> None:
    client.put(patient("seen"))
    client.put(observation("seen-1", "seen"))
    nurse = client.as_(access(Role.NURSE))
    assert nurse.send("GET", "Observation/seen-1").status_code == 200
    assert nurse.ids("Observation?patient=seen") == ["seen-1"]
    stranger = client.as_(access(Role.ONCOLOGIST, organization="dresden"))
    assert stranger.send("GET", "Patient/seen").status_code == 404
    own = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="seen"))
    page = own.send("GET", "AuditEvent?patient=Patient/seen").json()
    events = [entry["resource"] for entry in page["entry"]]
    told = [(e["agent"][0]["name"], e["action"], e["outcome"]) for e in events]
    assert told == [
        ("Test oncologist", "R", "4"), ("Test nurse", "E", "0"), ("Test nurse", "R", "0"),
        ("Test system", "C", "0"), ("Test system", "C", "0"),
    ]  # fmt: skip
    assert all(e["entity"][0]["what"]["reference"] == "Patient/seen" for e in events)
    assert own.send("GET", "AuditEvent?entity=Patient/life").json().get("entry") is None
    officer = client.as_(access(Role.DATA_PROTECTION_OFFICER, Purpose.OPERATIONS))
    assert len(officer.send("GET", "AuditEvent?patient=seen&_count=2").json()["entry"]) == 2
    assert nurse.send("GET", "AuditEvent").status_code == 403


def test_a_patient_sees_and_writes_what_is_theirs(client: Client) -> None:
    for name in ("mine", "other"):
        client.put(patient(name))
        client.put(observation(f"of-{name}", name))
    me = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="mine"))
    assert me.ids("Patient") == ["mine"]
    assert me.ids("Observation?code=718-7") == ["of-mine"]
    assert me.send("GET", "Observation?_summary=count").json()["total"] == 1
    assert me.send("GET", "Observation/of-other").content == me.send("GET", "Observation/none").content
    assert me.ids("Observation?subject:Patient.birthdate=1958-03-04") == ["of-mine"]
    assert me.send("GET", "Patient/other/$everything").status_code == 404
    answer = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "subject": {"reference": "Patient/mine"},
    }
    written = me.send("POST", "QuestionnaireResponse", json=answer)
    assert written.status_code == 201
    assert me.put({**written.json(), "status": "amended"}).status_code == 200
    foreign = me.send(
        "POST", "QuestionnaireResponse", json=answer | {"subject": {"reference": "Patient/other"}}
    )
    assert foreign.status_code == 403
    assert me.put(answer | {"id": "chosen"}).status_code == 404
    assert me.send("POST", "Observation", json=observation("x", "mine")).status_code == 403
    assert me.send("DELETE", "Observation/of-mine").status_code == 403
    unknown = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="nobody-here"))
    assert unknown.ids("Patient") == []


def test_roles_reach_as_far_as_the_rules_say(client: Client) -> None:
    client.put(patient("reach"))
    relation = access(Role.ONCOLOGIST, organization="dresden", patient="reach", relation="CareTeam/1")
    assert client.as_(relation).ids("Patient") == ["reach"]
    assert client.as_(relation).put(patient("reach", "X")).status_code == 404
    without = access(Role.ONCOLOGIST, organization="dresden", patient="reach")
    assert client.as_(without).send("GET", "Patient").status_code == 403
    researcher = client.as_(access(Role.RESEARCHER, Purpose.RESEARCH))
    assert researcher.send("GET", "Patient").status_code == 403
    assert researcher.send("GET", "Patient/reach").status_code == 404
    engineer = client.as_(access(Role.SITE_ENGINEER, Purpose.OPERATIONS))
    assert engineer.send("GET", "Patient?_summary=count").json()["total"] >= 1
    assert engineer.send("GET", "Patient").status_code == 403


def test_what_is_labelled_for_the_team_only_is_not_there_for_the_patient(client: Client) -> None:
    client.put(patient("np"))
    plan = {"resourceType": "CarePlan", "id": "np-plan", "subject": {"reference": "Patient/np"}}
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}
    client.put(plan | {"meta": {"security": [label]}})
    client.put(observation("np-lab", "np", basedOn=[{"reference": "CarePlan/np-plan"}]))
    her = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="np"))
    gp = client.as_(access(Role.GP, organization="praxis-a", patient="np", relation="CareTeam/1"))
    nurse = client.as_(access(Role.NURSE))

    def seen(who: Client) -> list[Any]:
        everything = who.send("GET", "Patient/np/$everything").json()["entry"]
        included = who.send("GET", "Observation?_id=np-lab&_include=Observation:based-on").json()["entry"]
        batch = who.send("POST", "", json=bundle("batch", ("GET", "CarePlan/np-plan", None, ""))).json()[
            "entry"
        ]
        return [
            who.send("GET", "CarePlan/np-plan").status_code,
            who.send("GET", "CarePlan/np-plan/_history").status_code,
            who.send("GET", "CarePlan/np-plan/_history/1").status_code,
            who.ids("CarePlan?patient=Patient/np"),
            who.send("GET", "CarePlan?patient=Patient/np&_summary=count").json()["total"],
            who.ids("Observation?based-on.subject=Patient/np"),
            "np-plan" in {entry["resource"]["id"] for entry in everything + included},
            batch[0]["response"]["status"],
        ]

    hidden = [404, 404, 404, [], 0, [], False, "404"]
    assert seen(her) == hidden
    told = [200, 200, 200, ["np-plan"], 1, ["np-lab"], True, "200"]
    assert seen(gp) == seen(nurse) == told
    client.put(plan | {"status": "active"})
    assert her.send("GET", "CarePlan/np-plan").status_code == 200, "released"
    assert her.send("GET", "CarePlan/np-plan/_history/1").status_code == 404
    history = her.send("GET", "CarePlan/np-plan/_history").json()
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2"]


def test_a_patient_writes_into_nobody_elses_record(client: Client) -> None:
    client.put(patient("me"))
    client.put(patient("you"))
    her = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="me"))
    letter = {"resourceType": "Communication", "status": "completed", "sender": {"reference": "Patient/me"}}
    refused = her.send("POST", "Communication", json=letter | {"subject": {"reference": "Patient/you"}})
    assert (refused.status_code, "may not write this Communication" in text_of(refused)) == (403, True)
    assert her.send("POST", "Communication", json=letter).status_code == 201
    both = [{"actor": {"reference": "Patient/me"}}, {"actor": {"reference": "Patient/you"}}]
    shared = {"resourceType": "Appointment", "id": "of-both", "status": "booked", "participant": both}
    client.put(shared)
    assert her.put(shared | {"participant": both[:1]}).status_code == 403, "nor takes somebody out of it"


def test_a_condition_without_criteria_overwrites_nothing(client: Client) -> None:
    client.put({"resourceType": "Basic", "id": "alone"})
    for query in ("", "?_count=1", "?_sort=_id"):
        answer = client.send("PUT", f"Account{query}", json={"resourceType": "Account"})
        assert answer.status_code == 400, query
        assert "no criteria" in text_of(answer), query
    answer = client.send(
        "POST", "Account", json={"resourceType": "Account"}, headers={"If-None-Exist": "_count=1"}
    )
    assert answer.status_code == 400


def test_a_patient_chooses_no_id_by_a_condition(client: Client) -> None:
    client.put(patient("chooser"))
    client.put({"resourceType": "Communication", "id": "of-somebody-else", "status": "completed"})
    her = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="chooser"))
    mine = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": "Patient/chooser"},
    }
    answers = set()
    for chosen in ("of-somebody-else", "nobody-has-this"):
        named = mine | {"id": chosen}
        alone = her.send("PUT", "Communication?identifier=x|1", json=named)
        together = her.send(
            "POST", "", json=bundle("transaction", ("PUT", "Communication?identifier=x|1", named, ""))
        )
        answers |= {(alone.status_code, together.status_code)}
    assert answers == {(404, 404)}, "a taken id answers like a free one"


@pytest.mark.parametrize("tag", ['W/"' + "9" * 5000 + '"', 'W/"²"', "x"])
def test_a_version_that_is_none_is_said(client: Client, tag: str) -> None:
    answer = client.put(patient("tagged"), headers={"If-Match": tag.encode()})
    assert answer.status_code == 400
    assert "does not name a version" in text_of(answer)


@pytest.mark.parametrize("number", ["1e-999999999", "1e999999999", "sNaN", "-Infinity", "1e400"])
def test_a_number_beyond_numbers_is_refused(client: Client, number: str) -> None:
    answer = client.send("GET", f"Observation?value-quantity={number}")
    assert answer.status_code == 400
    assert "value-quantity" in text_of(answer)


def test_what_is_refused_stands_in_the_audit(client: Client) -> None:
    nurse = client.as_(access(Role.NURSE))
    gp = client.as_(access(Role.GP, organization="praxis-a", patient="p", relation="CareTeam/1"))
    refused = [
        gp.send("POST", "Flag", json={"resourceType": "Flag"}),
        gp.put({"resourceType": "Flag", "id": "refused"}),
        gp.send("PUT", "Flag?identifier=x|1", json={"resourceType": "Flag"}),
        nurse.send("DELETE", "Flag/refused"),
        nurse.send("POST", "", json=bundle("transaction", ("DELETE", "Flag/refused", None, ""))),
        client.as_(access(Role.RESEARCHER)).send("GET", "Flag"),
        nurse.send("GET", "AuditEvent"),
    ]
    assert {answer.status_code for answer in refused} == {403}
    officer = client.as_(access(Role.DATA_PROTECTION_OFFICER, Purpose.OPERATIONS))
    page = officer.send("GET", f"AuditEvent?_count={len(refused)}").json()
    told = [
        (entry["resource"]["subtype"][0]["code"], entry["resource"]["outcome"]) for entry in page["entry"]
    ]
    words = ["create", "update", "update", "delete", "transaction", "search-type", "search-type"]
    assert told[::-1] == [(word, "4") for word in words]


def test_the_audit_is_paged_and_refuses_a_date_it_can_not_ask_for(client: Client) -> None:
    client.put(patient("paged"))
    for _ in range(4):
        client.send("GET", "Patient/paged")
    officer = client.as_(access(Role.DATA_PROTECTION_OFFICER, Purpose.OPERATIONS))
    path, lines = "AuditEvent?patient=Patient%2Fpaged&date=ge2020-01-01T00%3A00%3A00%2B01%3A00&_count=2", []
    while path:
        page = officer.send("GET", path).json()
        lines += [entry["resource"]["id"] for entry in page.get("entry", [])]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        path = following[0].split("/fhir/")[1] if following else ""
    assert len(lines) == len(set(lines)) == 5
    refused = officer.send("GET", "AuditEvent?date=ne2020")
    assert refused.status_code == 400
    assert "date takes" in text_of(refused)
