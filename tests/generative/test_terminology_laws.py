"""Random hierarchies: filters, subsumption, expansion and membership against a second, naive implementation."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.errors import MihubError
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.protocol import FilterRefused
from mihub.site.terminology.terminology import Terminology

Json = dict[str, Any]
SYSTEM = "https://example.org/CodeSystem/random"
VALUE_SET = "https://example.org/ValueSet/random"
OPERATORS = ("is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf")


@st.composite
def hierarchies(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]]]:
    """Codes in order and each one's parents; a parent always comes earlier, so there is no ring."""
    codes = [f"c{number}" for number in range(draw(st.integers(1, 12)))]
    parents = {
        code: sorted(draw(st.sets(st.sampled_from(codes[:place]), max_size=2))) if place else []
        for place, code in enumerate(codes)
    }
    return codes, parents


def code_system(codes: list[str], parents: dict[str, list[str]]) -> Json:
    return {
        "resourceType": "CodeSystem",
        "url": SYSTEM,
        "version": "1",
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": [
            {
                "code": code,
                "display": f"Display {code}",
                "property": [{"code": "parent", "valueCode": one} for one in parents[code]],
            }
            for code in codes
        ],
    }


def ancestors(code: str, parents: dict[str, list[str]]) -> set[str]:
    """The naive way: follow every path."""
    found: set[str] = set()
    for one in parents[code]:
        found |= {one} | ancestors(one, parents)
    return found


def naive(op: str, value: str, codes: list[str], parents: dict[str, list[str]]) -> set[str]:
    above = {code: ancestors(code, parents) for code in codes}
    leaves = {code for code in codes if not any(code in parents[other] for other in codes)}
    by_operator = {
        "is-a": {code for code in codes if code == value or value in above[code]},
        "descendent-of": {code for code in codes if value in above[code]},
        "is-not-a": {code for code in codes if code != value and value not in above[code]},
        "generalizes": {value} | above[value],
        "child-of": {code for code in codes if value in parents[code]},
        "descendent-leaf": {code for code in leaves if value in above[code]},
    }
    return by_operator[op]


def value_set(include: list[Json], exclude: list[Json] | None = None) -> Json:
    compose: Json = {"include": include}
    if exclude:
        compose["exclude"] = exclude
    return {
        "resourceType": "ValueSet",
        "url": VALUE_SET,
        "version": "1",
        "status": "active",
        "compose": compose,
    }


def expanded(terminology: Terminology, resource: Json, **more: int) -> list[str]:
    entries: list[Json] = [{"name": "valueSet", "resource": resource}]
    entries += [{"name": name, "valueInteger": value} for name, value in more.items()]
    answer = terminology.expand({"resourceType": "Parameters", "parameter": entries})
    found: list[str] = []
    stack = list(reversed(answer["expansion"].get("contains", [])))
    while stack:
        one = stack.pop()
        found.append(one["code"])
        stack.extend(reversed(one.get("contains", [])))
    return found


def parts(codes: list[str]) -> st.SearchStrategy[Json]:
    """An include or exclude of the random system."""
    filters = st.builds(
        lambda op, value: {"property": "concept", "op": op, "value": value},
        st.sampled_from(OPERATORS),
        st.sampled_from(codes),
    )
    return st.one_of(
        st.just({"system": SYSTEM}),
        st.lists(st.sampled_from([*codes, "zz"]), min_size=1, max_size=4).map(
            lambda listed: {"system": SYSTEM, "concept": [{"code": code} for code in listed]}
        ),
        st.lists(filters, min_size=1, max_size=2).map(lambda found: {"system": SYSTEM, "filter": found}),
    )


def meant(part: Json, codes: list[str], parents: dict[str, list[str]]) -> set[str]:
    if "concept" in part:
        return {one["code"] for one in part["concept"]} & set(codes)
    found = set(codes)
    for one in part.get("filter", []):
        found &= naive(one["op"], one["value"], codes, parents)
    return found


