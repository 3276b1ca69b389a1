"""UCUM, the Unified Code for Units of Measure: read a code, compare units, convert values exactly.

The one place that knows units; FHIRPath, search, terminology and validation ask here. Case-sensitive codes of the
published table (third_party/), all prefixes, special and arbitrary units, annotations. Never guesses a unit.
"""

from mihub.core.fhir.ucum.conversion import canonical, commensurable, convert
from mihub.core.fhir.ucum.errors import UcumError
from mihub.core.fhir.ucum.meaning import Unit, base_code, is_valid, multiply, parse

SYSTEM = "http://unitsofmeasure.org"

__all__ = [
    "SYSTEM", "UcumError", "Unit", "base_code", "canonical", "commensurable", "convert", "is_valid", "multiply", "parse",
]  # fmt: skip
