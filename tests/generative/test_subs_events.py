"""Random writes, filters and moments of following: each subscription has exactly the events of a model written for the test.

The model knows nothing of the search: its filters are Python predicates beside the written parameter.
"""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.policy.actor import Purpose, Role
from mihub.database.embedded import Embedded
from mihub.site.api.app import create_app
from mihub.site.site import Site
from mihub.site.store.protocol import Delete, Put
from mihub.site.subscriptions.follower import Follower
from tests.store_record import access, open_site, postgres  # noqa: F401  # fixtures
from tests.subscriber import subscription

Json = dict[str, Any]
Predicate = Callable[[Json], bool]
_PATIENT = access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="p1")
_numbers = itertools.count(1)
_GENDERS = {"p1": "male", "p2": "female"}


def _code(resource: Json) -> str:
    return str(resource["code"]["coding"][0]["code"])


def _subject(resource: Json) -> str:
    return str(resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")


def _value(resource: Json) -> float | None:
    found = resource.get("valueQuantity")
    return None if found is None else float(found["value"])


FILTERS: list[tuple[str, Predicate]] = [
    ("status=final", lambda r: r["status"] == "final"),
    ("status:not=final", lambda r: r["status"] != "final"),
    ("status=final,amended", lambda r: r["status"] in ("final", "amended")),
    ("code=http://c|a", lambda r: _code(r) == "a"),
    ("code=a&status=final", lambda r: _code(r) == "a" and r["status"] == "final"),
    ("subject=Patient/p1", lambda r: _subject(r) == "p1"),
    ("patient=p2", lambda r: _subject(r) == "p2"),
    ("subject:missing=true", lambda r: not _subject(r)),
    ("subject:Patient.gender=male", lambda r: _GENDERS.get(_subject(r)) == "male"),
    ("value-quantity=gt5", lambda r: (_value(r) or 0) > 5),
    ("value-quantity=le5", lambda r: _value(r) is not None and float(_value(r) or 0) <= 5),
    ("_id=o1,o2", lambda r: r["id"] in ("o1", "o2")),
    ("date=ge2020-06", lambda r: r.get("effectiveDateTime", "") >= "2020-06"),
]

ids = st.sampled_from(["o1", "o2", "o3"])
observations = st.builds(
    lambda name, status, code, subject, value, date: {
        "resourceType": "Observation", "id": name, "status": status,
        "code": {"coding": [{"system": "http://c", "code": code}]},
        **({"subject": {"reference": f"Patient/{subject}"}} if subject else {}),
        **({} if value is None else {"valueQuantity": {"value": value}}),
        **({"effectiveDateTime": date} if date else {}),
    },
    ids, st.sampled_from(["final", "amended", "preliminary"]), st.sampled_from(["a", "b"]),
    st.sampled_from(["p1", "p2", ""]), st.sampled_from([None, 1, 5, 9]), st.sampled_from(["", "2020-01-01", "2020-12-31"]),
)  # fmt: skip
TRIGGERS = ("create", "update", "leave", "delete")


@dataclass
class Asked:
    """A subscription as the test asks for it, and what the model says that it is told."""

    filters: tuple[int, ...]
    triggers: frozenset[str] | None
    by_patient: bool
    legacy: bool
    events: list[tuple[int, str, int, str]] = field(default_factory=list)

    def meets(self, resource: Json | None) -> bool:
        if resource is None or (self.by_patient and _subject(resource) != "p1"):
            return False
        return all(FILTERS[number][1](resource) for number in self.filters)

    def sees(self, resource: Json | None) -> bool:
        return resource is not None and (not self.by_patient or _subject(resource) == "p1")

    def effect(self, before: Json | None, after: Json | None) -> str | None:
        was, is_ = self.meets(before), self.meets(after)
        if after is None:
            found = "delete" if was else None
        elif is_:
            found = "create" if before is None else "update"
        else:
            found = "leave" if was and self.sees(after) else None
        allowed = self.triggers or frozenset(TRIGGERS)
        if self.legacy:
            allowed = frozenset({"create", "update"})
        return found if found in allowed else None

    def resource(self, name: str) -> Json:
        texts = [FILTERS[number][0] for number in self.filters]
        if self.legacy:
            made = subscription(name, channel="websocket")
            made["criteria"] = f"Observation?{'&'.join(texts)}" if texts else "Observation"
            return made
        filters = tuple(f"Observation?{text}" for text in texts)
        if self.triggers:
            filters += (f"Observation?trigger={','.join(sorted(self.triggers))}",)
        return subscription(name, channel="websocket", filters=filters)


asked = st.builds(
    lambda filters, triggers, by_patient, legacy: Asked(tuple(filters), triggers, by_patient, legacy),
    st.lists(st.integers(0, len(FILTERS) - 1), max_size=2, unique=True),
    st.none() | st.frozensets(st.sampled_from(TRIGGERS), min_size=1),
    st.booleans(),
    st.booleans(),
)
# None: follow now.
steps = st.lists(
    st.one_of(asked, st.lists(observations | ids, min_size=1, max_size=4), st.none()), min_size=4, max_size=25
)


@pytest.fixture(scope="module")
def site(postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path_factory.mktemp("events"))
    create_app(opened)
    people = [{"resourceType": "Patient", "id": name, "gender": gender} for name, gender in _GENDERS.items()]
    opened.store.write([Put(one) for one in people], access())
    yield opened
    opened.close()


def _follow(follower: Follower) -> None:
    while follower.step():
        pass


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_every_subscription_has_exactly_its_events(site: Site, steps: list[Any]) -> None:
    room = site.subscriptions
    assert room is not None
    follower = room.dispatcher(httpx.AsyncClient()).follower
    record: dict[str, tuple[int, Json | None]] = {}
    subscribed: dict[str, Asked] = {}
    prefix = f"g{next(_numbers)}"
    try:
        for step in steps:
            if step is None:
                _follow(follower)
            elif isinstance(step, Asked):
                name = f"{prefix}-{len(subscribed)}"
                step.events.clear()
                subscribed[name] = Asked(step.filters, step.triggers, step.by_patient, step.legacy)
                site.store.write([Put(step.resource(name))], _PATIENT if step.by_patient else access())
            else:
                _write(site, prefix, step, record, subscribed)
        _follow(follower)
        for name, one in subscribed.items():
            found = [(e.number, e.id, e.version_id, e.effect) for e in room.events(name, 1, 999, 999)]
            assert found == one.events, (name, one)
    finally:
        # The next round starts with nobody who listens.
        site.store.write([Delete("Subscription", name) for name in subscribed], access())
        site.store.write([Delete("Observation", name) for name in ("o1", "o2", "o3")], access())
        _follow(follower)
    assert room.outbox.all() == []


def _write(
    site: Site,
    prefix: str,
    batch: list[Any],
    record: dict[str, tuple[int, Json | None]],
    subscribed: dict[str, Asked],
) -> None:
    entries = [Delete("Observation", one) if isinstance(one, str) else Put(one) for one in batch]
    written = site.store.write(entries, access())
    for entry, done in zip(entries, written, strict=True):
        before = record.get(done.id, (0, None))[1]
        after = entry.resource if isinstance(entry, Put) else None
        if before == after:
            assert done.effect == "unchanged"
            continue
        assert done.effect != "unchanged"
        record[done.id] = (done.version_id, after)
        for one in subscribed.values():
            effect = one.effect(before, after)
            if effect is not None:
                one.events.append((len(one.events) + 1, done.id, done.version_id, effect))