@settings(max_examples=80, deadline=None)
@given(hierarchies(), st.data())
def test_filters_and_subsumption_are_what_paths_say(
    hierarchy: tuple[list[str], dict[str, list[str]]], data: st.DataObject
) -> None:
    codes, parents = hierarchy
    system = InMemoryCodeSystem(code_system(codes, parents))
    a, b = data.draw(st.sampled_from(codes)), data.draw(st.sampled_from(codes))
    assert system.subsumes(a, b) is (a == b or a in ancestors(b, parents))
    op = data.draw(st.sampled_from(OPERATORS))
    found = list(system.filter("concept", op, a))
    assert set(found) == naive(op, a, codes, parents)
    assert len(found) == len(set(found))
    assert [code for code in codes if system.matches(code, "concept", op, a)] == [
        c for c in codes if c in found
    ]
    order = list(system.codes())
    assert sorted(order) == sorted(codes)


@settings(max_examples=80, deadline=None)
@given(hierarchies(), st.data())
def test_expansion_and_membership_agree_with_sets(
    hierarchy: tuple[list[str], dict[str, list[str]]], data: st.DataObject
) -> None:
    codes, parents = hierarchy
    includes = data.draw(st.lists(parts(codes), min_size=1, max_size=3))
    excludes = data.draw(st.lists(parts(codes), max_size=2))
    resource = value_set(includes, excludes)
    terminology = Terminology(MemoryDefinitions([code_system(codes, parents), resource]))
    inside = set().union(*(meant(one, codes, parents) for one in includes))
    wanted = inside - set().union(*(meant(one, codes, parents) for one in excludes))
    found = expanded(terminology, resource)
    assert set(found) == wanted
    assert len(found) == len(wanted), "no code twice"
    listed = terminology.codes_of(VALUE_SET)
    assert listed == {(SYSTEM, code) for code in wanted}
    for code in [*codes, "zz"]:
        assert (terminology.member(VALUE_SET, SYSTEM, code).verdict == "yes") is (code in wanted)
        answer = terminology.validate_code(
            {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "url", "valueUri": VALUE_SET},
                    {"name": "coding", "valueCoding": {"system": SYSTEM, "code": code}},
                ],
            }
        )
        result = next(one["valueBoolean"] for one in answer["parameter"] if one["name"] == "result")
        assert result is (code in wanted)


@settings(max_examples=80, deadline=None)
@given(hierarchies(), st.integers(1, 5), st.data())
def test_pages_make_up_the_whole(
    hierarchy: tuple[list[str], dict[str, list[str]]], count: int, data: st.DataObject
) -> None:
    codes, parents = hierarchy
    resource = value_set(data.draw(st.lists(parts(codes), min_size=1, max_size=2)))
    terminology = Terminology(MemoryDefinitions([code_system(codes, parents)]))
    whole = expanded(terminology, resource, offset=0, count=1000)
    pages: list[str] = []
    for offset in range(0, len(whole) + count, count):
        page = expanded(terminology, resource, offset=offset, count=count)
        assert len(page) <= count
        pages += page
    assert sorted(pages) == sorted(whole)
    assert len(pages) == len(set(pages))


@settings(max_examples=100, deadline=None)
@given(hierarchies(), st.data())
def test_excluding_never_adds(hierarchy: tuple[list[str], dict[str, list[str]]], data: st.DataObject) -> None:
    codes, parents = hierarchy
    includes = data.draw(st.lists(parts(codes), min_size=1, max_size=2))
    excludes = data.draw(st.lists(parts(codes), min_size=1, max_size=2))
    terminology = Terminology(MemoryDefinitions([code_system(codes, parents)]))
    without = set(expanded(terminology, value_set(includes)))
    assert set(expanded(terminology, value_set(includes, excludes))) <= without


