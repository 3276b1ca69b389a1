"""The patient of a report: found by the member's patient number, else made from the report's master data.

A Patient that came in FHIR is referred to and left alone. One of ours follows the newest report; a death once
reported stays. Profile: MII person, Patient. Above: `reader`. Below: `node`, `dates`, `core.mii`.
"""

from __future__ import annotations

import re
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import (
    GENDER_DE,
    GENDER_DE_CODES,
    IDENTIFIER_TYPE,
    IDENTIFIER_TYPE_DE,
    IKNR,
    KVNR,
    OBDS_REPORTED,
    OURS,
    PROFILES,
    patient_number_system,
)
from mihub.site.ingest.fhir_resource import derived_id
from mihub.site.ingest.obds.dates import absent, put_date, read_date
from mihub.site.ingest.obds.node import Node

_KVNR: Final = re.compile(r"[A-Z]\d{9}")
_GENDERS: Final = {"M": "male", "W": "female", "D": "other", "X": "other", "U": "unknown"}
_OFFICIAL: Final = {"D": "divers", "X": "unbestimmt"}
_HUMAN_NAME: Final = "http://hl7.org/fhir/StructureDefinition/humanname-own-"
_ADDITION: Final = "http://fhir.de/StructureDefinition/humanname-namenszusatz"
_PREFIX_QUALIFIER: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"


def made_id(member: str, number: str) -> str:
    """The id of a Patient that a report makes."""
    return f"patient-{derived_id(member, number)}"


def make_patient(member: str, number: str, master: Node, reported: str, died: str) -> Resource:
    """The Patient that the master data of a report describe.

    `died`: date of death, empty when not reported.
    """
    patient: Resource = {
        "resourceType": "Patient",
        "id": made_id(member, number),
        "meta": {
            "source": f"{OURS}/obds/{member}",
            "profile": [PROFILES["person"]["Patient"]],
            "tag": [{"system": OBDS_REPORTED, "code": reported}],
        },
        "identifier": _identifiers(member, number, master),
        "active": True,
        "name": _names(master),
        "gender": _GENDERS[master.value("Geschlecht")],
    }
    official = _OFFICIAL.get(master.value("Geschlecht"))
    if official:
        coding = {"system": GENDER_DE_CODES, "code": master.value("Geschlecht"), "display": official}
        patient["_gender"] = {"extension": [{"url": GENDER_DE, "valueCoding": coding}]}
    put_date(patient, "birthDate", read_date(master.first("Geburtsdatum")))
    if died:
        patient["deceasedDateTime"] = died
    address = _address(master.first("Adresse"))
    if address:
        patient["address"] = [address]
    return patient


def newer_of(made: Resource, current: Resource | None) -> Resource | None:
    """What to write: nothing when the current Patient is from a newer report; a reported death is kept."""
    if current is None:
        return made
    if _reported(current) > _reported(made):
        return (
            {**current, "deceasedDateTime": made["deceasedDateTime"]} if _dies_anew(made, current) else None
        )
    if "deceasedDateTime" in current and "deceasedDateTime" not in made:
        made = {**made, "deceasedDateTime": current["deceasedDateTime"]}
    return made


def _dies_anew(made: Resource, current: Resource) -> bool:
    return "deceasedDateTime" in made and "deceasedDateTime" not in current


def _reported(patient: Resource) -> str:
    tags = patient.get("meta", {}).get("tag", [])
    return next((str(tag.get("code", "")) for tag in tags if tag.get("system") == OBDS_REPORTED), "")


def _identifiers(member: str, number: str, master: Node) -> list[Json]:
    found = [
        {
            "use": "usual",
            "type": _type(IDENTIFIER_TYPE, "MR"),
            "system": patient_number_system(member),
            "value": number,
        }
    ]
    insured = master.value("Versichertendaten_GKV", "GKV_Versichertennummer")
    if _KVNR.fullmatch(insured):
        identifier = {
            "use": "official",
            "type": _type(IDENTIFIER_TYPE_DE, "KVZ10"),
            "system": KVNR,
            "value": insured,
            "assigner": _insurer(master.value("Versichertendaten_GKV", "IKNR")),
        }
        found.append(identifier)
    return found


def _insurer(number: str) -> Json:
    """The health insurance by its institution number; the profile asks for one, so a missing one says so."""
    return {"identifier": {"system": IKNR, "value": number}} if number.isdecimal() else absent()


def _type(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _names(master: Node) -> list[Json]:
    official: Json = {"use": "official", **_family(master), "given": master.value("Vornamen").split()}
    title = master.value("Titel")
    if title:
        official["prefix"] = [title]
        official["_prefix"] = [{"extension": [{"url": _PREFIX_QUALIFIER, "valueCode": "AC"}]}]
    names = [official]
    if master.value("Geburtsname"):
        names.append({"use": "maiden", "family": master.value("Geburtsname")})
    former = master.all("Menge_Frueherer_Name", "Frueherer_Name")
    names += [{"use": "old", "family": name.text} for name in former if name.text]
    return names


def _family(master: Node) -> Json:
    own, prefix, addition = (
        master.value("Nachname"),
        master.value("Namensvorsatz"),
        master.value("Namenszusatz"),
    )
    name: Json = {"family": " ".join(part for part in (addition, prefix, own) if part)}
    if prefix or addition:
        extensions = [
            (f"{_HUMAN_NAME}name", own),
            (f"{_HUMAN_NAME}prefix", prefix),
            (_ADDITION, addition),
        ]
        name["_family"] = {
            "extension": [{"url": url, "valueString": value} for url, value in extensions if value]
        }
    return name


def _address(node: Node | None) -> Json:
    if node is None:
        return {}
    street = " ".join(part for part in (node.value("Strasse"), node.value("Hausnummer")) if part)
    parts = {"city": node.value("Ort"), "postalCode": node.value("PLZ"), "country": node.value("Land")}
    address: Json = {name: value for name, value in parts.items() if value}
    if street:
        address["line"] = [street]
    return {"type": "both", **address} if address else {}
