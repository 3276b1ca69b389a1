"""The two engines of the record agree: on what a sequence of writes does, and on the answer to every question.

Hypothesis makes the requests; the store in memory is the reference for the one on PostgreSQL.
"""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.fhir.dates import zone
from mihub.core.policy.catalogue import DIRECTORY, RECORD
from mihub.core.policy.restriction import EVERYTHING, NOTHING, Restriction, withheld
from mihub.database.embedded import Embedded
from mihub.database.pool import Pool, open_pool
from mihub.errors import MihubError, TooLarge
from mihub.site.search import protocol
from mihub.site.search.catalogue import catalogue
from mihub.site.search.extract import indexer
from mihub.site.search.memory import MemorySearch
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.search.postgres import PostgresSearch
from mihub.site.store.labels import NAMES
from mihub.site.store.memory import MemoryStore
from mihub.site.store.postgres import PostgresStore
from mihub.site.store.protocol import AuditQuery, Delete, HistoryQuery, Put, Store
from mihub.site.store.rows import NO_ROWS
from tests.store_record import access, postgres, transport_id  # noqa: F401  # fixture

ZONE = zone("Europe/Berlin")
INDEX = indexer(catalogue(), ZONE, transport_id)
PARSER = Parser(catalogue(), ZONE, PageLimits(50, 1000))
WHO = access()
SYSTEMS = ["https://a", "https://b", ""]
_TABLES = "resource superseded compartment index_part index_token index_text index_date index_quantity index_link withheld audit"

small = st.integers(0, 3).map(str)
codes = st.builds(
    lambda system, code: {"coding": [{"system": system, "code": code} if system else {"code": code}]},
    st.sampled_from(SYSTEMS),
    st.sampled_from(["x", "y", "Z|,"]),
)
dates = st.sampled_from(
    ["2020", "2020-02", "2020-02-29", "2020-02-29T23:30:00+01:00", "2020-03-01T00:00:00Z", "2019-12-31"]
)
names = st.sampled_from(["Müller", "MULLER", "von der Heide", "O'Neill %", "mu_l"])


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner is not None}


patients = st.builds(
    lambda number, family, given_name, birth, gender: _without_none(
        {
            "resourceType": "Patient",
            "id": f"p{number}",
            "name": [{"family": family, "given": [given_name]}] if family else None,
            "birthDate": birth,
            "gender": gender,
            "identifier": [{"system": "https://a", "value": number}],
        }
    ),
    small, st.none() | names, names, st.none() | st.sampled_from(["1958", "1958-03-04"]), st.sampled_from(["male", "female"]),
)  # fmt: skip
observations = st.builds(
    lambda number, code, date, value, subject, member, status: _without_none(
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": status,
            "code": code,
            "effectiveDateTime": date if isinstance(date, str) else None,
            "effectivePeriod": date if isinstance(date, dict) else None,
            "valueQuantity": None if value is None else {"value": value, "unit": "mg", "system": "https://u", "code": "mg"},
            "subject": subject,
            "hasMember": member,
        }
    ),
    small,
    codes,
    st.none() | dates | st.builds(lambda a, b: _without_none({"start": a, "end": b}), st.none() | dates, st.none() | dates),
    st.none() | st.sampled_from([1, 5.4, 5.40001, -2]),
    st.none()
    | small.map(lambda n: {"reference": f"Patient/p{n}"})
    | st.just({"identifier": {"system": "https://a", "value": "1"}}),
    st.none() | st.lists(small.map(lambda n: {"reference": f"Observation/o{n}"}), max_size=2),
    st.sampled_from(["final", "amended"]),
)  # fmt: skip
tasks = st.builds(
    lambda number, owner, for_: {
        "resourceType": "Task", "id": f"t{number}", "status": "requested", "intent": "order",
        "owner": {"identifier": {"system": "https://m", "value": owner}}, "for": {"reference": f"Patient/p{for_}"},
    },
    small, small, small,
)  # fmt: skip
practitioners = st.builds(
    lambda number, family: {"resourceType": "Practitioner", "id": f"d{number}", "name": [{"family": family}]},
    small, names,
)  # fmt: skip
communications = st.builds(
    lambda number, subject, sender: {
        "resourceType": "Communication", "id": f"m{number}", "status": "completed",
        "subject": {"reference": f"Patient/p{subject}"}, "sender": {"reference": f"Patient/p{sender}"},
    },
    small, small, small,
)  # fmt: skip
labels = st.sampled_from(
    [None, None, None, [{"code": "NOPAT"}], [{"code": "R"}, {"system": "https://a", "code": "NOPAT"}]]
)
resources = st.builds(
    lambda resource, security: resource | ({"meta": {"security": security}} if security else {}),
    st.one_of(patients, observations, observations, tasks, practitioners, communications),
    labels,
)
versions = st.none() | st.integers(1, 3)
entries = st.one_of(
    st.builds(Put, resources, versions, st.booleans()),
    st.builds(Put, resources),
    st.builds(lambda kind, number, if_match: Delete(kind[0], f"{kind[1]}{number}", if_match),
              st.sampled_from([("Patient", "p"), ("Observation", "o")]), small, versions),
)  # fmt: skip
restrictions = st.one_of(
    st.just(EVERYTHING),
    st.just(NOTHING),
    st.builds(lambda n, sees: Restriction(DIRECTORY, RECORD, f"p{n}", sees), small, st.booleans()),
    st.just(Restriction(frozenset(), RECORD, None)),
)
writes = st.lists(st.tuples(st.lists(entries, min_size=1, max_size=12), restrictions), max_size=6)