@settings(max_examples=100, deadline=2000)
@given(st.text(alphabet="ab()*+?|[]\\{}1,.^$", max_size=14), st.text(alphabet="ab", max_size=60))
def test_any_pattern_ends_or_is_refused(pattern: str, code: str) -> None:
    concepts = [{"code": code or "a"}, {"code": "b" * 40 + "!"}]
    system = InMemoryCodeSystem({"url": SYSTEM, "content": "complete", "concept": concepts})
    found: list[str] = []
    with suppress(FilterRefused):
        found = list(system.filter("code", "regex", pattern))
    assert set(found) <= {concept["code"] for concept in concepts}


@given(st.permutations(["a", "b", "c"]))
def test_a_ring_in_the_hierarchy_is_cut(ring: list[str]) -> None:
    parents = {code: [ring[place - 1]] for place, code in enumerate(ring)}
    system = InMemoryCodeSystem(code_system(ring, parents))
    assert sorted(system.codes()) == sorted(ring)
    assert sorted(system.filter("concept", "is-a", ring[0])) == sorted(ring)
    with pytest.raises(FilterRefused, match="no value"):
        list(system.filter("concept", "is-a", ""))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "a", SYSTEM, VALUE_SET, "is-a", "true", "9.x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "system", "concept", "value"]), inner)
    ),
    max_leaves=6,
)
_OPERATIONS = (
    "expand",
    "validate_code",
    "validate_code_in_system",
    "lookup",
    "subsumes",
    "translate",
    "closure",
    "batch_validate_code",
)


@st.composite
def broken_requests(draw: st.DrawFn) -> Json:
    """A request that is nearly right: one place anywhere in it holds something else."""
    codes = ["a", "b"]
    tree = code_system(codes, {"a": [], "b": ["a"]})
    composed = value_set(
        [{"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "a"}]}]
    )
    concept_map = {
        "resourceType": "ConceptMap",
        "url": "https://example.org/ConceptMap/m",
        "group": [{"source": SYSTEM, "target": "x", "element": [{"code": "a", "target": [{"code": "y"}]}]}],
    }
    coding = {"system": SYSTEM, "code": "a", "display": "Display a"}
    request: Json = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": VALUE_SET},
            {"name": "tx-resource", "resource": tree},
            {"name": "tx-resource", "resource": composed},
            {"name": "tx-resource", "resource": concept_map},
            {"name": draw(st.sampled_from(["coding", "codingA", "concept"])), "valueCoding": coding},
            {"name": "system", "valueUri": SYSTEM},
            {"name": "code", "valueCode": "a"},
            {"name": "codeB", "valueCode": "b"},
            {"name": "count", "valueInteger": 5},
            {"name": "displayLanguage", "valueCode": "de"},
            {"name": "name", "valueString": "table"},
        ],
    }
    place: Any = request
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or draw(st.booleans()):
            place[key] = draw(JSON)
            return request
        place = inner


@settings(max_examples=150, deadline=None)
@given(broken_requests(), st.sampled_from(_OPERATIONS))
def test_no_request_is_a_fault_of_ours(request: Json, operation: str) -> None:
    terminology = Terminology(MemoryDefinitions([]))
    if not isinstance(request, dict):
        return
    with suppress(MihubError):
        answer = getattr(terminology, operation)(request)
        assert answer["resourceType"] in ("Parameters", "ValueSet", "ConceptMap")


@settings(max_examples=150, deadline=None)
@given(broken_requests())
def test_a_broken_package_resource_is_a_doubt_of_the_validator(request: Json) -> None:
    entries = (
        request["parameter"] if isinstance(request, dict) and isinstance(request["parameter"], list) else []
    )
    resources = [
        one["resource"] for one in entries if isinstance(one, dict) and isinstance(one.get("resource"), dict)
    ]
    terminology = Terminology(MemoryDefinitions([one for one in resources if "resourceType" in one]))
    for answer in (terminology.member(VALUE_SET, SYSTEM, "b"), terminology.in_system(SYSTEM, "b")):
        assert answer.verdict in ("yes", "no", "unknown")
