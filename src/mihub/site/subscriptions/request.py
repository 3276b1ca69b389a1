"""A Subscription resource as a typed value: what is asked for, or a sentence that says what is wrong with it.

Read once when a client writes it and again by whoever delivers. Above: `room`, `follower`, `courier`. Below: `topics`,
`hosts`, the search parser. Source: R4 Subscription and the profile backport-subscription 1.1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import regex

from mihub.core.fhir import Resource
from mihub.core.fhir.dates import span
from mihub.core.fhir.types import EXCHANGE_TYPES, RESOURCE_TYPES
from mihub.errors import InvalidInput, MihubError, Unprocessable
from mihub.site.search.parse import Parser
from mihub.site.search.question import Question
from mihub.site.subscriptions import backport
from mihub.site.subscriptions.hosts import Hosts
from mihub.site.subscriptions.topics import TRIGGER_KEY, Topic, topic_of

CHANNELS: Final = ("rest-hook", "websocket")
PAYLOADS: Final = ("application/fhir+json", "application/json", "application/fhir+xml", "application/xml")
MOST_COUNT: Final = 1000
_DEFAULT_COUNT: Final = 100
_DEFAULT_TIMEOUT: Final = 30
_LONGEST_TIMEOUT: Final = 120
_SHORTEST_HEARTBEAT: Final = 1
_HEADER: Final = regex.compile(
    r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}):[\x20\t]*([\x21-\x7e][\x20-\x7e]{0,4000}|)"
)
# What belongs to the transport, or would make the endpoint read another request than the one that was checked.
_OWN_HEADERS: Final = frozenset(
    {
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "upgrade",
        "te", "trailer", "expect", "keep-alive", "proxy-connection",
    }
)  # fmt: skip
# They look at more than the changed resource, or are no condition on it.
_NO_FILTERS: Final = ("_list", "_filter", "_text", "_content", "_query", "_contained", "_in")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`topic` None: R4's criteria alone, told of what meets them after a create or update.

    `questions` must all be met. `timeout_seconds`, `heartbeat_seconds` (0: none), `most`: events in one notification.
    """

    topic: Topic | None
    resource_type: str
    triggers: frozenset[str]
    questions: tuple[Question, ...]
    entering: Question | None
    channel: str
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    payload: str
    content: str
    timeout_seconds: int
    heartbeat_seconds: int
    most: int
    ends_at: float


class Reader:
    """Reads Subscriptions for one site. Raises `Unprocessable` from everything public."""

    def __init__(self, parser: Parser, hosts: Hosts, local: Any) -> None:
        self._parser, self._hosts, self._local = parser, hosts, local

    def read(self, resource: Resource, *, known: bool = False) -> Wanted:
        """What the resource asks for. `known`: it was accepted before; its host is checked when something is sent."""
        criteria = resource.get("criteria")
        if not isinstance(criteria, str) or not criteria:
            raise refused("A Subscription names no topic.", "criteria", "Give the topic's canonical URL.")
        filters = list(_extensions(resource.get("_criteria"), backport.FILTER_CRITERIA))
        channel = resource.get("channel")
        if not isinstance(channel, dict):
            raise refused("A Subscription has no channel.", "channel", "Give type, endpoint and payload.")
        topic, resource_type, triggers, questions = self._about(criteria, filters)
        entering = (
            self._question(topic.resource_type, parse_qsl(topic.entering))
            if topic and topic.entering
            else None
        )
        kind = self._kind(channel)
        payload, content = _payload(channel, by_topic=topic is not None)
        return Wanted(
            topic, resource_type, triggers, questions, entering, kind,
            self._endpoint(channel, kind, known=known), _headers(channel), payload, content,
            _number(channel, backport.TIMEOUT, _DEFAULT_TIMEOUT, 1, _LONGEST_TIMEOUT),
            _number(channel, backport.HEARTBEAT_PERIOD, 0, _SHORTEST_HEARTBEAT, 10**7),
            min(_number(channel, backport.MAX_COUNT, _DEFAULT_COUNT, 1, 10**6), MOST_COUNT),
            self._end(resource),
        )  # fmt: skip

    def _about(
        self, criteria: str, filters: list[Any]
    ) -> tuple[Topic | None, str, frozenset[str], tuple[Question, ...]]:
        if "://" not in criteria.partition("?")[0] and not criteria.startswith("urn:"):
            if filters:
                raise refused(
                    "Filters need a topic.", "criteria", "Name a topic, or put the filters into the criteria."
                )
            resource_type, parameters = _split(criteria, "")
            question = (self._question(resource_type, parameters),) if parameters else ()
            return None, resource_type, frozenset({"create", "update"}), question
        topic = topic_of(criteria)
        if topic is None:
            raise refused(
                "The topic is not offered here.",
                "criteria",
                "See GET Subscription/$topics for those that are.",
            )
        triggers, questions = topic.triggers, []
        for text in filters:
            if not isinstance(text, str):
                raise refused(
                    "A filter is not a text.",
                    "criteria.extension",
                    "Give it as valueString, Type?name=value.",
                )
            _, given = _split(text, topic.resource_type)
            chosen = [value for name, value in given if name == TRIGGER_KEY]
            for value in chosen:
                triggers &= _triggers(value, topic)
            parameters = [(name, value) for name, value in given if name != TRIGGER_KEY]
            if parameters:
                questions.append(self._question(topic.resource_type, parameters))
        return topic, topic.resource_type, triggers, tuple(questions)

    def _question(self, resource_type: str, parameters: list[tuple[str, str]]) -> Question:
        for name, _ in parameters:
            if "_has:" in name or name.partition(":")[0] in _NO_FILTERS:
                raise refused(
                    "A filter looks at more than the resource that changed.",
                    "criteria",
                    "Filter by search parameters of the type, or along its references (a chain).",
                )
        try:
            question = self._parser.parse(resource_type, parameters)
        except MihubError as error:
            # Names of parameters may stand in a sentence, values never do: the parser sees to that.
            raise refused(error.what, "criteria", error.next_step or "Correct the filter.") from error
        if question.sort or question.includes or question.elements or question.only_count:
            raise refused(
                "A filter can not sort, count or bring along other resources.", "criteria", "Leave that out."
            )
        if not question.conditions:
            raise refused("A filter has no condition.", "criteria", "Write Type?parameter=value.")
        return question

    def _kind(self, channel: Mapping[str, Any]) -> str:
        kind = channel.get("type")
        if kind not in CHANNELS or list(_extensions(channel.get("_type"), backport.CHANNEL_TYPE)):
            raise refused(
                "This kind of channel is not offered.", "channel.type", "Use rest-hook or websocket."
            )
        return str(kind)

    def _endpoint(self, channel: Mapping[str, Any], kind: str, *, known: bool) -> str:
        endpoint = channel.get("endpoint")
        if kind != "rest-hook":
            return ""
        if not isinstance(endpoint, str) or not endpoint:
            raise refused("A rest-hook has no endpoint.", "channel.endpoint", "Give the https address.")
        return endpoint if known else str(self._hosts.check(endpoint))

    def _end(self, resource: Resource) -> float:
        end = resource.get("end")
        if end is None:
            return float("inf")
        try:
            return span(str(end), self._local)[0].timestamp()
        except InvalidInput as error:
            raise refused("The end can not be read.", "end", "Give an instant with its zone.") from error


