"""The tumour courses and scans of the special people, day by day before today.

Written out, not drawn: tests and walks depend on them. Above: `story`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth.events import (
    Board,
    Course,
    Diagnosis,
    Event,
    Operation,
    Radiotherapy,
    Systemic,
    TumourCourse,
    Variant,
)
from mihub.synth.regimens import REGIMENS
from mihub.synth.screening_course import CLARIFY, CONTROL, Scan, nodule_of
from mihub.synth.stages import Tnm

_ADENO = "Adenokarzinom der Lunge"


def clarify_scan(day: date) -> Scan:
    """16 mm, 2,145 mm³: Lung-RADS 4B, to clarify; read first in Chemnitz, then independently in Dresden."""
    soon = timedelta(days=1)
    return Scan(day, "4B", CLARIFY, nodule_of(16.0, "RUL"), 1.1, day + soon, day + 3 * soon, "chemnitz")


def control_scan(day: date) -> Scan:
    """9 mm, 382 mm³: Lung-RADS 4A, control in three months."""
    soon = timedelta(days=1)
    return Scan(day, "4A", CONTROL, nodule_of(9.0, "LLL"), 0.9, day + soon, day + 4 * soon)


def _systemic(
    name: str, begin: date, end: date | None, hospital: str, intention: str, position: str, ended: str
) -> Systemic:
    regimen = REGIMENS[name]
    return Systemic(
        begin, end, hospital, intention, position, regimen.kind, regimen.protocol, regimen.substances, ended
    )


def _variants(driver: str, detail: str) -> tuple[Variant, ...]:
    genes = ("EGFR", "ALK", "ROS1", "KRAS", "BRAF")
    found = [
        Variant(gene, "M" if gene == driver else "W", detail if gene == driver else "") for gene in genes
    ]
    return (*found, Variant("PD-L1", "S", "TPS 1-49 %"))


def kerstin(today: date) -> TumourCourse:
    """Diagnosis by the 9th edition in Dresden (N2a, IIB), operation by the 8th in Chemnitz (N2, IIIA): both
    are kept.
    """

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    diagnosis = Diagnosis(
        ago(188),
        "dresden",
        "C34.1",
        "C34.1",
        "8140/3",
        _ADENO,
        "R",
        "2",
        ago(188),
        _ADENO,
        Tnm(ago(186), "c", "1b", "2a", "0", "IIB", "9"),
        0,
        (),
        _variants("EGFR", "L858R"),
    )
    therapy = _systemic("osimertinib-adjuvant", ago(135), ago(42), "cottbus", "K", "A", "A")
    surgery = Operation(
        ago(167), "chemnitz", "K", ("5-324", "5-404"), "R0", Tnm(ago(162), "p", "1b", "2", "0", "IIIA", "8")
    )
    events: tuple[Event, ...] = (
        Board(ago(181), "dresden", "praeth", ("OP",)),
        surgery,
        Board(ago(153), "dresden", "postop", ("ZS",)),
        therapy,
        Board(ago(55), "dresden", "postth", ("WS",)),
        Course(ago(40), "cottbus", "V", "K", "K", "K", 1),
    )
    return TumourCourse("lung", diagnosis, events, True, None, True, ago(42))


def board_candidate(today: date) -> TumourCourse:
    """Six days since diagnosis, stage IIIA, nothing treated, no lung function with DLCO."""
    day = today - timedelta(days=6)
    diagnosis = Diagnosis(
        day,
        "dresden",
        "C34.3",
        "C34.3",
        "8070/3",
        "Plattenepithelkarzinom der Lunge",
        "L",
        "3",
        day,
        "Plattenepithelkarzinom der Lunge",
        Tnm(day, "c", "2b", "2", "0", "IIIA"),
        1,
        (),
        _variants("", ""),
    )
    return TumourCourse("lung", diagnosis, (), True)


def overdue(today: date) -> TumourCourse:
    """Operated, adjuvant chemotherapy, seen once in aftercare, then nothing: the next CT is long due."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    diagnosis = Diagnosis(
        ago(560),
        "chemnitz",
        "C34.1",
        "C34.1",
        "8140/3",
        _ADENO,
        "L",
        "2",
        ago(560),
        _ADENO,
        Tnm(ago(558), "c", "2a", "1", "0", "IIB"),
        1,
        (),
        _variants("KRAS", "G12C"),
    )
    events: tuple[Event, ...] = (
        Board(ago(551), "chemnitz", "praeth", ("OP",)),
        Operation(
            ago(535), "chemnitz", "K", ("5-324", "5-404"), "R0", Tnm(ago(530), "p", "2a", "1", "0", "IIB")
        ),
        Board(ago(523), "chemnitz", "postop", ("CH",)),
        _systemic("adjuvant", ago(500), ago(420), "chemnitz", "K", "A", "E"),
        Course(ago(330), "chemnitz", "V", "K", "K", "K", 1),
    )
    return TumourCourse("lung", diagnosis, events, True, None, False, ago(420))


def aftercare_candidate(today: date) -> TumourCourse:
    """Chemoradiation finished three weeks ago; nobody made a plan yet."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    diagnosis = Diagnosis(
        ago(118),
        "cottbus",
        "C34.1",
        "C34.1",
        "8070/3",
        "Plattenepithelkarzinom der Lunge",
        "R",
        "3",
        ago(118),
        "Plattenepithelkarzinom der Lunge",
        Tnm(ago(116), "c", "3", "2", "0", "IIIB"),
        1,
        (),
        _variants("", ""),
    )
    events: tuple[Event, ...] = (
        Board(ago(109), "cottbus", "praeth", ("CH", "ST")),
        _systemic("radiosensitiser", ago(90), ago(45), "cottbus", "K", "O", "E"),
        Radiotherapy(ago(64), ago(21), "cottbus", "K", "O", "3.4", "R", 60, 2, True),
    )
    return TumourCourse("lung", diagnosis, events, True, None, False, ago(21))


def palliative(today: date, days: int, hospital: str) -> TumourCourse:
    """Stage IV, first line, progress, second line running."""

    def ago(back: int) -> date:
        return today - timedelta(days=back)

    diagnosis = Diagnosis(
        ago(days),
        hospital,
        "C34.3",
        "C34.3",
        "8140/3",
        _ADENO,
        "R",
        "3",
        ago(days),
        _ADENO,
        Tnm(ago(days - 2), "c", "3", "2", "1b", "IVA"),
        1,
        ("OSS",),
        _variants("", ""),
    )
    events: tuple[Event, ...] = (
        Board(ago(days - 9), hospital, "praeth", ("CI",)),
        _systemic("platinum-pemetrexed", ago(days - 22), ago(70), hospital, "P", "O", "P"),
        Course(ago(days - 100), hospital, "T", "T", "T", "T", 1),
        Course(ago(68), hospital, "P", "P", "P", "P", 2, ("HEP",)),
        Board(ago(60), hospital, "postth", ("CH",)),
        _systemic("docetaxel", ago(50), None, hospital, "P", "O", ""),
    )
    return TumourCourse("lung", diagnosis, events, False)
