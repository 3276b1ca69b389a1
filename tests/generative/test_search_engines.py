"""Both engines of search answer every question alike: composites, units, chains and reverse chains nested at random,
what comes along step after step, compartments, several types; page by page. Hypothesis makes record and questions."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.fhir.dates import zone
from mihub.core.policy.catalogue import DIRECTORY, RECORD
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.database.embedded import Embedded
from mihub.database.pool import Pool, open_pool
from mihub.site.search.catalogue import catalogue
from mihub.site.search.extract import indexer
from mihub.site.search.memory import MemorySearch
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.search.postgres import PostgresSearch
from mihub.site.store.memory import MemoryStore
from mihub.site.store.postgres import PostgresStore
from mihub.site.store.protocol import Put
from tests.store_record import access, postgres  # noqa: F401  # fixture

ZONE = zone("Europe/Berlin")
INDEX = indexer(catalogue(), ZONE)
UCUM = "http://unitsofmeasure.org"
SYSTEM = "https://a"
WHO = access()
_TABLES = (
    "resource superseded compartment index_part index_token index_text index_date index_quantity index_link"
    " withheld audit"
)


class _Codes:
    """Codes x above y, and a value set of both."""

    def members(self, value_set: str) -> frozenset[tuple[str, str]]:
        return frozenset({(SYSTEM, "x"), (SYSTEM, "y")} if value_set == "https://v" else ())

    def below(self, system: str, code: str) -> frozenset[tuple[str, str]]:
        return frozenset({(system, code), *([(SYSTEM, "y")] if code == "x" else [])})

    def above(self, system: str, code: str) -> frozenset[tuple[str, str]]:
        return frozenset({(system, code), *([(SYSTEM, "x")] if code == "y" else [])})


PARSER = Parser(catalogue(), ZONE, PageLimits(50, 1000), _Codes)

few = st.integers(0, 2).map(str)
code = st.builds(
    lambda word, display, text: {"coding": [{"system": SYSTEM, "code": word, **display}], **text},
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from([{}, {"display": "Blood pressure"}, {"display": "100% Blöd"}]),
    st.sampled_from([{}, {"text": "blood"}, {"text": "Pressure_"}]),
)
amount = st.builds(
    lambda value, unit: {"value": value, **unit},
    st.sampled_from([0, 1, 1.0, 100, 0.1, 1000, 37, 310.15, 1e6]),
    st.sampled_from(
        [
            *({"system": UCUM, "code": unit} for unit in ("g", "mg", "kg", "Cel", "K", "[pH]", "nonsense", "1", "%")),
            {"system": "https://u", "code": "g"}, {"unit": "g"}, {},
        ]
    ),
)  # fmt: skip
value = st.one_of(
    st.builds(lambda one: {"valueQuantity": one}, amount),
    st.builds(lambda one: {"valueCodeableConcept": one}, code),
    st.builds(lambda one: {"valueString": one}, st.sampled_from(["Müller", "mu_l%", "$,|"])),
    st.builds(lambda one: {"valueDateTime": one}, st.sampled_from(["2020", "2020-02-29", "2020-02-29T23:30:00+01:00"])),
    st.just({}),
)  # fmt: skip


def _link(kind: str, number: str) -> dict[str, str]:
    return {"reference": f"{kind}/{kind[0].lower()}{number}"}


observation = st.builds(
    lambda number, one, result, parts, subject, members: {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "code": one, **result,
        "component": [{"code": each, **inner} for each, inner in parts], "subject": _link("Patient", subject),
        "hasMember": [_link("Observation", member) for member in members],
    },
    few, code, value, st.lists(st.tuples(code, value), max_size=3), few, st.lists(few, max_size=2),
)  # fmt: skip
patient = st.builds(
    lambda number, name, organization, typed: {
        "resourceType": "Patient", "id": f"p{number}", "name": [{"family": name}],
        "managingOrganization": _link("Organization", organization),
        "identifier": [{"system": SYSTEM, "value": number, "type": typed}],
    },
    few, st.sampled_from(["Müller", "mu_l%"]), few, code,
)  # fmt: skip
organization = st.builds(
    lambda number, name, above: {
        "resourceType": "Organization", "id": f"o{number}", "name": name, "partOf": _link("Organization", above),
    },
    few, st.sampled_from(["Müller", "Haus"]), few,
)  # fmt: skip
others = st.one_of(
    st.builds(
        lambda number, item, other: {
            "resourceType": "List", "id": f"l{number}", "status": "current", "mode": "working",
            "entry": [{"item": _link("Observation", item)}, {"item": _link("Patient", other)}],
        },
        few, few, few,
    ),
    st.builds(
        lambda number, url, target, relation: {
            "resourceType": "DocumentReference", "id": f"d{number}", "status": "current",
            "meta": {"profile": [url]},
            "relatesTo": [{"code": relation, "target": _link("DocumentReference", target)}],
        },
        few, st.sampled_from(["https://p/a|1.2", "https://p/a/b", "https://p/a", "https://p/ab", "urn:a:b"]), few,
        st.sampled_from(["replaces", "appends"]),
    ),
)  # fmt: skip


def _coded(word: str) -> dict[str, Any]:
    return {"coding": [{"system": SYSTEM, "code": word, "display": "Blood pressure"}], "text": "blood"}


def _gram(amount: float, unit: str = "g") -> dict[str, Any]:
    return {"valueQuantity": {"value": amount, "system": UCUM, "code": unit}}


# Something for most questions to find; what is generated comes over it.
BASE: list[dict[str, Any]] = [
    *(
        {
            "resourceType": "Patient", "id": f"p{n}", "name": [{"family": "Müller"}],
            "managingOrganization": _link("Organization", n),
            "identifier": [{"system": SYSTEM, "value": n, "type": _coded(word)}],
        }
        for n, word in (("0", "x"), ("1", "y"), ("2", "z"))
    ),
    *(
        {"resourceType": "Organization", "id": f"o{n}", "name": "Müller", "partOf": _link("Organization", up)}
        for n, up in (("0", "1"), ("1", "2"), ("2", "0"))
    ),
    *(
        {
            "resourceType": "Observation", "id": f"o{n}", "status": "final", "code": _coded(word), "subject": _link("Patient", n),
            "component": [{"code": _coded("x"), **_gram(1)}, {"code": _coded("y"), "valueCodeableConcept": _coded("x")}],
            "hasMember": [_link("Observation", "2")], **result,
        }
        for n, word, result in (("0", "x", _gram(1)), ("1", "y", _gram(1000, "mg")), ("2", "z", {"valueString": "Müller"}))
    ),
    {"resourceType": "List", "id": "l0", "status": "current", "mode": "working",
     "entry": [{"item": _link("Observation", "0")}, {"item": _link("Patient", "1")}]},
    {"resourceType": "DocumentReference", "id": "d0", "status": "current", "meta": {"profile": ["https://p/a|1.2"]},
     "relatesTo": [{"code": "replaces", "target": _link("DocumentReference", "0")}]},
]  # fmt: skip
records = st.lists(
    st.one_of(observation, observation, patient, organization, others), min_size=3, max_size=25
)

prefix = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
number = st.builds(
    lambda sign, written, unit: f"{sign}{written}{unit}",
    prefix,
    st.sampled_from(["1", "0.1", "1.0", "1e2", "100", "37", "310.15", "1000.0"]),
    st.sampled_from(
        ["", "||g", *(f"|{UCUM}|{unit}" for unit in ("g", "mg", "kg", "Cel", "K", "[pH]", "nonsense", "%"))]
    ),
)
token = st.sampled_from(["x", "y,z", f"{SYSTEM}|x", "|x", f"{SYSTEM}|"])
text = st.sampled_from(["blood", "Müller", "mu_", "press", "100%"])


def _of(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


def _joined(name: str, inner: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(name), inner)


plain: dict[str, st.SearchStrategy[tuple[str, str]]] = {
    "Observation": st.one_of(
        st.tuples(_of("code", "code:not", "combo-code", "component-code:not"), token),
        st.tuples(_of("code:text", "combo-code:text", "value-string:contains"), text),
        st.tuples(_of("value-quantity", "combo-value-quantity", "component-value-quantity"), number),
        st.tuples(_of("code:below", "code:above", "component-code:below"), _of(f"{SYSTEM}|x", f"{SYSTEM}|y")),
        st.tuples(_of("code:in", "code:not-in"), _of("https://v", "https://none")),
        st.builds(
            lambda name, one, other, more: (name, f"{one}${other}{more}"),
            _of("code-value-quantity", "component-code-value-quantity", "combo-code-value-quantity"),
            _of("x", f"{SYSTEM}|y"), number, _of("", ",x$1", ",y$gt5||g"),
        ),
        st.builds(
            lambda name, one, other: (name, f"{one}${other}"),
            _of("code-value-concept", "component-code-value-concept", "combo-code-value-concept"), _of("x", "y"), _of("x", "z"),
        ),
        _joined("code-value-date", _of("x$ge2020-02", "y$2020")), _joined("code-value-string", _of(r"x$\$\,\|", "y$mül")),
        _joined("_list", _of("l0", "l1,l2")), st.tuples(_of("value-quantity:missing", "value-concept:missing"), _of("true")),
    ),
    "Patient": st.one_of(
        st.tuples(_of("name", "family:exact", "name:contains"), text),
        st.tuples(_of("identifier:of-type"), _of(f"{SYSTEM}|x|0", f"{SYSTEM}|y|1,{SYSTEM}|z|1")),
        st.tuples(_of("identifier:text"), text), _joined("organization", _of("o0", "Organization/o1")),
    ),
    "Organization": st.one_of(_joined("name", text), _joined("partof", _of("o0", "o1,o2"))),
    "DocumentReference": st.one_of(
        _joined("relationship", _of("replaces$d0", "appends$DocumentReference/d1", "replaces$d1,appends$d2")),
        st.tuples(
            _of("_profile", "_profile:below", "_profile:above"),
            _of("https://p/a", "https://p/a|1", "https://p", "https://p/a/b/c", "urn:a"),
        ),
    ),
}  # fmt: skip
# From a type by a reference to another, and from a type back by a reference of another.
steps = {
    "Observation": [("subject", "Patient"), ("patient", "Patient"), ("has-member", "Observation")],
    "Patient": [("organization", "Organization")], "Organization": [("partof", "Organization")],
    "DocumentReference": [("relatesto", "DocumentReference")],
}  # fmt: skip
back = {
    "Observation": [("Observation", "has-member"), ("List", "item")], "DocumentReference": [("DocumentReference", "relatesto")],
    "Patient": [("Observation", "subject"), ("Observation", "patient")], "Organization": [("Patient", "organization")],
}  # fmt: skip


@st.composite
def condition(draw: st.DrawFn, kind: str, depth: int = 3) -> tuple[str, str]:
    way = draw(st.integers(0, 3)) if depth else 0
    if way in (0, 1) or kind not in steps:
        return draw(plain[kind]) if kind in plain else ("_id", draw(_of("l0", "l1,l2")))
    if way == 2:
        name, target = draw(st.sampled_from(steps[kind]))
        inner, asked = draw(condition(target, depth - 1))
        return f"{name}.{inner}", asked
    source, name = draw(st.sampled_from(back[kind]))
    inner, asked = draw(condition(source, depth - 1))
    return f"_has:{source}:{name}:{inner}", asked


includes = st.lists(
    st.tuples(
        _of("_include", "_include:iterate", "_revinclude", "_revinclude:iterate"),
        _of("Observation:subject", "Observation:*", "*", "Patient:organization", "Organization:partof:Organization", "List:item"),
    ),
    max_size=3,
)  # fmt: skip
sorts = {
    "Observation": _of("", "code,-value-quantity,combo-value-quantity", "-value-date,value-string,-subject,code,_id"),
    "Patient": _of("", "-family,organization"),
}  # fmt: skip


@st.composite
def question(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]], tuple[str, str] | None]:
    kind = draw(st.sampled_from([*plain, "*"]))
    owner = draw(st.none() | st.sampled_from([("Patient", "p0"), ("Practitioner", "x"), ("Encounter", "e")]))
    if kind == "*":
        shared = draw(
            st.lists(st.tuples(_of("identifier:missing", "code:missing"), _of("true", "false")), max_size=1)
        )
        types = "Observation" if shared and shared[0][0].startswith("code") else "Patient,Organization"
        return kind, [("_type", types), *shared, *draw(includes)], owner
    asked = draw(st.lists(condition(kind), max_size=3))
    along = [one for one in draw(includes) if one[0] != "_include" or one[1].startswith((kind, "*"))]
    order = draw(sorts.get(kind, st.just("")))
    return kind, [*asked, *along, *([("_sort", order)] if order else [])], owner


limits = st.sampled_from(
    [EVERYTHING, EVERYTHING, Restriction(DIRECTORY, RECORD, "p1"), Restriction(frozenset(), RECORD, None)]
)


@pytest.fixture(scope="module")
def pool(postgres: Embedded) -> Any:
    opened = open_pool(postgres.url("search_engines"))
    PostgresStore(opened, INDEX)
    yield opened
    opened.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    record=records,
    asked=st.lists(question(), min_size=4, max_size=12),
    within=limits,
    count=st.integers(1, 6),
)
def test_questions_have_one_answer(
    pool: Pool, record: list[Any], asked: list[Any], within: Restriction, count: int
) -> None:
    with pool.connection() as connection, connection.transaction():
        for table in _TABLES.split():
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE record_state SET position = 0, resources = 0")
    memory, product = MemoryStore(INDEX), PostgresStore(pool, INDEX)
    for store in (memory, product):
        store.write([Put(one) for one in [*BASE, *record]], WHO)
    for kind, parameters, owner in asked:
        parsed = replace(PARSER.parse(kind, parameters, compartment=owner), count=count)
        expected = _pages(MemorySearch(memory), parsed, within)
        assert _pages(PostgresSearch(pool), parsed, within) == expected, (kind, parameters, owner)


def _pages(search: Any, asked: Any, within: Restriction) -> list[Any]:
    pages: list[Any] = []
    while True:
        page = search.find(asked, WHO, within)
        matches, along = (
            [(one.resource_type, one.id) for one in listed] for listed in (page.matches, page.included)
        )
        pages.append((matches, along, page.total))
        if page.after is None:
            return pages
        asked = replace(asked, after=page.after)
