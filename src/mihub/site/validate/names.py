"""Names of types and keys: how a choice is spelled in JSON, and which type a `type.code` means.

Source: https://hl7.org/fhir/R4/formats.html#choice. Above: `base`, `profile`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import r4
from mihub.core.fhir.fhirpath.types import TypeInfo

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM: Final = "http://hl7.org/fhirpath/System."
_REAL_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"


def type_code(row: Json) -> str:
    """The FHIR type a row of `ElementDefinition.type` means; `System.String` of an id is `string`."""
    code = row.get("code")
    if not isinstance(code, str):
        return ""
    if not code.startswith(_SYSTEM):
        return code.removeprefix(CORE)
    for extension in row.get("extension") or ():
        if extension.get("url") == _REAL_TYPE:
            real: Any = extension.get("valueUrl") or extension.get("valueUri")
            if isinstance(real, str):
                return real
    name = code.removeprefix(_SYSTEM)
    return name[:1].lower() + name[1:]


def choice_key(stem: str, code: str) -> str:
    """`valueQuantity` of `value` and `Quantity`."""
    return stem + code[:1].upper() + code[1:]


def choice_label(stem: str, code: str) -> str:
    """How FHIRPath says it: `value.ofType(Quantity)`."""
    return f"{stem}.ofType({code})"


def spells(name: str, choice: str) -> bool:
    """Whether a name is a choice with a type behind it: `valueQuantity` of `value[x]`.

    R4 has elements whose names merely begin so: `studyEffectiveTimeFromStart` beside `studyEffective[x]`.
    """
    stem = choice.removesuffix("[x]")
    if stem == choice or not name.startswith(stem):
        return False
    kind = name[len(stem) :]
    return kind[:1].isupper() and (model_type(kind) or model_type(kind[:1].lower() + kind[1:])) is not None


_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s?#@<>\"'{}]{1,250}").match


def shown_address(text: Any) -> str:
    """The address of a system, an extension or a profile, as a fact: without query and fragment; "?" for a text that is none.

    These name things that were published, not people; everything else in a resource is never shown.
    """
    found = _ADDRESS(text) if isinstance(text, str) and not any(c in text for c in " \t\r\n@") else None
    return found.group(0) if found is not None else "?"


def canonical_of(code: str) -> str:
    """The address of a type's own structure."""
    return code if ":" in code else CORE + code


@lru_cache(maxsize=20_000)
def model_type(name: str) -> TypeInfo | None:
    """The type of that name or path as FHIRPath knows it; also remembers that there is none."""
    return r4().type(name)
