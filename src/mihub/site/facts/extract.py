"""From one FHIR resource to its facts.

A table says for each type where code, date and attributes stand; a type that is not in it gives no facts.
What its author took back (entered in error, refuted, not done) gives none either. Never keeps a name, a text
or a number that identifies. Source: FHIR R4 and the MII core data set profiles. Neighbours: `dates`,
`readings` below, `table` above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.query.facts import BY_REFERENCE, DRUG, PERSON, PERSON_SYSTEM, Fact
from mihub.site.facts.dates import UNKNOWN, Days, days
from mihub.site.facts.readings import Reading, codings, concepts, readings

# Taken back by their author: no facts. Other states are facts and may be asked for by attribute.
TAKEN_BACK: Final = frozenset({"entered-in-error", "not-done", "not-taken", "cancelled"})
_REFUTED: Final = frozenset({"refuted", "entered-in-error"})
_SPECIMEN_DIAGNOSIS: Final = (
    "https://www.medizininformatik-initiative.de/fhir/ext/modul-biobank/StructureDefinition/Diagnose"
)
_ASSERTED: Final = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a resource type keeps what facts need. The first date that is there counts."""

    kind: str
    codes: tuple[str, ...]
    dates: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...] = ()
    patient: str = "subject"


_STATUS: Final = ("status", "status")
_BODY: Final = ("body-site", "bodySite")
_CATEGORY: Final = ("category", "category")
_MEDICATION: Final = ("medicationCodeableConcept", "medicationReference")

SHAPES: Final[dict[str, Shape]] = {
    "Condition": Shape(
        "diagnosis",
        ("code",),
        ("recordedDate", "asserted", "onsetDateTime", "onsetPeriod"),
        (
            ("clinical-status", "clinicalStatus"),
            ("verification-status", "verificationStatus"),
            _BODY,
            _CATEGORY,
        ),
    ),
    "Observation": Shape(
        "observation",
        ("code",),
        ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming", "issued"),
        (_STATUS, ("method", "method"), _BODY, ("interpretation", "interpretation"), _CATEGORY),
    ),
    "Procedure": Shape(
        "procedure", ("code",), ("performedDateTime", "performedPeriod"), (_STATUS, _BODY, _CATEGORY)
    ),
    "MedicationAdministration": Shape(
        "medication-administration", _MEDICATION, ("effectiveDateTime", "effectivePeriod"), (_STATUS,)
    ),
    "MedicationStatement": Shape(
        "medication-statement",
        _MEDICATION,
        ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
        (_STATUS, _CATEGORY),
    ),
    "MedicationRequest": Shape(
        "medication-request", _MEDICATION, ("authoredOn",), (_STATUS, ("intent", "intent"))
    ),
    "Medication": Shape(DRUG, ("code", "ingredient"), ()),
    "Encounter": Shape(
        "encounter",
        ("type", "serviceType"),
        ("period",),
        (_STATUS, ("class", "class"), ("service", "serviceType")),
    ),
    "DiagnosticReport": Shape(
        "report", ("code",), ("effectiveDateTime", "effectivePeriod", "issued"), (_STATUS, _CATEGORY)
    ),
    "ImagingStudy": Shape(
        "imaging",
        ("procedureCode", "modality"),
        ("started",),
        (_STATUS, ("modality", "modality"), ("body-site", "series")),
    ),
    "CarePlan": Shape("care-plan", ("category",), ("created", "period"), (_STATUS, ("intent", "intent"))),
    "Specimen": Shape(
        "specimen", ("type",), ("collected", "receivedTime"), (_STATUS, ("body-site", "collection"))
    ),
}


def facts_of(resource: Resource) -> list[Fact]:
    """The facts of one current resource; empty for types and states that give none."""
    special = _SPECIAL.get(str(resource.get("resourceType")))
    if special is not None:
        return list(special(resource))
    shape = SHAPES.get(str(resource.get("resourceType")))
    if shape is None or _taken_back(resource):
        return []
    base = _base(resource, shape)
    if base is None:
        return []
    return [*_coded(resource, shape, base), *_components(resource, base), *_attributes(resource, shape, base)]


def _base(resource: Resource, shape: Shape) -> Fact | None:
    patient = "" if shape.kind == DRUG else _reference(resource.get(shape.patient), "Patient")
    if patient is None:
        return None
    low, high = _dates(resource, shape)
    return Fact(
        kind=shape.kind,
        patient=patient,
        resource=f"{resource['resourceType']}/{resource.get('id', '')}",
        date_low=low,
        date_high=high,
        encounter=_encounter(resource),
        department=_department(resource),
    )


def _coded(resource: Resource, shape: Shape, base: Fact) -> Iterator[Fact]:
    """One row for each code and value; a resource without any code still has one row."""
    found = [pair for name in shape.codes for pair in _codes(resource, name)]
    values = list(readings(resource)) if shape.kind == "observation" else [Reading()]
    for system, code in found or [("", "")]:
        for value in values:
            yield _with_value(base._replace(system=system, code=code), value)


def _components(resource: Resource, base: Fact) -> Iterator[Fact]:
    for component in _objects(resource.get("component")):
        for system, code in codings(component.get("code")):
            for value in readings(component):
                yield _with_value(base._replace(system=system, code=code), value)


