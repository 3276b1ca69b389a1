"""What can be subscribed to: one topic per resource type, and a few that tell when a resource enters a state.

R4 has no SubscriptionTopic; a topic is its canonical URL here, and a Basic that describes it. Filters are the search
parameters of the type, and `trigger` for the kind of change. Source: Backport IG 1.1.0, "Topic-Based Subscriptions".
Below: the search catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.types import EXCHANGE_TYPES, RESOURCE_TYPES
from mihub.site.search.catalogue import Catalogue

CANONICAL: Final = "https://www.mihubx.de/fhir/SubscriptionTopic/"
# "leave": an update after which the filters, which the version before met, are met no longer.
TRIGGERS: Final = ("create", "update", "leave", "delete")
TRIGGER_KEY: Final = "trigger"
_R5: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."


@dataclass(frozen=True, slots=True)
class Topic:
    """`triggers`: which changes it is about. `entering`: a search that the new version meets and the one before did not."""

    name: str
    resource_type: str
    title: str
    triggers: frozenset[str]
    entering: str = ""

    @property
    def url(self) -> str:
        """The canonical URL by which clients name it."""
        return CANONICAL + self.name


_ENTERING: Final = (
    ("encounter-start", "Encounter", "An encounter has begun.", "status=in-progress"),
    ("encounter-end", "Encounter", "An encounter is finished.", "status=finished"),
    ("diagnosticreport-final", "DiagnosticReport", "A report is final.", "status=final"),
    ("task-requested", "Task", "A task was requested.", "status=requested"),
    ("task-completed", "Task", "A task is completed.", "status=completed"),
)


@lru_cache(maxsize=1)
def topics() -> dict[str, Topic]:
    """All topics by canonical URL. AuditEvents are no resources of the record and make no events."""
    types = sorted(RESOURCE_TYPES - EXCHANGE_TYPES - {"AuditEvent"})
    found = [Topic(name, name, f"Any change of a {name}.", frozenset(TRIGGERS)) for name in types]
    found += [
        Topic(name, kind, title, frozenset({"create", "update"}), asked)
        for name, kind, title, asked in _ENTERING
    ]
    return {topic.url: topic for topic in found}


def topic_of(canonical: str) -> Topic | None:
    """The topic, whatever version the canonical names; None when it is not offered."""
    return topics().get(canonical.partition("|")[0])


def described(topic: Topic, catalogue: Catalogue) -> Resource:
    """The topic as R4 can say it: a Basic with the elements of R5's SubscriptionTopic as extensions."""
    return {
        "resourceType": "Basic",
        "id": topic.name,
        "extension": [
            {"url": f"{_R5}url", "valueUri": topic.url},
            {"url": f"{_R5}title", "valueString": topic.title},
            {"url": f"{_R5}status", "valueCode": "active"},
            {"url": f"{_R5}resourceTrigger", "extension": list(_trigger(topic))},
            *({"url": f"{_R5}canFilterBy", "extension": one} for one in _filters(topic, catalogue)),
        ],
        "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]},
    }


def _trigger(topic: Topic) -> Iterator[Json]:
    definition = f"http://hl7.org/fhir/StructureDefinition/{topic.resource_type}"
    yield {"url": "resource", "valueUri": definition}
    for name in ("create", "update", "delete"):
        if name in topic.triggers:
            yield {"url": "supportedInteraction", "valueCode": name}
    if topic.entering:
        asked = [
            {"url": "current", "valueString": topic.entering},
            {"url": "resultForCreate", "valueCode": "test-passes"},
        ]
        yield {"url": "queryCriteria", "extension": asked}


def _filters(topic: Topic, catalogue: Catalogue) -> Iterator[list[Json]]:
    definition = f"http://hl7.org/fhir/StructureDefinition/{topic.resource_type}"
    for parameter in catalogue.of(topic.resource_type).values():
        named: list[Json] = [
            {"url": "resource", "valueUri": definition},
            {"url": "filterParameter", "valueString": parameter.name},
        ]
        yield [*named, {"url": "filterDefinition", "valueUri": parameter.url}] if parameter.url else named
    about = f"The kind of change: one or more of {', '.join(sorted(topic.triggers))}."
    yield [
        {"url": "description", "valueString": about},
        {"url": "filterParameter", "valueString": TRIGGER_KEY},
    ]
