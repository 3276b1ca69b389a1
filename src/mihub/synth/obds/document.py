"""One oBDS file: sender, day of report, patients, reporters. Patients come ready from `patient`.

Files hold a fixed number of patients, so that a hospital of any size is written with constant memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mihub.synth.members import Member
from mihub.synth.obds.element import parent, tag

PATIENTS_PER_FILE = 50
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://www.basisdatensatz.de/oBDS/XML"


def write_document(member: Member, patients: Sequence[str], today: date) -> bytes:
    """One file with these Patient elements."""
    body = parent(
        "oBDS",
        _sender(member),
        tag("Meldedatum", today),
        "\n" + parent("Menge_Patient", "\n", "\n".join(patients), "\n") + "\n",
        parent("Menge_Melder", _reporter(member)),
        xmlns=_NAMESPACE,
        Schema_Version="3.0.4",
    )
    return (_HEAD + body + "\n").encode()


def _sender(member: Member) -> str:
    return parent(
        "Absender",
        tag("Bezeichnung", member.name),
        tag("Ansprechpartner", "Tumordokumentation"),
        tag("Anschrift", f"{member.street}, {member.postal_code} {member.place}"),
        tag("Telefon", member.phone),
        Absender_ID=member.id,
        Software_ID="mihub-synth",
        Software_Version="1",
    )


def _reporter(member: Member) -> str:
    return parent(
        "Melder",
        parent("Ident_Nummern", tag("IKNR", member.institution_code)),
        tag("KH_Abt_Station_Praxis", "Onkologie"),
        tag("Arztname", member.person("oncologist").name),
        tag("Anschrift", member.street),
        tag("PLZ", member.postal_code),
        tag("Ort", member.place),
        ID=member.id,
    )