def _attributes(resource: Resource, shape: Shape, base: Fact) -> Iterator[Fact]:
    for slot, name in shape.attributes:
        for system, code in _attribute_values(resource, name):
            yield base._replace(slot=slot, value_system=system, value_code=code)
    for extension in _objects(resource.get("extension")):
        target = extension.get("valueReference")
        if extension.get("url") == _SPECIMEN_DIAGNOSIS and isinstance(target, dict):
            key = _key(target.get("reference"))
            yield base._replace(slot="diagnose", value_system=BY_REFERENCE, value_code=key)


def _attribute_values(resource: Resource, name: str) -> Iterator[tuple[str, str]]:
    value = resource.get(name)
    if isinstance(value, str):
        yield "", value
    elif name in ("series", "collection"):
        for part in _objects(value):
            yield from concepts(part.get("bodySite"))
    else:
        yield from concepts(value)


def _codes(resource: Resource, name: str) -> Iterator[tuple[str, str]]:
    value = resource.get(name)
    if name == "medicationReference":
        yield from _referred_drug(resource, value)
    elif name == "ingredient":
        for part in _objects(value):
            yield from codings(part.get("itemCodeableConcept"))
    else:
        yield from concepts(value)


def _referred_drug(resource: Resource, value: object) -> Iterator[tuple[str, str]]:
    """A contained medication gives its codes; another one is looked up when the question is asked."""
    target = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(target, str):
        return
    if not target.startswith("#"):
        yield BY_REFERENCE, _key(target)
        return
    for contained in _objects(resource.get("contained")):
        if contained.get("id") == target[1:]:
            yield from codings(contained.get("code"))


def _patient(resource: Resource) -> Iterator[Fact]:
    patient = str(resource.get("id", ""))
    low, high = days(resource.get("birthDate"))
    base = Fact(PERSON, patient, f"Patient/{patient}", system=PERSON_SYSTEM)
    yield base._replace(code="birth-date", date_low=low, date_high=high)
    if isinstance(resource.get("gender"), str):
        yield base._replace(code="gender", value_system="", value_code=resource["gender"])


def _consent(resource: Resource) -> Iterator[Fact]:
    """One row for each permitted code of an active Consent, with the period of its provision.

    These rows answer "who gave this consent"; the consent gate never uses them.
    """
    patient = _reference(resource.get("patient"), "Patient")
    root = resource.get("provision")
    if patient is None or resource.get("status") != "active" or not isinstance(root, dict):
        return
    base = Fact("consent", patient, f"Consent/{resource.get('id', '')}")
    outer = days(root.get("period"))
    for provision in [root, *_objects(root.get("provision"))]:
        if provision.get("type") != "permit":
            continue
        low, high = days(provision["period"]) if "period" in provision else outer
        for system, code in concepts(provision.get("code")):
            yield base._replace(system=system, code=code, date_low=low, date_high=high)


_SPECIAL: Final[dict[str, Callable[[Resource], Iterator[Fact]]]] = {"Patient": _patient, "Consent": _consent}


def _taken_back(resource: Resource) -> bool:
    status = resource.get("status")
    if isinstance(status, str) and status in TAKEN_BACK:
        return True
    return any(code in _REFUTED for _, code in concepts(resource.get("verificationStatus")))


def _dates(resource: Resource, shape: Shape) -> Days:
    for name in shape.dates:
        found = days(_dated(resource, name))
        if found != UNKNOWN:
            return found
    return UNKNOWN


def _dated(resource: Resource, name: str) -> object:
    if name == "asserted":
        extensions = _objects(resource.get("extension"))
        return next((one.get("valueDateTime") for one in extensions if one.get("url") == _ASSERTED), None)
    if name == "collected":
        collection = resource.get("collection")
        one = collection if isinstance(collection, dict) else {}
        return one.get("collectedDateTime") or one.get("collectedPeriod")
    return resource.get(name)


def _encounter(resource: Resource) -> str | None:
    if resource["resourceType"] == "Encounter":
        return f"Encounter/{resource.get('id', '')}"
    value = resource.get("encounter") or resource.get("context")
    target = value.get("reference") if isinstance(value, dict) else None
    return _key(target) if isinstance(target, str) else None


def _department(resource: Resource) -> str | None:
    if resource["resourceType"] != "Encounter":
        return None
    return next((code for _, code in codings(resource.get("serviceType"))), None)


def _with_value(fact: Fact, value: Reading) -> Fact:
    return fact._replace(
        value_system=value.system,
        value_code=value.code,
        value_low=value.low,
        value_high=value.high,
        unit=value.unit,
    )


def _reference(value: object, resource_type: str) -> str | None:
    target = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(target, str):
        return None
    found, _, resource_id = _key(target).partition("/")
    return resource_id if found == resource_type and resource_id else None


def _key(target: object) -> str:
    """`Type/id` of a reference; the base of an absolute one and a version are dropped."""
    parts = str(target).partition("/_history/")[0].split("/")
    return "/".join(parts[-2:])


def _objects(value: object) -> list[Json]:
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