prefixes = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
dated = st.builds(str.__add__, prefixes, dates)
tokens = st.sampled_from(
    ["x", "y,x", "https://a|x", "|x", "https://b|", r"Z\|\,", "https://a|x,https://b|y,y"]
)
numbers = st.builds(
    str.__add__, prefixes, st.sampled_from(["5", "5.4", "5.40", "1|https://u|mg", "5.4||mg", "-2"])
)
texts = st.sampled_from(["mül", "MULLER", "o'neill %", "%", "mu_", "heide", "von der", "Müller"])
targets = st.sampled_from(
    ["p1", "Patient/p1", "Patient/p1,Patient/p2", "Observation/o1", "https://elsewhere/1"]
)
flags = st.sampled_from(["true", "false"])


def _named(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


questions = {
    "Observation": st.one_of(
        st.tuples(_named("code", "code:not", "status", "status:not"), tokens),
        st.tuples(_named("date", "subject:Patient.birthdate", "_lastUpdated"), dated),
        st.tuples(_named("value-quantity"), numbers),
        st.tuples(_named("subject", "patient", "has-member", "subject:Patient", "has-member:Observation"), targets),
        st.tuples(_named("code:missing", "date:missing", "value-quantity:missing", "subject:missing"), flags),
        st.tuples(_named("patient.name", "subject.family", "subject.name:exact"), texts),
        st.tuples(_named("subject:identifier", "subject.identifier"), st.just("https://a|1")),
        st.tuples(_named("has-member.code", "has-member:Observation.status"), tokens),
        st.tuples(_named("_id"), st.just("o1,o2,p1")),
        st.tuples(_named("_include"), _named("Observation:subject", "Observation:has-member", "Observation:subject:Patient")),
        st.tuples(_named("_revinclude"), _named("Observation:has-member")),
    ),
    "Patient": st.one_of(
        st.tuples(_named("name", "family", "given", "name:exact", "name:contains", "family:contains"), texts),
        st.tuples(_named("birthdate"), dated),
        st.tuples(_named("birthdate:missing", "name:missing"), flags),
        st.tuples(_named("identifier"), _named("https://a|1", "1", "https://mihub.example/sid/transport-id|f7031")),
        st.tuples(_named("_has:Observation:patient:code", "_has:Observation:patient:code:not"), tokens),
        st.tuples(_named("_has:Task:patient:owner:identifier"), st.just("https://m|1")),
        st.tuples(_named("_revinclude"), _named("Observation:patient", "Task:patient")),
    ),
    "Task": st.tuples(_named("owner:identifier", "patient.gender"), _named("https://m|1", "male")),
}  # fmt: skip
sorts = {
    "Observation": _named("", "date", "-date", "-code,date", "value-quantity,-_id", "status,-date,code", "-_lastUpdated"),
    "Patient": _named("", "family", "-birthdate,family", "_id"),
    "Task": _named("", "-_id"),
}  # fmt: skip


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]], int]:
    kind = draw(st.sampled_from(sorted(questions)))
    parameters = draw(st.lists(questions[kind], max_size=3))
    order = draw(sorts[kind])
    return kind, [*parameters, *([("_sort", order)] if order else [])], draw(st.integers(1, 4))


@pytest.fixture(scope="module")
def pool(postgres: Embedded) -> Any:
    opened = open_pool(postgres.url("engines"))
    PostgresStore(opened, INDEX)
    yield opened
    opened.close()


def _engines(pool: Pool) -> tuple[MemoryStore, PostgresStore]:
    with pool.connection() as connection, connection.transaction():
        for table in _TABLES.split():
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE record_state SET position = 0, resources = 0")
    return MemoryStore(INDEX), PostgresStore(pool, INDEX)


