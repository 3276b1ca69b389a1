"""Patient/$everything: all resources in one patient's compartment, page by page.

Source: https://hl7.org/fhir/R4/patient-operation-everything.html. Not supported: start, end, _since.
"""

from __future__ import annotations

from mihub.core.policy.rules import Action
from mihub.errors import NotSupported
from mihub.site.api.call import Call
from mihub.site.api.page_link import Parameters
from mihub.site.api.read import present
from mihub.site.api.reply import Reply
from mihub.site.api.search_type import search
from mihub.site.search.catalogue import ANY_TYPE
from mihub.site.search.parse import PageLimits
from mihub.site.search.question import OfPatient, Question


def everything(call: Call, patient_id: str, parameters: Parameters) -> Reply:
    """The Patient and what belongs to it. Raises `NotFound`, also for who may not see the patient."""
    present(call.site.store.read("Patient", patient_id, call.access, call.within(Action.READ)), "Patient")
    limits = PageLimits(call.site.settings.page_size, call.site.settings.max_page_size)

    def ask(asked: Parameters) -> Question:
        count = limits.default
        for name, text in asked:
            if name != "_count" or not text.isdecimal() or len(text) > 9:
                raise NotSupported("$everything takes _count only.", where="$everything")
            count = min(max(int(text), 1), limits.maximum)
        return Question(ANY_TYPE, (OfPatient(patient_id),), count=count, names="$everything")

    return search(call, f"Patient/{patient_id}/$everything", parameters, ask)
