"""A refused report as a document of its own, so that it can be repaired and imported again without its file.

Written anew from what was parsed: comments and white space of the file are gone, every element and value is there.
Above: `reader`, `meldung`. Below: lxml, `node`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from lxml import etree

from mihub.site.ingest.obds.meldung import provenance_ids
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.records import Body

_NAMESPACE: Final = "http://www.basisdatensatz.de/oBDS/XML"
_SCHEMA_VERSION: Final = "3.0.4"


def report_body(member: str, reported: str, patient: Node, meldungen: Sequence[Node]) -> Body:
    """The reports with their patient. Its keys are the ids under which these reports are remembered once loaded."""
    number = patient.attribute("Patient_ID")
    ids = [one for meldung in meldungen for one in provenance_ids(member, number, meldung)]
    return Body(
        "obds",
        partial(_document, reported, patient, meldungen),
        "Provenance" if ids else "",
        ids[0] if len(ids) == 1 else "",
        tuple(f"Provenance/{one}" for one in ids),
    )


def _document(reported: str, patient: Node, meldungen: Sequence[Node]) -> bytes:
    root = etree.fromstring(f'<oBDS xmlns="{_NAMESPACE}" Schema_Version="{_SCHEMA_VERSION}"/>'.encode())
    _below(root, "Meldedatum").text = reported
    told = _below(_below(root, "Menge_Patient"), "Patient")
    told.attrib.update(dict(patient.attributes))
    reports: etree._Element | None = None
    for child in patient.children:
        if child.name == "Menge_Meldung":
            reports = _below(told, child.name)
        else:
            _copy(told, child)
    reports = _below(told, "Menge_Meldung") if reports is None else reports
    for meldung in meldungen:
        _copy(reports, meldung)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _copy(parent: etree._Element, node: Node) -> None:
    made = _below(parent, node.name)
    made.attrib.update(dict(node.attributes))
    made.text = node.text or None
    for child in node.children:
        _copy(made, child)


def _below(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