def _write(store: Store, batch: list[Put | Delete], within: Restriction) -> object:
    try:
        written = store.write(batch, WHO, within)
    except MihubError as error:
        return type(error), str(error)
    return [(one.resource_type, one.id, one.version_id, one.effect, _told(one.version)) for one in written]


def _told(version: Any) -> object:
    """A version without its time, which differs."""
    if version is None:
        return None
    body = orjson.loads(version.body) if version.body else None
    if body:
        del body["meta"]["lastUpdated"]
    return version.resource_type, version.id, version.version_id, version.position, body


def _audit(store: Store, within: Restriction) -> list[object]:
    return [
        (e.action, e.interaction, e.resource_type, e.resource_id, e.patient, e.count, e.outcome, e.parameters)
        for e in store.audit(AuditQuery(limit=1000), WHO, within)
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=writes, within=restrictions)
def test_writes_do_the_same_and_are_told_the_same(
    pool: Pool, batches: list[Any], within: Restriction
) -> None:
    memory, product = _engines(pool)
    for batch, limit in batches:
        assert _write(memory, batch, limit) == _write(product, batch, limit)
    assert memory.position() == product.position()
    assert memory.counts() == product.counts()
    everything = memory.changes(0, 1000)
    assert [_told(v) for v in everything] == [_told(v) for v in product.changes(0, 1000)]
    assert [_told(v) for v in memory.changes(2, 3)] == [_told(v) for v in product.changes(2, 3)]
    for kind, key in [*sorted({(v.resource_type, v.id) for v in everything}), ("Patient", "none")]:
        assert _told(memory.read(kind, key, WHO, within)) == _told(product.read(kind, key, WHO, within))
        assert _told(memory.vread(kind, key, 1, WHO, within)) == _told(
            product.vread(kind, key, 1, WHO, within)
        )
        old = [_told(v) for v in memory.history(kind, key, WHO, within)]
        assert old == [_told(v) for v in product.history(kind, key, WHO, within)]
    for kind in ("", "Patient", "Observation"):
        known = [
            catalogue().of(one)[name] for one in ([kind] if kind else ["Patient", "Task"]) for name in NAMES
        ]
        numbers = {index: one.name for one in known for index in one.indexes}
        assert memory.labels(kind, numbers, WHO, within) == product.labels(kind, numbers, WHO, within)
    assert _audit(memory, within) == _audit(product, within)


