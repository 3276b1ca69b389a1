"""From what the sites said to the items a board wants: one reader per kind of item, each finding with its
origin.

A reader picks and words; it never judges a value and never merges what two sites say differently. The
catalogue names the reader of each item. Above: `presentation`. Below: `staging`, `wording`, `read_through`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.catalogue import RequiredItem
from mihub.care.tumour_board.read_through import Known, Sourced
from mihub.care.tumour_board.staging import stagings
from mihub.care.tumour_board.wording import code_text, concept_text, name_text, value_text
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.errors import ConfigurationError

_TUMOUR = ("C", "D0", "D37", "D38", "D39", "D4")
_IMAGING_CATEGORIES = frozenset({"RAD", "RX", "CT", "NMR", "RUS", "NMS", "LP29684-5", "radiology", "imaging"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One prefilled line. `reference` is relative to the site `member`; `day` is as precise as the site
    wrote it.

    `mark` groups lines that must stay apart (the TNM edition); empty elsewhere. `also` names other sites
    that say the very same; what sites say differently stays on lines of its own.
    """

    text: str
    member: MemberId
    site: str
    day: str
    reference: str
    mark: str = ""
    also: tuple[str, ...] = ()


Reader = Callable[[RequiredItem, Known, str], tuple[Finding, ...]]


def read_item(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """The findings for one item, newest first; empty when no site knows it."""
    reader = _READERS.get(item.reader)
    if reader is None:
        raise ConfigurationError(
            f"The reader {item.reader!r} of the item {item.id!r} does not exist.",
            rule="content/board/required-items.yaml",
        )
    return _agreeing(reader(item, known, language))


def tumour_diagnoses(known: Known, prefixes: tuple[str, ...] = _TUMOUR) -> tuple[Sourced, ...]:
    """The tumour diagnoses, newest first."""
    return tuple(each for each in known.of("Condition") if icd10(each.resource).startswith(prefixes))


def icd10(condition: Resource) -> str:
    """The ICD-10-GM code of a Condition; empty when it has none."""
    codings = condition.get("code", {}).get("coding", [])
    return next((str(c.get("code", "")) for c in codings if "icd-10" in str(c.get("system", ""))), "")


def _diagnosis(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """One line for each site and code; a site that wrote the bare code borrows the words of another for
    the same code."""
    found = tumour_diagnoses(known, item.icd10_prefixes)
    texts: dict[str, str] = {}
    for each in found:
        text = concept_text(each.resource.get("code"))
        if len(text) > len(texts.get(icd10(each.resource), "")):
            texts[icd10(each.resource)] = text
    lines: dict[tuple[str, str], Finding] = {}
    for each in found:
        code, text = icd10(each.resource), concept_text(each.resource.get("code"))
        lines.setdefault((each.member, code), _finding(each, texts[code] if text == code else text))
    return tuple(lines.values())


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
            lines[each.member] = _finding(each, _prefixed(text, _prefix(item, each.resource)))
    return tuple(lines.values())


def _prefix(item: RequiredItem, resource: Resource) -> str:
    codes = _codes(resource)
    return next((prefix for code, prefix in item.prefixes if code in codes), "")


def _prefixed(text: str, prefix: str) -> str:
    """ "ECOG 1"; a display that names the scale itself ("1 ECOG 1: …") is not named twice."""
    place = text.find(prefix) if prefix.strip() and len(prefix) > 1 else -1
    return text[place:] if place >= 0 else prefix + text


def _biomarkers(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """Each gene or marker with its answer; free words of the laboratory come first."""
    lines = [_finding(each, _biomarker(each.resource, language)) for each in _coded(item, known)]
    return _once_per_text(tuple(line for line in lines if line.text))


def _biomarker(resource: Resource, language: str) -> str:
    notes = ", ".join(str(note.get("text", "")) for note in resource.get("note", []))
    genes = [each for each in resource.get("component", []) if "48018-6" in _codes(each)]
    name = notes or ", ".join(value_text(gene, language) for gene in genes) or name_text(resource.get("code"))
    own = {key: value for key, value in resource.items() if key not in ("component", "note")}
    answer = value_text(own, language)
    known_answer = catalogue.answers().get(code_text(resource.get("valueCodeableConcept")))
    if known_answer:
        answer = known_answer.in_language(language)
    return f"{name}: {answer}" if answer else name


def _values(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    """The newest value of each name, e.g. of each laboratory parameter."""
    lines: dict[str, Finding] = {}
    for each in _coded(item, known):
        name, value = name_text(each.resource.get("code")), value_text(each.resource, language)
        if value and name not in lines:
            lines[name] = _finding(each, f"{name}: {value}")
    return tuple(lines.values())


def _report(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    wanted = {*item.codes, *item.categories}
    found = [each for each in known.of("DiagnosticReport") if _labels(each.resource) & wanted]
    # The item's own label says what the report is; its conclusion is what it found.
    words = (
        (each, str(each.resource.get("conclusion") or name_text(each.resource.get("code")))) for each in found
    )
    return _agreeing(tuple(_finding(each, text) for each, text in words))


def _imaging(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    reports = [each for each in known.of("DiagnosticReport") if _labels(each.resource) & _IMAGING_CATEGORIES]
    lines = [_finding(each, _report_text(each.resource)) for each in reports]
    # A study that has its report of the same day beside it says nothing more.
    reported = {(line.member, line.day) for line in lines}
    studies = [each for each in known.of("ImagingStudy") if (each.member, each.day) not in reported]
    lines += [_finding(each, _study_text(each.resource)) for each in studies]
    return tuple(sorted(lines, key=lambda line: line.day, reverse=True))


def _treatments(item: RequiredItem, known: Known, language: str) -> tuple[Finding, ...]:
    lines = [
        _finding(
            each, concept_text(each.resource.get("code") or each.resource.get("medicationCodeableConcept"))
        )
        for each in known.of("Procedure", "MedicationStatement")
        if not _is_imaging(each.resource)
    ]
    return _once_per_text(tuple(line for line in lines if line.text))


_READERS: Final[dict[str, Reader]] = {
    "diagnosis": _diagnosis,
    "comorbidities": _comorbidities,
    "staging": _staging,
    "value": _value,
    "values": _values,
    "biomarkers": _biomarkers,
    "report": _report,
    "imaging": _imaging,
    "treatments": _treatments,
}


def _is_imaging(resource: Resource) -> bool:
    """Chapter 3 of OPS; it stands under imaging."""
    codings = resource.get("code", {}).get("coding", [])
    return any(
        "/ops" in str(c.get("system", "")) and str(c.get("code", "")).startswith("3-") for c in codings
    )


def _agreeing(lines: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Lines with the very same words become one, with the other sites named beside it."""
    first: dict[str, Finding] = {}
    for line in lines:
        kept = first.get(line.text)
        if kept is None:
            first[line.text] = line
        elif line.site != kept.site and line.site not in kept.also:
            first[line.text] = replace(kept, also=(*kept.also, line.site))
    return tuple(first.values())


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


def _once_per_text(lines: tuple[Finding, ...]) -> tuple[Finding, ...]:
    kept: dict[tuple[str, str], Finding] = {}
    for line in lines:
        kept.setdefault((line.member, line.text), line)
    return tuple(kept.values())
