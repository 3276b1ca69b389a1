"""A report that breaks a rule is refused with line, element and rule.

The other reports of the patient are loaded.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer, ImportReport, Limits
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import (
    BOARD,
    COURSE,
    DEATH,
    DIAGNOSIS,
    MASTER,
    OPERATION,
    RADIOTHERAPY,
    SECRETS,
    SYSTEMIC,
    TNM,
    meldung,
    obds,
    patient,
)


def _import(folder: Path, text: str, limits: Limits | None = None) -> ImportReport:
    (folder / "in.xml").write_text(text, encoding="utf-8")
    return Importer(MemoryRecord(), MemberId("chemnitz"), limits=limits).run([folder / "in.xml"])


@pytest.mark.parametrize(
    ("report", "old", "new", "element", "what"),
    [
        (DIAGNOSIS, "<Diagnosesicherung>7.1</Diagnosesicherung>", "", "Diagnosesicherung", "is missing"),
        (DIAGNOSIS, ">7.1<", ">3<", "Diagnosesicherung", "is not one of 1, 2, 4"),
        (
            DIAGNOSIS,
            "C34.1</Code><Version>33",
            "C34</Code><Version>33",
            "Primaertumor_Topographie_ICD_O/Code",
            "is not an ICD-O-3 topography",
        ),
        (DIAGNOSIS, "8140/3", "8140", "Histologie/Morphologie_ICD_O/Code", "is not an ICD-O-3 morphology"),
        (DIAGNOSIS, "<Grading>2</Grading>", "<Grading/>", "Histologie/Grading", "is empty"),
        (DIAGNOSIS, ">12<", ">twelve<", "Histologie/LK_untersucht", "is not a whole number"),
        (DIAGNOSIS, "<T>1b</T>", "<T>b</T>", "cTNM/T", "is not a T category"),
        (DIAGNOSIS, ">IIIA<", ">Stage 3<", "cTNM/UICC_Stadium", "is not a code of the table uicc-stage"),
        (DIAGNOSIS, '"t1">', f'"t1">{TNM}</cTNM><cTNM ID="t2">', "cTNM", "stands more than once"),
        (OPERATION, "2025-02-10", "2025-02-30", "OP/Datum", "is not a date"),
        (OPERATION, ">K<", ">Q<", "OP/Intention", "is not a code of the table intention-operation"),
        (OPERATION, ">PMN<", ">???<", "Komplikation/Kuerzel", "is not a code of the table complication"),
        (RADIOTHERAPY, ">3.4.+<", ">Lunge<", "Zielgebiet/CodeVersion2014", "is not a target area of 2014"),
        (RADIOTHERAPY, ">60<", ">-60<", "Gesamtdosis/Dosis", "is not a positive number"),
        (RADIOTHERAPY, "Perkutan>", "Anders>", "Applikationsart", "has none of Perkutan, Kontakt"),
        (SYSTEMIC, ">CH<", ">OP<", "SYST/Therapieart", "is not a code of the table systemic-kind"),
        (SYSTEMIC, "L01CA04", "L01", "Substanz/ATC/Code", "is not a seven-character ATC code"),
        (
            COURSE,
            ">80%<",
            ">85%<",
            "Verlauf/Allgemeiner_Leistungszustand",
            "is not a code of the table performance",
        ),
        (BOARD, ">praeth<", ">morgens<", "Tumorkonferenz/Typ", "is not a code of the table plan-kind"),
        (DEATH, ">C34.1<", ">Krebs<", "Todesursache_ICD/Code", "is not an ICD-10 code"),
    ],
)
def test_a_violation_is_named_and_spoils_nothing_else(
    tmp_path: Path, report: str, old: str, new: str, element: str, what: str
) -> None:
    assert old in report
    text = obds(patient(meldung(report.replace(old, new), "bad"), meldung(BOARD.replace("k1", "k2"), "good")))
    done = _import(tmp_path, text)
    assert (done.loaded, done.rejected) == (1, 1)
    reason = done.reasons[0]
    assert f"{element} {what}" in reason.reason
    assert reason.rule == "oBDS 3.0 schema"
    line = text.splitlines()[(reason.line or 0) - 1]
    assert element.rpartition("/")[2] in line or "missing" in what


def test_a_patient_without_master_data_keeps_out_all_reports_and_says_what_else_is_wrong(
    tmp_path: Path,
) -> None:
    nameless = MASTER.replace("<Nachname>Quersumme</Nachname>", "<Nachname/>")
    text = obds(
        patient(meldung(OPERATION.replace(">K<", ">Q<")), meldung(BOARD), master=nameless),
        patient(meldung(BOARD), number="p2"),
    )
    done = _import(tmp_path, text)
    assert (done.loaded, done.rejected) == (1, 2)
    assert [reason.reason for reason in done.reasons] == [
        "Patienten_Stammdaten/Nachname is empty.",
        "Meldung/OP/Intention is not a code of the table intention-operation.",
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<Meldedatum>2026-10-01</Meldedatum>", "", "oBDS/Meldedatum is missing or not a date."),
        (' Patient_ID="p1"', "", "Patient/@Patient_ID is missing or not an identifier."),
        (' Tumor_ID="1"', "", "Meldung/Tumorzuordnung/@Tumor_ID is empty."),
        (MASTER, "", "Patient/Patienten_Stammdaten is missing."),
        (BOARD, "", "Meldung has none of Diagnose, Pathologie, OP, ST, SYST, Verlauf, Tod, Tumorkonferenz."),
        (
            BOARD,
            "<Menge_Zusatzitem/>",
            "Meldung has none of Diagnose, Pathologie, OP, ST, SYST, Verlauf, Tod, Tumorkonferenz.",
        ),
        ('"3.0.4"', '"2.2.3"', "The root element is not oBDS of Schema_Version 3.0.x."),
    ],
)
def test_what_a_file_must_hold(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = obds(patient(meldung(BOARD)))
    assert old in text
    done = _import(tmp_path, text.replace(old, new))
    assert (done.loaded, done.rejected) == (0, 1)
    assert done.reasons[0].reason == reason


def test_a_wrong_part_that_may_be_missing_is_left_out_with_a_note(tmp_path: Path) -> None:
    variant = "<Bezeichnung>EGFR</Bezeichnung><Auspraegung>ja</Auspraegung>"
    variants = f"<Menge_Genetik><Genetische_Variante>{variant}</Genetische_Variante></Menge_Genetik>"
    module = "<Modul_Mamma><Her2neuStatus>P</Her2neuStatus></Modul_Mamma>"
    text = COURSE.replace("<Allgemeiner", f"{variants}<Allgemeiner").replace(
        "</Verlauf>", f"{module}</Verlauf>"
    )
    done = _import(tmp_path, obds(patient(meldung(text))))
    assert (done.loaded, done.rejected) == (1, 0)
    assert [note.reason for note in done.notes] == [
        "Meldung/Verlauf/Menge_Genetik/Genetische_Variante/Auspraegung is not one of M, W, P, N, U; "
        "this part is left out, the rest is loaded.",
        "Modul_Mamma has no home in the MII oncology module and is left out.",
    ]


def test_a_patient_with_endless_reports_is_refused(tmp_path: Path) -> None:
    text = obds(patient(*(meldung(BOARD, f"m{n}") for n in range(30))))
    done = _import(tmp_path, text, Limits(max_reports_per_patient=20))
    assert done.loaded == 0
    assert "one patient has too many reports" in done.reasons[0].reason


def test_no_reason_holds_a_value(tmp_path: Path) -> None:
    broken = obds(
        patient(
            meldung(DIAGNOSIS), master=MASTER.replace("1957-08-23", "23.08.1957").replace(">W<", ">Xantippe<")
        )
    )
    done = _import(tmp_path, broken)
    assert done.rejected == 1
    assert not [secret for secret in (*SECRETS, "23.08.1957") if secret in done.to_json()]