_asked_history = st.builds(
    lambda key, count: HistoryQuery(*key, count=count, names="_count"),
    st.sampled_from([("", ""), ("Patient", ""), ("Observation", ""), ("Task", ""), ("Patient", "p1"), ("Observation", "o1")]),
    st.sampled_from([0, 1, 2, 3, 50]),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batches=writes, query=_asked_history, cut=st.integers(0, 5), end=st.integers(0, 5), within=restrictions
)
def test_histories_are_the_same_page_by_page(
    pool: Pool, batches: list[Any], query: HistoryQuery, cut: int, end: int, within: Restriction
) -> None:
    stores = _engines(pool)
    answers = []
    for store in stores:
        marks = [datetime.now(UTC)]
        for batch, _ in batches:
            _write(store, batch, EVERYTHING)
            time.sleep(0.002)  # the times of two batches differ
            marks.append(datetime.now(UTC))
        marks = [mark.replace(microsecond=mark.microsecond // 1000 * 1000) for mark in marks]
        since = marks[cut] if cut < len(marks) else None
        span = (marks[end], marks[end + 1]) if end + 1 < len(marks) else None
        answers.append(
            [
                _history(store, one, within)
                for one in (query, replace(query, since=since), replace(query, current_in=span))
            ]
        )
    assert answers[0] == answers[1]
    assert _audit(stores[0], EVERYTHING) == _audit(stores[1], EVERYTHING)
    if query.count and within == EVERYTHING and not query.resource_id:
        pages = answers[1][0]
        log = [v for v in stores[1].changes(0, 1000) if query.resource_type in ("", v.resource_type)]
        assert [told for page in pages for told, _ in page[0]] == [_told(v) for v in reversed(log)]
        assert {page[1] for page in pages} == {len(log)}


def _history(store: Store, query: HistoryQuery, within: Restriction) -> list[Any]:
    pages, following = [], True
    while following:
        page = store.history_page(query, WHO, within)
        pages.append(([(_told(one.version), one.made) for one in page.versions], page.total, page.there))
        following, query = page.before is not None, replace(query, before=page.before)
    return pages


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=writes, ask=st.lists(asked(), min_size=1, max_size=6), within=restrictions)
def test_questions_have_the_same_answer(
    pool: Pool, batches: list[Any], ask: list[Any], within: Restriction
) -> None:
    memory, product = _engines(pool)
    for batch, _ in batches:
        _write(memory, batch, EVERYTHING)
        _write(product, batch, EVERYTHING)
    for kind, parameters, count in ask:
        # Resources of one batch have one time in both engines, but not the same; "_lastUpdated" sorts alike all the same.
        expected = _pages(MemorySearch(memory), kind, parameters, count, within)
        assert _pages(PostgresSearch(pool), kind, parameters, count, within) == expected, (kind, parameters)
        whole = _pages(MemorySearch(memory), kind, parameters, 1000, within)
        assert _pages(PostgresSearch(pool), kind, parameters, 1000, within) == whole
        assert [key for page in expected for key in page[0]] == whole[0][0], "pages together are the whole"
        assert {total for _, _, total in expected} == {len(whole[0][0])}
    assert _audit(memory, EVERYTHING) == _audit(product, EVERYTHING)


def _pages(search: Any, kind: str, parameters: list[Any], count: int, within: Restriction) -> list[Any]:
    question = PARSER.parse(kind, [*parameters, ("_count", str(count))])
    pages, after = [], ()
    while after is not None:
        page = search.find(replace(question, after=after or None), WHO, within)
        pages.append(
            ([v.id for v in page.matches], [(v.resource_type, v.id) for v in page.included], page.total)
        )
        after = page.after
    return pages


@settings(max_examples=100, deadline=None)
@given(batches=writes, ask=asked(), number=small)
def test_a_restriction_never_shows_more(batches: list[Any], ask: Any, number: str) -> None:
    store = MemoryStore(INDEX)
    for batch, _ in batches:
        _write(store, batch, EVERYTHING)
    kind, parameters, _ = ask
    mine = Restriction(DIRECTORY, RECORD, f"p{number}")
    conditions = [p for p in parameters if p[0] not in ("_include", "_revinclude") and ":not" not in p[0]]
    free = MemorySearch(store).ids(PARSER.parse(kind, conditions))
    limited = MemorySearch(store).ids(PARSER.parse(kind, conditions), mine)
    assert set(limited) <= set(free)
    for key in limited:
        assert f"p{number}" in store.records[(kind, key)].rows.patients


@settings(max_examples=100, deadline=None)
@given(batches=writes, ask=asked(), number=small)
def test_what_is_withheld_reaches_no_patient(batches: list[Any], ask: Any, number: str) -> None:
    store = MemoryStore(INDEX)
    mine = Restriction(DIRECTORY, RECORD, f"p{number}", sees_withheld=False)
    for batch, _ in batches:
        _write(store, batch, EVERYTHING)
    kind, parameters, _ = ask
    page = MemorySearch(store).find(PARSER.parse(kind, parameters), WHO, mine)
    for version in [*page.matches, *page.included]:
        assert not withheld(orjson.loads(version.body or b"{}"))
    for key in store.records:
        versions = [
            store.read(*key, WHO, mine),
            store.vread(*key, 1, WHO, mine),
            *store.history(*key, WHO, mine),
        ]
        assert not any(withheld(orjson.loads(one.body)) for one in versions if one and one.body)
        if store.records[key].rows.withheld:
            assert not any(versions), "not even an older version, while the current one is withheld"


@settings(max_examples=60, deadline=None)
@given(batches=writes, batch=st.lists(entries, max_size=6), number=small)
def test_a_limited_writer_touches_nobody_else(batches: list[Any], batch: list[Any], number: str) -> None:
    store = MemoryStore(INDEX)
    for one, _ in batches:
        _write(store, one, EVERYTHING)
    before = {key: (len(record.versions), record.rows) for key, record in store.records.items()}
    _write(store, batch, Restriction(patient_types=RECORD, patient_id=f"p{number}", sees_withheld=False))
    for key, record in store.records.items():
        versions, rows = before.get(key, (0, NO_ROWS))
        if len(record.versions) > versions:
            assert {*rows.patients, *record.rows.patients} == {f"p{number}"}
            assert not rows.withheld


def test_neither_engine_brings_along_more_than_it_can_read(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = _engines(pool)
    monkeypatch.setattr(protocol, "MOST_INCLUDED", 3)
    subject = {"subject": {"reference": "Patient/p1"}}
    lot: list[Put | Delete] = [
        Put({"resourceType": "Observation", "id": f"o{number}", **subject}) for number in range(4)
    ]
    for store, search in zip(stores, (MemorySearch(stores[0]), PostgresSearch(pool)), strict=True):
        store.write([Put({"resourceType": "Patient", "id": "p1"}), *lot[:3]], WHO)
        question = PARSER.parse("Patient", [("_revinclude", "Observation:patient")])
        assert len(search.find(question, WHO).included) == 3
        store.write(lot[3:], WHO)
        with pytest.raises(TooLarge, match="bring along more than 3 other resources"):
            search.find(question, WHO)
