"""FHIR values as a clinician reads them, in one language: codes with their display, numbers with their unit.

It never interprets: no normal range, no conversion, no staging. Above: `items`, `staging`.
"""

from __future__ import annotations

from typing import Any

from mihub.core.fhir import Json, Resource

# Code systems whose codes clinicians read as such; of all others the display is shown.
_READ_AS_CODE = ("icd-10-gm", "icd-o-3", "/ops", "uicc", "modul-onko")


def concept_text(concept: Json | None) -> str:
    """ "C34.1 Bösartige Neubildung …", "Adenokarzinom", or the bare code; empty for no concept."""
    if not concept:
        return ""
    codings = concept.get("coding", [])
    readable = next((each for each in codings if _is_read_as_code(each)), None)
    if readable is not None:
        name = concept.get("text") or readable.get("display") or ""
        code = str(readable.get("code", ""))
        return name if name.startswith(code) else f"{code} {name}".strip()
    return str(concept.get("text") or next((_name(each) for each in codings), ""))


def code_text(concept: Json | None) -> str:
    """The first code of a concept; empty for no concept."""
    return next((str(each.get("code", "")) for each in (concept or {}).get("coding", [])), "")


def name_text(concept: Json | None) -> str:
    """The name without the code; the code where there is no name."""
    if not concept:
        return ""
    return str(concept.get("text") or next((_name(each) for each in concept.get("coding", [])), ""))


def value_text(resource: Resource, language: str) -> str:
    """The value of an Observation or of its components, with units."""
    if "valueQuantity" in resource:
        return quantity_text(resource["valueQuantity"], language)
    if "valueCodeableConcept" in resource:
        return concept_text(resource["valueCodeableConcept"])
    for name in ("valueString", "valueInteger", "valueBoolean", "valueDateTime"):
        if name in resource:
            return str(resource[name])
    parts = [value_text(component, language) for component in resource.get("component", [])]
    notes = [str(note.get("text", "")) for note in resource.get("note", [])]
    return ", ".join(part for part in [*parts, *notes] if part)


def quantity_text(quantity: Json, language: str) -> str:
    """ "2,1 l" in German, "2.1 l" in English; a comparator stands before the number."""
    number = number_text(quantity.get("value"), language)
    unit = quantity.get("unit") or quantity.get("code") or ""
    return f"{quantity.get('comparator', '')}{number} {unit}".strip()


def number_text(value: Any, language: str) -> str:
    """A number with the decimal sign of the language; never rounded."""
    text = str(value) if value is not None else ""
    text = text[:-2] if text.endswith(".0") else text
    return text.replace(".", ",") if language == "de" else text


def _is_read_as_code(coding: Json) -> bool:
    return any(part in str(coding.get("system", "")) for part in _READ_AS_CODE)


def _name(coding: Json) -> str:
    return str(coding.get("display") or coding.get("code") or "")
