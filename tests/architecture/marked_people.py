"""People whose every value is a marker that exists nowhere else, in good files, in broken ones and in bad requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from tests.obds_sample import SECRETS, one_of_each

FAMILY, GIVEN, BORN = "Quarzmarkstein", "Zibelline", "1931-02-27"
KVNR, STREET, CITY = "Y135797531", "Flunkergasse 98b", "Hintermondhausen"
NOTE, PHONE, NUMBER = "Moosgeflüster im Befundtext", "0999-7351642", "MR-7351642-Q"
# The postal code of the other sample has five digits, which occur by chance.
MARKERS = (
    *(one for one in SECRETS if len(one) > 5),
    FAMILY,
    GIVEN,
    BORN,
    KVNR,
    "Flunkergasse",
    CITY,
    "Moosgefl",
    PHONE,
    NUMBER,
)


def patient(patient_id: str = "marked", **more: Any) -> dict[str, Any]:
    """The person as FHIR."""
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "identifier": [
            {"system": "http://fhir.de/sid/gkv/kvid-10", "value": KVNR},
            {"system": "https://mihub.example/chemnitz/patient-id", "value": NUMBER},
        ],
        "name": [{"family": FAMILY, "given": [GIVEN]}],
        "birthDate": BORN,
        "gender": "female",
        "telecom": [{"system": "phone", "value": PHONE}],
        "address": [{"line": [STREET], "city": CITY, "postalCode": "04711"}],
        **more,
    }


def observation(**more: Any) -> dict[str, Any]:
    """A finding in their own words."""
    return {
        "resourceType": "Observation",
        "id": "marked-finding",
        "status": "final",
        "code": {"text": NOTE},
        "subject": {"reference": "Patient/marked", "display": FAMILY},
        "effectiveDateTime": "2026-10-02",
        "note": [{"text": NOTE}],
        **more,
    }


def good_files(folder: Path) -> Path:
    """NDJSON and oBDS that load."""
    (folder / "a.ndjson").write_bytes(b"\n".join(map(orjson.dumps, (patient(), observation()))))
    (folder / "b.xml").write_text(one_of_each(), encoding="utf-8")
    return folder


def broken_files(folder: Path) -> Path:
    """The same values where they do not belong, in files that can not be loaded or not whole."""
    whole = orjson.dumps(patient())
    lines = [
        orjson.dumps({**patient(), "resourceType": FAMILY}),
        orjson.dumps({**patient("wrong-date"), "birthDate": f"am {BORN}"}),
        orjson.dumps({**patient("wrong-shape"), "name": FAMILY, "meta": NOTE}),
        orjson.dumps(patient(f"{FAMILY} {GIVEN}")),
        orjson.dumps({**patient("twice"), "birthDate": "1931"}),
        orjson.dumps(patient("twice")),
        orjson.dumps({FAMILY: GIVEN, "resourceType": 5}),
        orjson.dumps(observation(subject={"reference": f"#{FAMILY}"}, effectiveDateTime=NOTE)),
        orjson.dumps(patient("nul", name=[{"family": f"{FAMILY}\0{GIVEN}"}])),
        orjson.dumps([NOTE]),
        whole[:-40],
        whole.replace(b'"female"', b"female"),
        f"{FAMILY};{GIVEN};{BORN}".encode(),
    ]
    (folder / "c.ndjson").write_bytes(b"\n".join(lines))
    (folder / "d.json").write_bytes(whole[: len(whole) // 2])
    (folder / "e.json").write_bytes(orjson.dumps(bad_bundle()))
    (folder / "f.csv").write_text(f"{FAMILY};{GIVEN};{KVNR};{NOTE}")
    sound = one_of_each()
    misplaced = (
        sound.replace("7.1<", f"{FAMILY}<"),
        sound.replace("2025-01-12", FAMILY).replace("<Grad>3", f"<Grad>{NOTE}"),
        sound.replace('Tumor_ID="1"', f'Tumor_ID="{FAMILY} {GIVEN}"'),
        sound.replace("<Eigene_Leistung>J", f"<{FAMILY}>{GIVEN}</{FAMILY}><Eigene_Leistung>{NOTE}"),
        sound.replace("<Geschlecht>W", f"<Geschlecht>{NOTE}"),
        sound.replace("1957-08-23", f"{BORN}T"),
        sound.replace("<Nachname>", f"<Nachname {GIVEN}='{FAMILY}'>&{FAMILY};"),
        sound[: sound.index("Geheimbefund") + 6],
        f"<{FAMILY}>{NOTE}</{FAMILY}>",
        sound.replace("3.0.4", FAMILY),
    )
    for number, text in enumerate(misplaced):
        (folder / f"g{number}.xml").write_text(text, encoding="utf-8")
    return folder


def bad_bundle(kind: str = "transaction") -> dict[str, Any]:
    """A bundle of which no entry can be done."""
    requests = (
        ({"method": "PUT", "url": f"Patient/{FAMILY} {GIVEN}"}, patient(FAMILY)),
        ({"method": "POST", "url": FAMILY}, patient()),
        ({"method": "GET", "url": f"Patient?{FAMILY}={GIVEN}"}, None),
        ({"method": "POST", "url": "Observation", "ifNoneExist": f"nonsense={NOTE}"}, observation()),
        ({"method": FAMILY, "url": f"Patient?name={FAMILY}"}, None),
        ({"method": "PUT", "url": f"Patient?identifier={KVNR}&birthdate=am {BORN}"}, patient()),
        (
            {"method": "POST", "url": "Observation"},
            observation(subject={"reference": f"Patient?name={FAMILY}"}),
        ),
    )
    entries = [{"request": request, "resource": resource} for request, resource in requests]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def bad_bundles() -> list[dict[str, Any]]:
    """Each bad entry alone as well, so that every one of them is reached."""
    whole = bad_bundle()
    each = [{**whole, "entry": [entry]} for entry in whole["entry"]]
    after = {
        **whole,
        "entry": [
            {"request": {"method": "PUT", "url": "Patient/fails"}, "resource": patient("fails")},
            {
                "request": {"method": "POST", "url": "Observation"},
                "resource": observation(effectiveDateTime=NOTE),
            },
        ],
    }
    return [whole, *each, after, {**whole, "type": FAMILY}]


def bad_requests() -> list[tuple[str, str, dict[str, str], bytes]]:
    """Method, path below the FHIR base, headers, body."""
    json = {"Content-Type": "application/fhir+json"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    name, note = quote(FAMILY), quote(NOTE)
    reads = (
        f"{name}/1", f"Patient/{name}", f"Patient/{name}/_history/7", f"Patient/{name}/{note}", f"{name}",
        f"Patient?{name}={note}", f"Patient?birthdate=am-{BORN}", f"Patient?name:{name}=x", f"Patient?_sort={name}",
        f"Patient?_count={name}", f"Patient?_summary={name}", f"Patient?_include={name}:{note}",
        f"Patient?_include=Patient:{name}", f"Patient?_has:{name}:patient:code=1", f"Patient?_elements={note}",
        f"Observation?subject:Patient.{name}={note}", f"Observation?subject:{name}.name={note}",
        f"Observation?value-quantity={name}|x", f"Observation?code={name}|{note}|x|y", f"Patient?_page={name}",
        f"Patient?_lastUpdated={name}", f"Patient?_id={name}%20{note}", f"Patient?_format={name}", f"Patient?_total={name}",
        f"Patient?name=%00{name}", f"Patient/{name}%00", f"AuditEvent?{name}={note}", f"AuditEvent?date={name}",
        f"Patient/{name}/$everything", f"Patient/marked/$everything?{name}=1", f"Patient/marked/${name}",
    )  # fmt: skip
    writes = (
        ("POST", "Patient", json, orjson.dumps(patient())[:-9]),
        ("POST", "Patient", json, orjson.dumps(FAMILY)),
        ("POST", "Patient", json, orjson.dumps({**patient(), "birthDate": f"am {BORN}"})),
        ("POST", "Patient", json, orjson.dumps(patient(name=[{"family": f"{FAMILY}\0"}]))),
        ("POST", "Patient", json, orjson.dumps({"resourceType": FAMILY})),
        ("POST", "Patient", {"Content-Type": f"text/{FAMILY}"}, orjson.dumps(patient())),
        ("POST", "Patient", {**json, "If-None-Exist": f"{name}={note}"}, orjson.dumps(patient())),
        ("POST", "Patient", {**json, "If-None-Exist": f"birthdate=am{BORN}"}, orjson.dumps(patient())),
        ("PUT", "Patient/other", json, orjson.dumps(patient(FAMILY))),
        ("PUT", f"Patient/{name}", {**json, "If-Match": f'W/"{FAMILY}"'}, orjson.dumps(patient(FAMILY))),
        ("PUT", "Patient/marked", {**json, "If-Match": 'W/"99"'}, orjson.dumps(patient())),
        ("PUT", f"Patient?{name}={note}", json, orjson.dumps(patient())),
        ("DELETE", f"Patient/{name}", {}, b""),
        ("PATCH", f"Patient/{name}", json, orjson.dumps(patient())),
        ("POST", "Patient/_search", form, f"birthdate=am-{BORN}&{FAMILY}={GIVEN}".encode()),
        ("POST", f"Patient/_search?{name}=1", {"Content-Type": FAMILY}, b"x"),
        *(("POST", "", json, orjson.dumps(bundle)) for bundle in bad_bundles()),
    )
    return [*(("GET", path, {}, b"") for path in reads), *writes]
