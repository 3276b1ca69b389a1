"""A stored resource of any shape stops nobody who follows the record: facts, consents and linkage go past it.

What the store takes is checked for type, id and dates only. One letter of nonsense must not end counting or linking for a
whole site.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.consent.policy import broad_consent
from mihub.core.consent.provisions import statements
from mihub.core.consent.ruling import decide
from mihub.core.linkage.encode import encode
from mihub.core.linkage.normalise import identity_of
from mihub.site.facts.columns import table_of
from mihub.site.facts.extract import facts_of

CATALOGUE = broad_consent()
NAMES = [
    "name", "given", "family", "address", "postalCode", "identifier", "system", "value", "gender",
    "birthDate", "status", "code", "coding", "subject", "patient", "reference", "effectiveDateTime",
    "effectivePeriod", "period", "start", "end", "valueQuantity", "valueCodeableConcept", "component",
    "provision", "type", "dateTime", "policy", "uri", "verificationStatus", "clinicalStatus", "category",
    "extension", "url", "encounter", "collection", "dose", "unit",
]  # fmt: skip
PATIENT = {"reference": "Patient/p"}
words = st.sampled_from(
    ["", "x", "2020", "2020-02-30", "active", "final", "permit", "deny", "Patient/p", "9999-12-31"]
)
leaves = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | words
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)
contents = st.dictionaries(st.sampled_from(NAMES), anything, max_size=6)
kinds = st.sampled_from(
    [
        "Patient",
        "Observation",
        "Condition",
        "Consent",
        "Procedure",
        "Encounter",
        "Specimen",
        "MedicationStatement",
    ]
)


@settings(max_examples=60, deadline=None)
@given(kinds, contents, st.booleans())
def test_facts_are_made_of_any_shape(kind: str, content: dict[str, Any], known: bool) -> None:
    owner = {"subject": PATIENT, "patient": PATIENT} if known else {}
    facts = list(facts_of({"resourceType": kind, "id": "1", **content, **owner}))
    assert table_of(facts, segment=1).num_rows == len(facts)


@settings(max_examples=60, deadline=None)
@given(contents)
def test_a_patient_of_any_shape_is_encoded(content: dict[str, Any]) -> None:
    encoding = encode(identity_of({"resourceType": "Patient", "id": "1", **content}), b"k" * 32)
    assert all(isinstance(block, str) for block in encoding.blocks)


@settings(max_examples=60, deadline=None)
@given(contents)
def test_a_consent_of_any_shape_permits_or_is_left_out(content: dict[str, Any]) -> None:
    consent = {"resourceType": "Consent", "id": "1", "patient": PATIENT, **content}
    stated = list(statements(consent, CATALOGUE))
    required = frozenset({CATALOGUE.use, CATALOGUE.collect})
    ruling = decide(stated, required, CATALOGUE, date(2026, 11, 23))
    assert ruling.permitted or ruling.because
