"""What one report wrote, as a Provenance: origin for the reader, and the memory that lets a later report
replace it.

A report is known by member, patient, tumour, kind and own number. An older one never overwrites a newer one;
what a newer one no longer says is deleted. Source: https://hl7.org/fhir/R4/provenance.html. Above: `reader`.
Below: `report`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import OURS
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, reference
from mihub.site.store.protocol import Delete

_BEGINNING: Final = "behandlungsbeginn"
_END: Final = "behandlungsende"
_DIGEST: Final = f"{OURS}/obds/report-digest"
_AGENT_TYPES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def report_id(report: Report) -> str:
    """The id of the Provenance of this report, whichever version of it."""
    return report.case.id_of("report", report.node.name, report.number)


def report_digest(*parts: Node | None) -> str:
    """Tells one version of a report from another: a hash of all that it says."""
    return sha256(orjson.dumps([part and part.said() for part in parts])).hexdigest()[:32]


def make_provenance(report: Report, meldung: Node, digest: str, stored: Resource | None) -> Resource:
    """The Provenance of what this report wrote.

    It remembers the versions of the same day that it replaces.
    """
    member = report.case.member
    agent: Json = {"type": {"coding": [{"system": _AGENT_TYPES, "code": "author"}]}}
    melder = meldung.attribute("Melder_ID") or member
    agent["who"] = {"identifier": {"system": f"{OURS}/obds/{member}/Melder_ID", "value": melder}}
    number = {"system": f"{OURS}/obds/{member}/Meldung_ID", "value": meldung.attribute("Meldung_ID")}
    replaced = _digests(stored) if stored and _reported(stored) == report.reported else []
    provenance: Resource = {
        "resourceType": "Provenance",
        "id": report_id(report),
        "meta": {"source": f"{OURS}/obds/{member}"},
        "target": [reference(resource) for resource in report.resources] + [report.case.patient],
        "occurredDateTime": report.reported,
        "recorded": f"{report.reported}T00:00:00Z",
        "agent": [agent],
        "entity": [
            {"role": "source", "what": {"identifier": number}},
            {"role": "source", "what": _digest_reference(digest)},
            *(
                {"role": "revision", "what": _digest_reference(former)}
                for former in replaced
                if former != digest
            ),
        ],
    }
    if report.node.value("Meldeanlass"):
        provenance["activity"] = {"text": report.node.value("Meldeanlass")}
    return provenance


def is_known(stored: Resource | None, report: Report, digest: str) -> bool:
    """Whether this version changes nothing: a later one is stored, or one of the same day that replaced it.

    Of the same day, the report of a therapy's end outranks the report of its beginning.
    """
    if stored is None or _reported(stored) < report.reported:
        return False
    return (
        _reported(stored) > report.reported
        or digest in _digests(stored)[1:]
        or (_occasion(stored) == _END and report.node.value("Meldeanlass") == _BEGINNING)
    )


def _occasion(stored: Resource) -> str:
    return str(stored.get("activity", {}).get("text", ""))


def _reported(stored: Resource) -> str:
    return str(stored.get("occurredDateTime", ""))


def _digest_reference(digest: str) -> Json:
    return {"identifier": {"system": _DIGEST, "value": digest}}


def _digests(stored: Resource) -> list[str]:
    """The digest of the stored version, then those that it replaced."""
    identifiers = [entity.get("what", {}).get("identifier", {}) for entity in stored.get("entity", [])]
    return [str(one.get("value", "")) for one in identifiers if one.get("system") == _DIGEST]


def no_longer_said(stored: Resource | None, report: Report) -> tuple[Delete, ...]:
    """What the stored version wrote and this one does not; never the patient or the tumour itself."""
    if stored is None:
        return ()
    kept = {reference(resource)["reference"] for resource in report.resources}
    kept |= {report.case.patient.get("reference"), report.case.condition["reference"]}
    former = (target.get("reference", "") for target in stored.get("target", []))
    return tuple(
        Delete(*literal.split("/", 1)) for literal in former if "/" in literal and literal not in kept
    )
