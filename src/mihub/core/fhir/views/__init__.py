"""ViewDefinitions of SQL on FHIR v2: checked once, then resources in, rows out.

`read(document)` gives a frozen `View` or says what is wrong and where; `Runner(view).rows(resource)` gives tuples in
the order of `view.columns`. No input or output, no other FHIRPath than `core.fhir.fhirpath`. Source:
https://sql-on-fhir.org (2.1.0-pre), suite of FHIR/sql-on-fhir-v2. Above: `site.views`. Docs: docs/reference/views.md.
"""

from mihub.core.fhir.views.definition import Column, View, ViewError
from mihub.core.fhir.views.findings import Findings, Mismatch
from mihub.core.fhir.views.kinds import Kind
from mihub.core.fhir.views.reading import read
from mihub.core.fhir.views.running import Runner

__all__ = ["Column", "Findings", "Kind", "Mismatch", "Runner", "View", "ViewError", "read"]
