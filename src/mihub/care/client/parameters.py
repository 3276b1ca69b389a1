"""Which elements a search parameter looks at, for the in-memory client: the common R4 parameters, over all
types.

One list of paths serves all resource types: a path that a type does not have finds nothing. A parameter
that is not listed is refused, as a site refuses it.
Source: https://hl7.org/fhir/R4/searchparameter-registry.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["token", "reference", "date", "string", "uri"]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """How to compare (`kind`) and where to look (`paths`, dotted element names)."""

    kind: Kind
    paths: tuple[str, ...]


def _token(*paths: str) -> SearchParameter:
    return SearchParameter("token", paths)


def _reference(*paths: str) -> SearchParameter:
    return SearchParameter("reference", paths)


def _date(*paths: str) -> SearchParameter:
    return SearchParameter("date", paths)


def _string(*paths: str) -> SearchParameter:
    return SearchParameter("string", paths)


_SUBJECT: Final = ("subject", "patient", "for", "individual", "beneficiary", "agent.who", "entity.what")
_WHEN: Final = (
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "period",
    "date",
    "start",
    "dateTime",
    "recorded",
    "identifiedPeriod",
    "authored",
    "created",
    "executionPeriod",
)

SEARCH_PARAMETERS: Final[dict[str, SearchParameter]] = {
    "_id": _token("id"),
    "_lastUpdated": _date("meta.lastUpdated"),
    "_tag": _token("meta.tag"),
    "_security": _token("meta.security"),
    "_profile": SearchParameter("uri", ("meta.profile",)),
    "patient": _reference(*_SUBJECT, "participant.actor"),
    "subject": _reference("subject", "patient", "for"),
    "individual": _reference("individual"),
    "encounter": _reference("encounter", "context"),
    "actor": _reference("participant.actor", "actor", "provision.actor.reference"),
    "agent": _reference("agent.who"),
    "entity": _reference("entity.what"),
    "author": _reference("author"),
    "based-on": _reference("basedOn"),
    "care-team": _reference("careTeam"),
    "condition": _reference("addresses", "reasonReference", "diagnosis.condition"),
    "context": _reference("context", "encounter"),
    "encompasses": _reference("encounter"),
    "evidence-detail": _reference("evidence.detail"),
    "focus": _reference("focus"),
    "general-practitioner": _reference("generalPractitioner"),
    "goal": _reference("goal"),
    "item": _reference("entry.item"),
    "link": _reference("link.other"),
    "location": _reference("location", "location.location"),
    "managing-organization": _reference("managingOrganization"),
    "medication": _reference("medicationReference"),
    "organization": _reference("organization", "managingOrganization"),
    "owner": _reference("owner"),
    "part-of": _reference("partOf"),
    "participant": _reference("participant.member", "participant.individual"),
    "performer": _reference("performer", "performer.actor", "activity.detail.performer"),
    "practitioner": _reference("participant.actor", "practitioner"),
    "questionnaire": SearchParameter("uri", ("questionnaire",)),
    "reason-reference": _reference("reasonReference"),
    "recipient": _reference("recipient"),
    "related": _reference("relatesTo.target", "context.related"),
    "replaces": _reference("replaces"),
    "request": _reference("request"),
    "requester": _reference("requester"),
    "result": _reference("result"),
    "sender": _reference("sender"),
    "service-provider": _reference("serviceProvider"),
    "source": _reference("source", "informationSource"),
    "specimen": _reference("specimen"),
    "study": _reference("study"),
    "supporting-info": _reference("supportingInfo"),
    "target": _reference("target"),
    "identifier": _token("identifier"),
    "code": _token("code", "medicationCodeableConcept", "event"),
    "category": _token("category"),
    "status": _token("status"),
    "type": _token("type"),
    "subtype": _token("subtype"),
    "intent": _token("intent"),
    "priority": _token("priority"),
    "class": _token("class"),
    "clinical-status": _token("clinicalStatus"),
    "verification-status": _token("verificationStatus"),
    "business-status": _token("businessStatus"),
    "body-site": _token("bodySite"),
    "combo-code": _token("code", "component.code"),
    "component-code": _token("component.code"),
    "value-concept": _token("valueCodeableConcept"),
    "combo-value-concept": _token("valueCodeableConcept", "component.valueCodeableConcept"),
    "activity-code": _token("activity.detail.code"),
    "modality": _token("modality", "series.modality"),
    "gender": _token("gender"),
    "active": _token("active"),
    "deceased": _token("deceasedBoolean"),
    "role": _token("role", "participant.role"),
    "scope": _token("scope"),
    "action": _token("action"),
    "outcome": _token("outcome"),
    "purpose": _token("provision.purpose"),
    "service-type": _token("serviceType"),
    "appointment-type": _token("appointmentType"),
    "specialty": _token("specialty"),
    "part-status": _token("participant.status"),
    "performer-type": _token("performerType"),
    "lifecycle-status": _token("lifecycleStatus"),
    "email": _token("telecom"),
    "phone": _token("telecom"),
    "telecom": _token("telecom"),
    "instantiates-canonical": SearchParameter("uri", ("instantiatesCanonical",)),
    "instantiates-uri": SearchParameter("uri", ("instantiatesUri",)),
    "url": SearchParameter("uri", ("url",)),
    "date": _date(*_WHEN),
    "authored": _date("authored"),
    "authored-on": _date("authoredOn"),
    "modified": _date("lastModified"),
    "period": _date("executionPeriod", "period"),
    "activity-date": _date("activity.detail.scheduledPeriod", "activity.detail.scheduledTiming"),
    "birthdate": _date("birthDate"),
    "death-date": _date("deceasedDateTime"),
    "effective": _date("effectiveDateTime", "effectivePeriod"),
    "issued": _date("issued"),
    "occurrence": _date("occurrenceDateTime", "occurrencePeriod"),
    "onset-date": _date("onsetDateTime", "onsetPeriod"),
    "recorded-date": _date("recordedDate"),
    "abatement-date": _date("abatementDateTime"),
    "received": _date("received"),
    "sent": _date("sent"),
    "started": _date("started"),
    "start-date": _date("startDate"),
    "target-date": _date("target.dueDate"),
    "value-date": _date("valueDateTime", "valuePeriod"),
    "name": _string("name", "name.family", "name.given", "name.text", "title"),
    "family": _string("name.family"),
    "given": _string("name.given"),
    "address": _string("address.line", "address.city", "address.postalCode"),
    "address-city": _string("address.city"),
    "address-postalcode": _string("address.postalCode"),
    "title": _string("title"),
    "description": _string("description"),
}
