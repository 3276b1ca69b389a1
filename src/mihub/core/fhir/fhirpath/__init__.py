"""FHIRPath: one engine for validation, search, questionnaires, pathways and views.

`compile(text).evaluate(resource)`; compiled to Python closures over plain JSON, with R4's types from a packaged
table. Never reads or fetches anything else. What is supported: docs/reference/fhirpath.md. Source: FHIRPath 2.0.0
(https://hl7.org/fhirpath/) with functions of STU 3.0, https://hl7.org/fhir/R4/fhirpath.html.
"""

from mihub.core.fhir.fhirpath.elements import Element, TypeValue
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.expression import Expression, compile  # noqa: A004  # the word of the specification
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.render import render
from mihub.core.fhir.fhirpath.scope import Hooks, Limits, Meter
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time
from mihub.core.fhir.fhirpath.types import Model, r4

__all__ = [
    "Date", "DateTime", "Element", "Expression", "FhirPathError", "Hooks", "Limits", "Meter", "Model", "Quantity", "Time",
    "TypeValue", "compile", "r4", "render",
]  # fmt: skip
