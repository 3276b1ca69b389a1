"""From what the sites said to the items a board wants: one reader per kind of item, each finding with its
origin.

A reader picks and words; it never judges a value and never merges what two sites say differently. The
catalogue names the reader of each item. Above: `presentation`. Below: `staging`, `wording`, `read_through`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mihub.care.tumour_board.catalogue import RequiredItem
from mihub.care.tumour_board.read_through import Known, Sourced
from mihub.care.tumour_board.staging import stagings
from mihub.care.tumour_board.wording import concept_text, name_text, value_text
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.errors import ConfigurationError

_TUMOUR = ("C", "D0", "D37", "D38", "D39", "D4")
_IMAGING_CATEGORIES = frozenset({"RAD", "RX", "CT", "NMR", "RUS", "NMS", "LP29684-5", "radiology", "imaging"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One prefilled line. `reference` is relative to the site `member`; `day` is as precise as the site
    wrote it.

    `mark` groups lines that must stay apart (the TNM edition); empty elsewhere.
    """

    text: str
    member: MemberId
    site: str
    day: str
    reference: str
    mark: str = ""


Reader = Callable[[RequiredItem, Known, str], tuple[Finding, ...]]


def read_item(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """The findings for one item, newest first; empty when no site knows it."""
    reader = _READERS.get(item.reader)
    if reader is None:
        raise ConfigurationError(
            f"The reader {item.reader!r} of the item {item.id!r} does not exist.",
            rule="content/board/required-items.yaml",
        )
    return reader(item, known, language)


def tumour_diagnoses(known: Known, prefixes: tuple[str, ...] = _TUMOUR) -> tuple[Sourced, ...]:
    """The tumour diagnoses, newest first."""
    return tuple(each for each in known.of("Condition") if icd10(each.resource).startswith(prefixes))


def icd10(condition: Resource) -> str:
    """The ICD-10-GM code of a Condition; empty when it has none."""
    codings = condition.get("code", {}).get("coding", [])
    return next((str(c.get("code", "")) for c in codings if "icd-10" in str(c.get("system", ""))), "")


def _diagnosis(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    found = tumour_diagnoses(known, item.icd10_prefixes)
    return _per_site_and_code(found, lambda each: concept_text(each.resource.get("code")))


def _comorbidities(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    others = [each for each in known.of("Condition") if not icd10(each.resource).startswith(_TUMOUR)]
    return _once_per_text(tuple(_finding(each, concept_text(each.resource.get("code"))) for each in others))


def _staging(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    lines = [
        _finding(staging.source, staging.text(language), mark=staging.edition)
        for staging in stagings(known.of("Observation"))
    ]
    return _once_per_text(tuple(lines))


def _value(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """The newest value of each site: two sites that differ are both shown."""
    lines: dict[MemberId, Finding] = {}
    for each in _coded(item, known):
        text = value_text(each.resource, language)
        if text and each.member not in lines:
            lines[each.member] = _finding(each, text if text.startswith(item.prefix) else item.prefix + text)
    return tuple(lines.values())


def _values(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """The newest value of each name, e.g. of each laboratory parameter."""
    lines: dict[str, Finding] = {}
    for each in _coded(item, known):
        name, value = name_text(each.resource.get("code")), value_text(each.resource, language)
        key = f"{name} {value}" if "69548-6" in _codes(each.resource) else name
        if value and key not in lines:
            lines[key] = _finding(each, f"{name}: {value}")
    return tuple(lines.values())


def _report(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    wanted = {*item.codes, *item.categories}
    found = [each for each in known.of("DiagnosticReport") if _labels(each.resource) & wanted]
    return tuple(_finding(each, _report_text(each.resource)) for each in found)


def _imaging(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    reports = [each for each in known.of("DiagnosticReport") if _labels(each.resource) & _IMAGING_CATEGORIES]
    lines = [_finding(each, _report_text(each.resource)) for each in reports]
    lines += [_finding(each, _study_text(each.resource)) for each in known.of("ImagingStudy")]
    return tuple(sorted(lines, key=lambda line: line.day, reverse=True))


def _treatments(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    lines = [
        _finding(
            each, concept_text(each.resource.get("code") or each.resource.get("medicationCodeableConcept"))
        )
        for each in known.of("Procedure", "MedicationStatement")
    ]
    return _once_per_text(tuple(line for line in lines if line.text))


_READERS: Final[dict[str, Reader]] = {
    "diagnosis": _diagnosis,
    "comorbidities": _comorbidities,
    "staging": _staging,
    "value": _value,
    "values": _values,
    "report": _report,
    "imaging": _imaging,
    "treatments": _treatments,
}


def _coded(item: RequiredItem, known: Known) -> list[Sourced]:
    return [each for each in known.of("Observation") if _codes(each.resource) & set(item.codes)]


def _codes(resource: Resource) -> set[str]:
    return {str(coding.get("code", "")) for coding in resource.get("code", {}).get("coding", [])}


def _labels(resource: Resource) -> set[str]:
    categories = [
        str(coding.get("code", ""))
        for category in resource.get("category", [])
        for coding in category.get("coding", [])
    ]
    return _codes(resource) | set(categories)


def _report_text(report: Resource) -> str:
    name, conclusion = name_text(report.get("code")), str(report.get("conclusion", ""))
    return f"{name}: {conclusion}" if name and conclusion else name or conclusion


def _study_text(study: Resource) -> str:
    modalities = [str(each.get("code", "")) for each in study.get("modality", [])]
    procedures = [name_text(each) for each in study.get("procedureCode", [])]
    return ": ".join(
        part for part in (", ".join(modalities), study.get("description") or ", ".join(procedures)) if part
    )


def _finding(each: Sourced, text: str, mark: str = "") -> Finding:
    return Finding(text, each.member, each.site, each.day, each.reference, mark)


def _per_site_and_code(found: tuple[Sourced, ...], text: Callable[[Sourced], str]) -> tuple[Finding, ...]:
    lines: dict[tuple[str, str], Finding] = {}
    for each in found:
        lines.setdefault((each.member, icd10(each.resource)), _finding(each, text(each)))
    return tuple(lines.values())


def _once_per_text(lines: tuple[Finding, ...]) -> tuple[Finding, ...]:
    kept: dict[tuple[str, str], Finding] = {}
    for line in lines:
        kept.setdefault((line.member, line.text), line)
    return tuple(kept.values())