def refused(what: str, element: str, next_step: str) -> Unprocessable:
    """The refusal of a Subscription; nothing of what it holds is repeated."""
    return Unprocessable(
        what,
        where=f"Subscription.{element}",
        rule="docs/reference/subscriptions.md",
        next_step=next_step,
    )


def _split(text: str, expected: str) -> tuple[str, list[tuple[str, str]]]:
    """Type and parameters of `Type?name=value`; the type may be left out where a topic says it."""
    head, mark, query = text.partition("?")
    if not mark and expected and "=" in head:
        head, query = "", text
    resource_type = head or expected
    if expected and resource_type != expected:
        raise refused(
            f"A filter is not about {expected}, which is what the topic is about.",
            "criteria.extension",
            f"Write {expected}?parameter=value.",
        )
    if resource_type not in RESOURCE_TYPES - EXCHANGE_TYPES - {"AuditEvent"}:
        raise refused(
            "The criteria name no resource type that makes events.",
            "criteria",
            "Name a topic, or write Type?parameter=value.",
        )
    return resource_type, parse_qsl(query, keep_blank_values=True)


def _triggers(value: str, topic: Topic) -> frozenset[str]:
    chosen = frozenset(value.split(","))
    if not chosen <= topic.triggers:
        known = ", ".join(sorted(topic.triggers))
        raise refused("A trigger is not one of the topic's.", "criteria.extension", f"Choose from {known}.")
    return chosen


def _extensions(element: Any, url: str) -> Iterator[Any]:
    """The values of the extensions with this URL."""
    listed = element.get("extension") if isinstance(element, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("url") == url:
            yield next((value for name, value in one.items() if name.startswith("value")), None)


def _payload(channel: Mapping[str, Any], *, by_topic: bool) -> tuple[str, str]:
    payload = channel.get("payload")
    content = list(_extensions(channel.get("_payload"), backport.PAYLOAD_CONTENT))
    if payload is None and not by_topic and not content:
        # R4: without a payload only the fact is told.
        return PAYLOADS[0], "empty"
    if payload not in PAYLOADS:
        raise refused("The payload is not FHIR.", "channel.payload", f"Use {PAYLOADS[0]} or {PAYLOADS[2]}.")
    if not content and not by_topic:
        return str(payload), "id-only"
    if len(content) != 1 or content[0] not in backport.CONTENTS:
        raise refused(
            "The payload does not say how much content it wants, once.",
            "channel.payload.extension",
            f"Add the extension backport-payload-content with one of: {', '.join(backport.CONTENTS)}.",
        )
    return str(payload), str(content[0])


def _headers(channel: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = channel.get("header") or []
    found = []
    for line in listed if isinstance(listed, list) else [None]:
        match = _HEADER.fullmatch(line, timeout=1) if isinstance(line, str) else None
        if match is None or match[1].lower() in _OWN_HEADERS:
            raise refused(
                "A header can not be sent.",
                "channel.header",
                "Write Name: value, and none of the transport's.",
            )
        found.append((match[1], match[2]))
    return tuple(found)


def _number(channel: Mapping[str, Any], url: str, default: int, least: int, most: int) -> int:
    values = list(_extensions(channel, url))
    if not values:
        return default
    name = url.rpartition("/")[2]
    # A heartbeat or timeout of 0 is the same as none.
    if len(values) == 1 and values[0] == 0 and url != backport.MAX_COUNT and values[0] is not False:
        return default
    if len(values) > 1 or not isinstance(values[0], int) or isinstance(values[0], bool):
        raise refused(f"{name} is not one whole number.", "channel.extension", "Give it once.")
    if not least <= values[0] <= most:
        raise refused(
            f"{name} is out of bounds.", "channel.extension", f"Give a number from {least} to {most}."
        )
    return values[0]
