"""The names that the Subscriptions R5 Backport gave to what R4 has no words for.

Source: hl7.fhir.uv.subscriptions-backport.r4 1.1.0 (CC0). Neighbours: everything in this room.
"""

from __future__ import annotations

from typing import Final

_ROOT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/"
_STRUCTURES: Final = f"{_ROOT}StructureDefinition/"

SUBSCRIPTION_PROFILE: Final = f"{_STRUCTURES}backport-subscription"
NOTIFICATION_PROFILE: Final = f"{_STRUCTURES}backport-subscription-notification-r4"
STATUS_PROFILE: Final = f"{_STRUCTURES}backport-subscription-status-r4"

FILTER_CRITERIA: Final = f"{_STRUCTURES}backport-filter-criteria"
HEARTBEAT_PERIOD: Final = f"{_STRUCTURES}backport-heartbeat-period"
TIMEOUT: Final = f"{_STRUCTURES}backport-timeout"
MAX_COUNT: Final = f"{_STRUCTURES}backport-max-count"
CHANNEL_TYPE: Final = f"{_STRUCTURES}backport-channel-type"
PAYLOAD_CONTENT: Final = f"{_STRUCTURES}backport-payload-content"
TOPIC_CANONICAL: Final = f"{_STRUCTURES}capabilitystatement-subscriptiontopic-canonical"

OPERATIONS: Final = {
    name: f"{_ROOT}OperationDefinition/backport-subscription-{name}"
    for name in ("status", "events", "get-ws-binding-token")
}
ERROR_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/subscription-error"
CONTENTS: Final = ("empty", "id-only", "full-resource")
