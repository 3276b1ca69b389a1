"""What can happen in a tumour disease, as values. Each event names the hospital that documents it.

These are facts without a format: `obds` and `fhir` write them. Rules between them: `plausibility`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mihub.synth.stages import Tnm


@dataclass(frozen=True, slots=True)
class Variant:
    """One gene with its result: M mutated, W wild type, U unknown, S something else that `detail` says."""

    gene: str
    result: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The primary tumour, once. Codes: ICD-10-GM, ICD-O-3 topography and morphology."""

    day: date
    hospital: str
    icd: str
    topography: str
    morphology: str
    text: str
    side: str
    grading: str
    histology_day: date
    histology_text: str
    tnm: Tnm
    ecog: int
    metastases: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """One tumour conference. `kind`: praeth, postop, postth; `advice`: codes of the therapy types."""

    day: date
    hospital: str
    kind: str
    advice: tuple[str, ...]
    patient_deviates: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with its OPS codes and what the pathologist found."""

    day: date
    hospital: str
    intention: str
    ops: tuple[str, ...]
    residual: str
    tnm: Tnm | None
    complication: str = "N"


@dataclass(frozen=True, slots=True)
class Radiotherapy:
    """One series. `end` is None while it runs; doses in Gy."""

    begin: date
    end: date | None
    hospital: str
    intention: str
    position: str
    target: str
    side: str
    total: float
    single: float
    with_chemotherapy: bool = False
    ended: str = "E"


@dataclass(frozen=True, slots=True)
class Systemic:
    """One line of systemic therapy. `substances`: (ATC code, name); `ended`: reason code once over."""

    begin: date
    end: date | None
    hospital: str
    intention: str
    position: str
    kind: str
    protocol: str
    substances: tuple[tuple[str, str], ...]
    ended: str = "E"
    side_effect: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """One assessment: overall, local, nodes, distant as oBDS codes."""

    day: date
    hospital: str
    overall: str
    local: str
    nodes: str
    distant: str
    ecog: int
    metastases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Death:
    """When, and whether the tumour was the reason."""

    day: date
    hospital: str
    by_tumour: bool
    icd: str


Event = Board | Operation | Radiotherapy | Systemic | Course | Death


@dataclass(frozen=True, slots=True)
class TumourCourse:
    """One tumour from its diagnosis on. `curative` is the first intention; `end_of_therapy` the last day of
    first therapy.
    """

    entity: str
    diagnosis: Diagnosis
    events: tuple[Event, ...]
    curative: bool
    small_cell_extent: str | None = None
    screen_detected: bool = False
    end_of_therapy: date | None = None
    recurrence: date | None = None

    @property
    def hospitals(self) -> tuple[str, ...]:
        """All hospitals that document this tumour, the diagnosing one first."""
        found = [self.diagnosis.hospital]
        for event in self.events:
            if event.hospital not in found:
                found.append(event.hospital)
        return tuple(found)


def first_day(event: Event) -> date:
    """The day an event begins."""
    return event.begin if isinstance(event, Radiotherapy | Systemic) else event.day


def last_day(event: Event) -> date:
    """The day an event ends, as far as known."""
    if isinstance(event, Radiotherapy | Systemic):
        return event.end or event.begin
    return event.day
