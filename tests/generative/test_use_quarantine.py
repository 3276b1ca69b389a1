"""The engines of the quarantine agree, and no record of an import is ever lost: stored + set aside = read."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.policy.actor import MemberId
from mihub.database.embedded import Embedded
from mihub.database.pool import Pool, open_pool
from mihub.errors import MihubError
from mihub.site.ingest.importer import Importer
from mihub.site.ingest.refusing import Intake
from mihub.site.quarantine.door import Door, Verdict
from mihub.site.quarantine.levels import levels_of
from mihub.site.quarantine.memory import MemoryQuarantine
from mihub.site.quarantine.postgres import PostgresQuarantine
from mihub.site.quarantine.postgres_counts import PostgresCounts
from mihub.site.quarantine.protocol import STATES, Asked, Quarantine, Refused, Trouble
from mihub.site.quarantine.tally import MemoryCounts, Tally
from mihub.site.store.protocol import Written
from mihub.site.validate.finding import Finding
from tests.ingest_memory import MemoryRecord
from tests.store_record import postgres  # noqa: F401  # fixture
from tests.strict_validator import StrictValidator, observation, patient

_TABLES = "quarantine, quarantine_key, conformance_day, finding_day"


@pytest.fixture(scope="module")
def pool(postgres: Embedded) -> Iterator[Pool]:
    opened = open_pool(postgres.url("use_quarantine"), max_size=2)
    PostgresQuarantine(opened)
    yield opened
    opened.close()


findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(["error", "warning"]),
        st.just("structure"),
        st.sampled_from(["Patient.name", "Patient.name[1].family"]),
        st.sampled_from(["a", "b:c"]),
        st.sampled_from(["", "http://p"]),
        st.dictionaries(st.sampled_from(["min", "max"]), st.sampled_from(["1", 'ä"']), max_size=1),
    ),
    max_size=2,
).map(tuple)
refusals = st.builds(
    Refused,
    st.sampled_from(["resource", "bundle"]),
    st.sampled_from(["api", "fhir-import"]),
    st.sampled_from([b"a", b"b\x00", None]),
    st.integers(0, 2),
    st.sampled_from(["", "Patient"]),
    st.sampled_from(["", "p1"]),
    st.sampled_from(["", "f.json"]),
    st.none() | st.integers(1, 2),
    st.none(),
    st.just("who"),
    findings,
    st.lists(
        st.builds(Trouble, st.just("odd"), st.sampled_from(["rule", "b:c"]), st.just("next")), max_size=1
    ).map(tuple),
    st.lists(st.sampled_from(["Patient/p1", "Patient/p2"]), unique=True, max_size=2).map(tuple),
)
items = st.integers(1, 4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.lists(refusals, max_size=3)),
        st.tuples(st.just("repair"), items, st.sampled_from([b"x", b"y"]), findings, st.just("me")),
        st.tuples(st.just("retried"), items, st.booleans(), findings),
        st.tuples(st.just("discard"), items, st.just("me"), st.just("why")),
        st.tuples(
            st.just("accepted"),
            st.lists(st.sampled_from(["Patient/p1", "Patient/p2", "Patient/p3"]), max_size=2),
        ),
    ),
    max_size=8,
)


def _done(quarantine: Quarantine, step: tuple[Any, ...]) -> object:
    name, *given_ = step
    try:
        if name == "retried":
            item, stored, found = given_
            return quarantine.retried(item, "me", stored=stored, findings=found)
        return getattr(quarantine, name)(*given_)
    except MihubError as error:
        return type(error).__name__, error.what


def _seen(quarantine: Quarantine) -> object:
    found = quarantine.find(Asked(STATES, limit=0))
    bodies = [(quarantine.body(one.id), quarantine.body(one.id, as_it_came=True)) for one in found.items]
    timeless = [
        replace(one, received_at=one.received_at.min, last_at=one.last_at.min, decided_at=None)
        for one in found.items
    ]
    filtered = [
        [one.id for one in quarantine.find(asked).items]
        for asked in (
            Asked(rule="b:c"),
            Asked(resource_type="Patient"),
            Asked(profile="http://p", source="api"),
            Asked(limit=1, offset=1),
        )
    ]
    return timeless, bodies, filtered, quarantine.overview()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_engines_agree(pool: Pool, asked: list[tuple[Any, ...]]) -> None:
    with pool.connection() as connection:
        connection.execute(f"TRUNCATE {_TABLES} RESTART IDENTITY CASCADE")
    memory, real = MemoryQuarantine(), PostgresQuarantine(pool)
    for step in asked:
        assert _done(memory, step) == _done(real, step), step
    # Numbers that a repetition has used up are skipped by the database; what counts is everything else.
    assert _unnumbered(_seen(memory)) == _unnumbered(_seen(real))


def _unnumbered(seen: Any) -> object:
    timeless, bodies, filtered, overview = seen
    order = {one.id: position for position, one in enumerate(timeless)}
    return (
        [replace(one, id=0) for one in timeless],
        bodies,
        [[order[n] for n in ids] for ids in filtered],
        overview,
    )


verdicts = st.builds(
    Verdict, st.just("warn"), st.sampled_from(["api", "fhir-import"]), st.just("Patient"), st.sampled_from(["p1", "p2"]),
    st.sampled_from([("http://p",), ("http://p", "http://q")]), findings,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(verdicts, st.booleans(), st.integers(0, 2)), max_size=12))
def test_the_counts_agree(pool: Pool, seen: list[tuple[Verdict, bool, int]]) -> None:
    with pool.connection() as connection:
        connection.execute(f"TRUNCATE {_TABLES}")
    day = [0]
    tallies = [
        Tally(counts, now=lambda: day[0] * 86_400.0) for counts in (MemoryCounts(), PostgresCounts(pool))
    ]
    for verdict, stored, number in seen:
        day[0] = number
        for tally in tallies:
            if stored:
                tally.stored(verdict, Written("Patient", verdict.resource_id, 1, "created"))
            else:
                tally.refused(verdict)
    for since in (date(1970, 1, 1), date(1970, 1, 2)):
        memory, real = (tally.groups(since) for tally in tallies)
        assert memory == real
        assert tallies[0].spots(since) == tallies[1].spots(since)
    checked = sum(one.checked for one in tallies[0].groups(date(1970, 1, 1)).values())
    assert checked == sum(len(verdict.profiles) for verdict, _, _ in seen)


good_or_bad = st.lists(
    st.one_of(
        st.tuples(st.just("line"), st.integers(1, 9), st.booleans()),
        st.tuples(st.just("patient"), st.integers(1, 3), st.booleans()),
        st.tuples(
            st.just("broken"),
            st.sampled_from(
                [b"{", b'{"resourceType":"Nonsense"}', b"[]", b'{"resourceType":"Patient","id":"%"}']
            ),
        ),
        st.tuples(
            st.just("batch"), st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=3)
        ),
        st.tuples(
            st.just("transaction"),
            st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
        ),
    ),
    max_size=12,
)


def _line(one: tuple[Any, ...]) -> bytes:
    if one[0] == "broken":
        return bytes(one[1])
    if one[0] in ("line", "patient"):
        made = observation(one[1], good=one[2]) if one[0] == "line" else patient(one[1], good=one[2])
        return orjson.dumps(made)
    entry = [{"resource": observation(number, good=good)} for number, good in one[1]]
    return orjson.dumps({"resourceType": "Bundle", "type": one[0], "entry": entry})


@settings(max_examples=60, deadline=None)
@given(good_or_bad, st.sampled_from(["reject", "warn", "off", "warn, Patient=reject"]))
def test_stored_and_set_aside_is_all_that_was_read(rows: list[tuple[Any, ...]], level: str) -> None:
    record, quarantine, counts = MemoryRecord(), MemoryQuarantine(), MemoryCounts()
    door = Door(StrictValidator(), levels_of(level))
    importer = Importer(record, MemberId("m"), intake=Intake(door, quarantine, Tally(counts)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.ndjson"
        # A whole object in the first line says that there is one in each.
        first = orjson.dumps(patient(0))
        path.write_bytes(b"\n".join([first, *(_line(one) for one in rows)]) + b"\n")
        report = importer.run([path])
    read = sum(len(one[1]) if one[0] in ("batch", "transaction") else 1 for one in rows)
    assert report.read == read + 1
    kept = quarantine.find(Asked(STATES, limit=0)).items
    units = sum(_units(quarantine, one.id) * one.times for one in kept)
    assert report.rejected == units
    if level == "reject":
        assert all("status" in one for (kind, _), one in record.resources.items() if kind == "Observation")
        # A corrected text for each: nothing stays behind, whatever it was.
        for one in kept:
            body = quarantine.body(one.id) or b""
            quarantine.repair(one.id, body.replace(b'"code":{', b'"status":"final","code":{'), (), "me")


def _units(quarantine: Quarantine, item_id: int) -> int:
    """How many records of the account one item stands for."""
    body = (
        orjson.loads(quarantine.body(item_id) or b"null")
        if quarantine.read(item_id).refused.kind == "bundle"
        else None
    )
    return len(body["entry"]) if isinstance(body, dict) else 1
