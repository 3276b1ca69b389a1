"""The parts of the terminology room one by one: versions, languages, displays, sources, grammars, closure, other servers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.errors import InvalidInput, NotFound, TooLarge, Unavailable
from mihub.site.terminology import patterns, versions
from mihub.site.terminology.closure import ClosureTables, MemoryTables
from mihub.site.terminology.closure_sqlite import SqliteTables
from mihub.site.terminology.concepts import STANDARDS_STATUS
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.external import HttpFallback
from mihub.site.terminology.external_answers import ExternalAnswers
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.issues import Refused
from mihub.site.terminology.kept_resources import KeptResources
from mihub.site.terminology.languages import parse
from mihub.site.terminology.lists.shelf import CodeLists
from mihub.site.terminology.protocol import FilterRefused, Membership
from mihub.site.terminology.r4 import as_r4, as_r5
from mihub.site.terminology.stored import StoredDefinitions
from mihub.site.terminology.terminology import Terminology
from tests.code_list_files import icd_meta

Json = dict[str, Any]
SYSTEM = "https://example.org/CodeSystem/a"
VALUE_SET = "https://example.org/ValueSet/a"


def code_system(*codes: str, version: str = "1.0.0", content: str = "complete", **more: Any) -> Json:
    concepts = [{"code": code, "display": code.upper()} for code in codes]
    return {
        "resourceType": "CodeSystem",
        "url": SYSTEM,
        "version": version,
        "content": content,
        "status": "active",
        "concept": concepts,
        **more,
    }


def value_set(*includes: Json, url: str = VALUE_SET, **more: Any) -> Json:
    return {
        "resourceType": "ValueSet",
        "url": url,
        "status": "active",
        "compose": {"include": list(includes)},
        **more,
    }


def request(**named: Any) -> Resource:
    kinds = {bool: "valueBoolean", int: "valueInteger", str: "valueString"}
    entries = []
    for name, value in named.items():
        key = (
            "resource"
            if isinstance(value, dict) and "resourceType" in value
            else kinds.get(type(value), "valueCoding")
        )
        entries.append({"name": name.replace("_", "-"), key: value})
    return {"resourceType": "Parameters", "parameter": entries}


def terminology(*resources: Json, **more: Any) -> Terminology:
    return Terminology(MemoryDefinitions(resources, core_definitions()), **more)


@pytest.mark.parametrize(
    ("asked", "version", "fits"),
    [
        ("", "1.0.0", True),
        ("1.0.0", "1.0.0", True),
        ("1", "1.0.0", False),
        ("1.x.x", "1.4.2", True),
        ("1.x.x", "2.0.0", False),
        ("1.0.x", "1.0", False),
        ("1.*", "1.4.2", True),
        ("*", "2025", True),
        ("1.0?", "1.0", True),
        ("http://snomed.info/sct/11000274103", "http://snomed.info/sct/11000274103/version/20250515", True),
        (
            "http://snomed.info/sct/900000000000207008",
            "http://snomed.info/sct/11000274103/version/20250515",
            True,
        ),
        (
            "http://snomed.info/sct/11000274103",
            "http://snomed.info/sct/900000000000207008/version/20250101",
            False,
        ),
    ],
)
def test_versions_match_by_pattern_only(asked: str, version: str, fits: bool) -> None:
    assert versions.matches(asked, version) is fits


def test_the_newest_version_is_by_number_not_by_letter() -> None:
    assert versions.newest(["1.9.0", "1.10.0", "1.2.0"]) == "1.10.0"
    assert versions.newest(["2024", "2026", "2025"]) == "2026"
    assert versions.listed(["b", "a", "c"]) == "a, b and c"


def test_languages_are_ordered_by_weight() -> None:
    asked = parse("en;q=0.5, de-CH, *; q=0")
    assert (asked.wanted, asked.hard, asked.text) == (("de-CH", "en"), True, "de-CH, en; q=0.5, *; q=0")
    for bad in ("-", "de;;", "de;q=2", "de;level=1", "", "d_e"):
        with pytest.raises(InvalidInput, match="language can not be read"):
            parse(bad)


def test_a_display_is_chosen_by_language_then_by_use() -> None:
    concept = {
        "code": "x",
        "display": "Lung",
        "designation": [
            {"language": "de-DE", "value": "Lunge"},
            {"language": "de", "value": "veraltet", "extension": [{"url": STANDARDS_STATUS, "valueCode": "withdrawn"}]},
        ],
    }  # fmt: skip
    system = InMemoryCodeSystem(
        {"url": SYSTEM, "content": "complete", "language": "en", "concept": [concept]}
    )
    found = system.concept("x")
    assert found is not None
    displays = Displays.of(found, system.metadata)

    def shown(text: str) -> str:
        said = displays.preferred(parse(text))
        return said.value if said else ""

    assert [shown("de"), shown("de-CH"), shown("en"), shown("fr"), shown("fr, *;q=0")] == [
        "Lunge", "veraltet", "Lung", "Lung", "",
    ]  # fmt: skip
    assert displays.accepts("  LUNGE ", parse("de")) == "spaces"
    assert displays.accepts("Lung", parse("de")) == ""
    assert displays.accepts("Lung", parse("de"), also="en") == "same"


def test_patterns_end_whatever_they_are() -> None:
    assert patterns.whole("((a+)+)+")("a" * 60 + "!") is False
    assert patterns.whole("((a+)+)+")("a" * 60) is True
    for bad in ("(", "a" * 5000):
        with pytest.raises(FilterRefused, match="regular expression"):
            patterns.whole(bad)
    with pytest.raises(FilterRefused, match="takes too long"):
        patterns.whole(r"(?!z)(a|aa)+[bc]")("a" * 60)


def test_case_counts_only_where_the_system_says_so() -> None:
    folded = InMemoryCodeSystem(code_system("Ab", caseSensitive=False))
    assert (folded.normal("aB"), InMemoryCodeSystem(code_system("Ab")).normal("aB")) == ("Ab", None)
    site = terminology(code_system("Ab", caseSensitive=False), value_set({"system": SYSTEM}))
    assert site.member(VALUE_SET, SYSTEM, "AB").verdict == "yes"
    assert site.codes_of(VALUE_SET) is None, "a set of pairs can not fold case"


def test_filters_that_do_not_exist_are_refused() -> None:
    system = InMemoryCodeSystem(code_system("a"))
    for name, op, value in (
        ("concept", "near", "a"),
        ("prop", "is-a", "a"),
        ("prop", "exists", "maybe"),
        ("x", "=", ""),
    ):
        with pytest.raises(FilterRefused, match="filter"):
            list(system.filter(name, op, value))


def test_the_more_complete_content_wins_then_the_newer_version() -> None:
    shell = code_system(version="9.9.9", content="not-present")
    site = terminology(shell, code_system("a", version="1.0.0"), code_system("a", "b", version="1.2.0"))
    found = site.lookup(request(system=SYSTEM, code="b"))
    assert {"name": "version", "valueString": "1.2.0"} in found["parameter"]
    older = request(system=SYSTEM, code="b", version="1.0.0")
    with pytest.raises(Refused, match=r"Unknown code 'b' .* version '1\.0\.0'"):
        site.lookup(older)


def test_a_request_s_own_resources_come_first_and_are_kept_by_cache_id() -> None:
    site = terminology(code_system("a"))
    sent = request(
        system=SYSTEM, code="z", tx_resource=code_system("z", version="2.0.0"), cache_id="client-1"
    )
    assert {"name": "display", "valueString": "Z"} in site.lookup(sent)["parameter"]
    later = request(system=SYSTEM, code="z", cache_id="client-1")
    assert {"name": "display", "valueString": "Z"} in site.lookup(later)["parameter"]
    with pytest.raises(Refused, match="Unknown code 'z'"):
        site.lookup(request(system=SYSTEM, code="z", cache_id="client-2"))


def test_kept_resources_are_bounded() -> None:
    kept = KeptResources()
    for number in range(600):
        kept.add("one", [{"resourceType": "CodeSystem", "url": f"https://x/{number}"}])
    assert len(kept.add("one", [])) == 500
    for number in range(70):
        kept.add(f"client {number}", [])
    assert len(kept.add("one", [])) == 0, "the oldest client made room"


def test_a_value_set_that_includes_itself_is_refused_and_the_rest_goes_on() -> None:
    first = value_set({"valueSet": ["https://example.org/ValueSet/b"]})
    second = value_set({"valueSet": [VALUE_SET]}, url="https://example.org/ValueSet/b")
    site = terminology(code_system("a"), first, second)
    with pytest.raises(Refused, match="Cyclic reference detected"):
        site.expand(request(url=VALUE_SET))
    answer = site.member(VALUE_SET, SYSTEM, "a")
    assert (answer.verdict, answer.why) == ("unknown", "invalid-value-set")


@pytest.mark.parametrize("folds", [True, False])
def test_many_ways_to_one_value_set_cost_one(folds: bool) -> None:
    # Codes whose case does not count can not be listed as pairs: the sets are asked one by one.
    deep = 40
    towers = [
        value_set(
            {"valueSet": [f"https://x/{level + 1}"]},
            {"valueSet": [f"https://x/{level + 1}"]},
            url=f"https://x/{level}",
        )
        for level in range(deep)
    ]
    towers.append(value_set({"system": SYSTEM}, url=f"https://x/{deep}"))
    site = terminology(code_system("a", caseSensitive=not folds), *towers)
    begin = time.process_time()
    assert site.member("https://x/0", SYSTEM, "a").verdict == "yes"
    assert len(site.expand(request(url="https://x/0"))["expansion"]["contains"]) == 1
    for asked in ({"system": SYSTEM}, {"inferSystem": True}):
        answer = site.validate_code(request(url="https://x/0", code="a", **asked))
        assert answer["parameter"][0] == {"name": "result", "valueBoolean": True}
    assert time.process_time() - begin < 5


def test_a_value_set_that_leaves_out_inactive_codes_has_none() -> None:
    tree = code_system("a", "b")
    tree["concept"][1]["property"] = [{"code": "inactive", "valueBoolean": True}]
    active = value_set({"system": SYSTEM})
    active["compose"]["inactive"] = False
    site = terminology(tree, active)
    assert site.codes_of(VALUE_SET) == {(SYSTEM, "a")}
    assert [one["code"] for one in site.expand(request(url=VALUE_SET))["expansion"]["contains"]] == ["a"]


def test_more_codes_than_fit_are_refused_or_paged() -> None:
    many = code_system(*(f"c{number}" for number in range(1500)))
    site = terminology(many, value_set({"system": SYSTEM}))
    with pytest.raises(Refused, match=r"too many codes to display \(>1000\)"):
        site.expand(request(url=VALUE_SET))
    page = site.expand(request(url=VALUE_SET, count=10, offset=1495))["expansion"]
    assert (page["total"], len(page["contains"])) == (1500, 5)
    none = site.expand(request(url=VALUE_SET, count=0))["expansion"]
    assert (none["total"], "contains" in none) == (1500, False)


def test_codes_of_an_unknown_system_are_listed_as_the_value_set_lists_them() -> None:
    listed = value_set({"system": "https://example.org/unknown", "concept": [{"code": "q", "display": "Q!"}]})
    site = terminology(listed)
    expansion = site.expand(request(url=VALUE_SET))["expansion"]
    assert expansion["contains"] == [{"system": "https://example.org/unknown", "code": "q", "display": "Q!"}]
    assert {"name": "unknown-codesystem", "valueUri": "https://example.org/unknown"} in expansion["parameter"]
    assert site.member(VALUE_SET, "https://example.org/unknown", "q").verdict == "yes"


@pytest.mark.parametrize(
    ("name", "system", "code", "verdict"),
    [
        ("ucum-units", "http://unitsofmeasure.org", "mg/dL", "yes"),
        ("ucum-units", "http://unitsofmeasure.org", "quux", "no"),
        ("mimetypes", "urn:ietf:bcp:13", "application/fhir+json", "yes"),
        ("mimetypes", "urn:ietf:bcp:13", "text/plain; charset=utf-8", "yes"),
        ("mimetypes", "urn:ietf:bcp:13", "picture", "no"),
        ("all-languages", "urn:ietf:bcp:47", "de-Latn-DE-1996", "yes"),
        ("all-languages", "urn:ietf:bcp:47", "deutsch!", "no"),
        ("currencies", "urn:iso:std:iso:4217", "EUR", "yes"),
        ("currencies", "urn:iso:std:iso:4217", "DEM", "unknown"),
        ("iso3166-1-2", "urn:iso:std:iso:3166", "DE", "yes"),
        ("iso3166-1-2", "urn:iso:std:iso:3166", "XX", "no"),
        ("observation-codes", "http://loinc.org", "718-7", "unknown"),
    ],
)
def test_what_every_site_knows_without_loading_anything(
    name: str, system: str, code: str, verdict: str
) -> None:
    site = Terminology(core_definitions())
    assert site.member(f"http://hl7.org/fhir/ValueSet/{name}", system, code).verdict == verdict
    assert site.member(f"http://hl7.org/fhir/ValueSet/{name}", "", code).verdict == verdict, "a bare code too"


def test_a_grammar_is_listed_by_what_is_common_and_says_that_it_is_not_all() -> None:
    site = Terminology(core_definitions())
    expansion = site.expand(request(url="http://hl7.org/fhir/ValueSet/ucum-units", count=3))["expansion"]
    assert len(expansion["contains"]) == 3
    assert expansion["extension"][0] == {
        "url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed", "valueBoolean": True,
    }  # fmt: skip


def test_a_filter_on_a_property_that_nobody_has_is_the_author_s_mistake() -> None:
    asks = {"system": SYSTEM, "filter": [{"property": "colour", "op": "=", "value": "red"}]}
    undeclared = terminology(code_system("x"), value_set(asks)).member(VALUE_SET, SYSTEM, "x")
    assert (undeclared.verdict, undeclared.why) == ("unknown", "invalid-value-set")
    declared = code_system("x", property=[{"code": "colour", "type": "string"}])
    assert terminology(declared, value_set(asks)).member(VALUE_SET, SYSTEM, "x").verdict == "no"


def test_membership_tells_displays_that_differ_and_inactive_codes() -> None:
    retired = code_system("a", "b")
    retired["concept"][1]["property"] = [{"code": "status", "valueCode": "retired"}]
    site = terminology(retired, value_set({"system": SYSTEM}))
    assert site.member(VALUE_SET, SYSTEM, "a", display="wrong").why == "display-differs"
    assert site.member(VALUE_SET, SYSTEM, "a", display="a").why == ""
    assert site.in_system(SYSTEM, "b").why == "inactive"
    assert site.in_system(SYSTEM, "zz") == Membership("no", "unknown-code", {"system": SYSTEM})
    assert site.in_system("https://x/unknown", "zz").why == "unknown-system"


def test_a_stored_expansion_counts_where_the_definition_can_not_be_asked() -> None:
    expansion = {"total": 1, "contains": [{"system": "https://x/closed", "code": "1"}]}
    closed = value_set({"system": "https://x/closed", "filter": [{"property": "p", "op": "=", "value": "v"}]})
    site = terminology(closed | {"expansion": expansion})
    assert site.codes_of(VALUE_SET) == {("https://x/closed", "1")}
    without = terminology(closed)
    assert without.member(VALUE_SET, "https://x/closed", "1").why == "unknown-system"
    partial = terminology(closed | {"expansion": expansion | {"total": 7}})
    assert partial.member(VALUE_SET, "https://x/closed", "2").verdict == "unknown"


@pytest.fixture(params=["memory", "sqlite"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> ClosureTables:
    return MemoryTables() if request.param == "memory" else SqliteTables(tmp_path / "closures.sqlite")


def test_a_closure_table_says_only_what_is_new(tables: ClosureTables) -> None:
    tree = code_system("a", "b", "c")
    tree["concept"] = [{"code": "a", "concept": [{"code": "b", "concept": [{"code": "c"}]}]}]
    site = terminology(tree, tables=tables)

    def add(code: str) -> list[tuple[str, str]]:
        answer = site.closure(request(name="t", concept={"system": SYSTEM, "code": code}))
        elements = [one for group in answer.get("group", []) for one in group["element"]]
        return sorted((one["code"], target["code"]) for one in elements for target in one["target"])

    with pytest.raises(NotFound, match="no closure table of this name"):
        add("a")
    site.closure(request(name="t"))
    assert [add("c"), add("a"), add("a"), add("b")] == [[], [("c", "a")], [], [("b", "a"), ("c", "b")]]
    replay = site.closure(request(name="t", version="2"))
    assert (replay["version"], len(replay["group"][0]["element"])) == ("3", 2)
    with pytest.raises(NotFound, match="not known here"):
        add("zz")
    site.closure(request(name="t"))
    assert "group" not in site.closure(request(name="t", version="0"))


def test_closure_tables_are_bounded(tables: ClosureTables, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("closure", "closure_sqlite"):
        monkeypatch.setattr(f"mihub.site.terminology.{module}.MOST_TABLES", 2)
        monkeypatch.setattr(f"mihub.site.terminology.{module}.MOST_CODES", 2)
    tables.start("one")
    tables.start("two")
    tables.start("two")
    with pytest.raises(TooLarge, match="at most 2"):
        tables.start("three")
    with pytest.raises(TooLarge, match="More codes"):
        tables.add("one", [("s", "1"), ("s", "2"), ("s", "3")], lambda new, known: ())


def test_sqlite_tables_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "closures.sqlite"
    SqliteTables(path).start("t")
    SqliteTables(path).add("t", [("s", "a")], lambda new, known: ())
    assert SqliteTables(path).since("t", 0) == (1, [])


class Server:
    """Another terminology server: says yes to one code, and can be down."""

    def __init__(self) -> None:
        self.asked = 0
        self.down = False

    def ask(self, operation: str, parameters: Resource) -> Resource:
        self.asked += 1
        if self.down:
            raise Unavailable("down")
        values = {
            one["name"]: next(v for k, v in one.items() if k != "name") for one in parameters["parameter"]
        }
        good = values["code"] == "718-7"
        return {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": good}]}


def test_another_server_is_asked_only_what_is_not_known_here() -> None:
    server = Server()
    site = Terminology(core_definitions(), fallback=server)
    codes = "http://hl7.org/fhir/ValueSet/observation-codes"
    assert site.member("http://hl7.org/fhir/ValueSet/administrative-gender", "", "male").verdict == "yes"
    assert server.asked == 0
    assert [site.member(codes, "http://loinc.org", code).verdict for code in ("718-7", "1-1", "718-7")] == [
        "yes",
        "no",
        "yes",
    ]
    assert server.asked == 2, "an answer is remembered"


def test_operations_on_unknown_code_systems_are_passed_on() -> None:
    asked: list[tuple[str, Resource]] = []

    class Other:
        def ask(self, operation: str, parameters: Resource) -> Resource:
            asked.append((operation, parameters))
            return {
                "resourceType": "Parameters",
                "parameter": [{"name": "display", "valueString": "from elsewhere"}],
            }

    site = Terminology(core_definitions(), fallback=Other())
    found = site.lookup(request(system="http://loinc.org", code="718-7"))
    assert found["parameter"][0]["valueString"] == "from elsewhere"
    coding = {"system": "http://loinc.org", "code": "718-7", "display": "typed by hand"}
    site.validate_code(request(url="http://hl7.org/fhir/ValueSet/observation-codes", coding=coding))
    assert [one for one, _ in asked] == ["CodeSystem/$lookup", "ValueSet/$validate-code"]
    assert "typed" not in str(asked)
    with pytest.raises(Refused, match="Unknown code"):
        site.lookup(request(system="http://hl7.org/fhir/administrative-gender", code="x"))
    assert len(asked) == 2, "what is known here is decided here"


def test_a_server_that_is_down_is_a_doubt_and_left_in_peace() -> None:
    server, moment = Server(), [0.0]
    server.down = True
    external = ExternalAnswers(server, lambda: moment[0])
    trouble = Membership("unknown", "unknown-system", {"system": "s"})
    for _ in range(5):
        answer = external.member("v", "s", "718-7", "", known_trouble=trouble)
        assert (answer.verdict, answer.why) == ("unknown", "external-failed")
    assert server.asked == 3
    moment[0], server.down = 61.0, False
    assert external.member("v", "s", "718-7", "", known_trouble=trouble).verdict == "yes"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=orjson.dumps({"resourceType": "Bundle"})),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
    ],
)
def test_whatever_another_server_does_is_no_answer(answer: httpx.Response | Exception) -> None:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    fallback = HttpFallback(
        "https://tx.example.org/fhir/", httpx.Client(transport=httpx.MockTransport(handle))
    )
    with pytest.raises(Unavailable, match="does not answer"):
        fallback.ask("ValueSet/$validate-code", {"resourceType": "Parameters"})


def test_another_server_is_told_addresses_and_codes_only() -> None:
    sent: list[httpx.Request] = []

    def handle(asked: httpx.Request) -> httpx.Response:
        sent.append(asked)
        return httpx.Response(
            200, json={"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": True}]}
        )

    fallback = HttpFallback(
        "https://tx.example.org/fhir/", httpx.Client(transport=httpx.MockTransport(handle))
    )
    site = Terminology(core_definitions(), fallback=fallback)
    site.member(
        "http://hl7.org/fhir/ValueSet/observation-codes", "http://loinc.org", "718-7", display="typed by hand"
    )
    assert str(sent[0].url) == "https://tx.example.org/fhir/ValueSet/$validate-code"
    assert b"typed" not in sent[0].content
    assert b"718-7" in sent[0].content


class Record:
    """A record with a change log, as `stored.Record`."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.at = 0
        self.listed = 0

    def position(self) -> int:
        return self.at

    def current(self) -> list[Resource]:
        self.listed += 1
        return list(self.resources)

    def touched(self, after: int, limit: int) -> bool:
        return after < self.at <= 3

    def put(self, resource: Resource) -> None:
        self.resources = [one for one in self.resources if one["url"] != resource["url"]] + [resource]
        self.at += 1


def test_stored_resources_come_after_packages_and_follow_the_record() -> None:
    record = Record()
    definitions = StoredDefinitions(MemoryDefinitions([code_system("a")], core_definitions()), record)
    site = Terminology(definitions, refresh=definitions.refresh)
    assert site.lookup(request(system=SYSTEM, code="a"))["parameter"]
    record.put(code_system("b"))
    with pytest.raises(Refused, match="Unknown code 'b'"):
        site.lookup(request(system=SYSTEM, code="b"))
    record.put(code_system("c", version="1.1.0"))
    assert {"name": "version", "valueString": "1.1.0"} in site.lookup(request(system=SYSTEM, code="c"))[
        "parameter"
    ]
    record.at += 1
    listed = record.listed
    record.at += 10
    site.lookup(request(system=SYSTEM, code="c"))
    assert record.listed == listed, "other types are nobody's business"


def test_expansions_travel_as_r4_and_come_back() -> None:
    expansion = {
        "property": [{"code": "status", "uri": "http://hl7.org/fhir/concept-properties#status"}],
        "contains": [
            {
                "code": "a",
                "property": [{"code": "status", "valueCode": "retired"}],
                "contains": [{"code": "b"}],
            }
        ],
    }
    r5 = {"resourceType": "ValueSet", "expansion": expansion}
    r4 = as_r4(orjson.loads(orjson.dumps(r5)))
    assert "property" not in r4["expansion"]
    assert "property" not in r4["expansion"]["contains"][0]
    assert as_r5(r4) == r5


def concept_map(**unmapped: Any) -> Json:
    return {
        "resourceType": "ConceptMap",
        "url": "https://example.org/ConceptMap/m",
        "version": "1",
        "status": "active",
        "group": [
            {
                "source": SYSTEM,
                "target": "https://example.org/b",
                "element": [
                    {
                        "code": "x",
                        "target": [
                            {"code": "y", "equivalence": "wider"},
                            {"code": "z", "equivalence": "disjoint"},
                        ],
                    },
                    {"code": "n", "target": [{"equivalence": "unmatched"}]},
                ],
                "unmapped": unmapped,
            }
        ],
    }


def test_translations_follow_maps_both_ways() -> None:
    site = terminology(concept_map(mode="fixed", code="other"))

    def matches(**named: Any) -> tuple[bool, list[tuple[str, str]]]:
        answer = site.translate(request(**named))
        result = next(one["valueBoolean"] for one in answer["parameter"] if one["name"] == "result")
        found = []
        for one in answer["parameter"]:
            if one["name"] == "match":
                parts = {
                    part["name"]: next(v for k, v in part.items() if k != "name") for part in one["part"]
                }
                found.append((parts["equivalence"], parts.get("concept", {}).get("code", "")))
        return result, found

    assert matches(system=SYSTEM, code="x") == (True, [("wider", "y"), ("disjoint", "z")])
    assert matches(system=SYSTEM, code="n") == (False, [("unmatched", "")])
    assert matches(system=SYSTEM, code="q") == (True, [("inexact", "other")])
    assert matches(system="https://example.org/b", code="y", reverse=True) == (True, [("wider", "x")])
    assert matches(system=SYSTEM, code="x", targetsystem="https://example.org/c") == (False, [])
    assert matches(system=SYSTEM, code="x", url="https://example.org/ConceptMap/m|1")[0] is True
    with pytest.raises(Refused, match="ConceptMap 'https://x/none' could not be found"):
        matches(system=SYSTEM, code="x", url="https://x/none")


def test_supplements_of_packages_that_only_translate_are_used_unasked() -> None:
    german = {
        "resourceType": "CodeSystem", "url": "https://example.org/CodeSystem/a-supplement", "version": "1", "status": "active",
        "content": "supplement", "supplements": SYSTEM,
        "concept": [{"code": "a", "display": "A", "designation": [{"language": "de-DE", "value": "Ah"}]}],
    }  # fmt: skip
    site = terminology(code_system("a"), german, value_set({"system": SYSTEM}), language="de")
    expansion = site.expand(request(url=VALUE_SET))["expansion"]
    assert expansion["contains"][0]["display"] == "Ah"
    with_property = german | {"property": [{"code": "p", "type": "code"}]}
    plain = terminology(code_system("a"), with_property, value_set({"system": SYSTEM}), language="de")
    assert plain.expand(request(url=VALUE_SET))["expansion"]["contains"][0]["display"] == "A"
    missing = request(url=VALUE_SET, useSupplement="https://example.org/CodeSystem/none")
    with pytest.raises(Refused, match="Required supplement not found"):
        site.expand(missing)


def test_a_request_is_not_changed_by_its_answer() -> None:
    site = terminology(code_system("a"), value_set({"system": SYSTEM, "concept": [{"code": "a"}]}))
    concept = {"coding": [{"system": SYSTEM, "code": "b"}, {"system": SYSTEM, "code": "a"}]}
    asked = request(url=VALUE_SET)
    asked["parameter"].append({"name": "codeableConcept", "valueCodeableConcept": concept})
    before = orjson.dumps(asked)
    site.validate_code(asked)
    assert orjson.dumps(asked) == before


def test_code_lists_of_publishers_are_known_as_soon_as_they_are_loaded(tmp_path: Path) -> None:
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        icd = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
        shell = {
            "resourceType": "CodeSystem",
            "url": icd,
            "version": "2098",
            "status": "active",
            "content": "not-present",
        }
        below = value_set({"system": icd, "filter": [{"property": "concept", "op": "is-a", "value": "X34"}]})
        definitions = MemoryDefinitions([shell, below], core_definitions())
        site = Terminology(definitions, lists, language="de")
        assert site.member(VALUE_SET, icd, "X34.1").why == "not-enumerable"
        lists.add([icd_meta(tmp_path / "icd.zip")])
        expansion = site.expand(request(url=VALUE_SET))["expansion"]
        assert {"name": "used-codesystem", "valueUri": f"{icd}|2099"} in expansion["parameter"]
        assert [one["code"] for one in expansion["contains"]] == ["X34"]
        assert [one["code"] for one in expansion["contains"][0]["contains"]] == ["X34.1"]
        time.sleep(0.25)
        assert site.member(VALUE_SET, icd, "X34.1").verdict == "yes"
        assert site.member(VALUE_SET, icd, "X40.01").verdict == "no"
        found = site.expand(request(url=VALUE_SET, filter="windröhre"))["expansion"]
        assert [one["code"] for one in found["contains"]] == ["X34"]


def test_value_sets_nobody_wrote_are_understood() -> None:
    tree = code_system("a", "b") | {
        "url": "http://snomed.info/sct",
        "version": "http://snomed.info/sct/11000274103/version/20250515",
    }
    tree["concept"] = [{"code": "1", "concept": [{"code": "2"}]}, {"code": "3"}]
    site = terminology(tree)
    below = "http://snomed.info/sct?fhir_vs=isa/1"
    assert site.codes_of(below) == {("http://snomed.info/sct", "1"), ("http://snomed.info/sct", "2")}
    assert len(site.codes_of("http://snomed.info/sct/11000274103?fhir_vs") or ()) == 3
    assert [
        one["code"] for one in site.expand(request(url=below, excludeNested=True))["expansion"]["contains"]
    ] == ["1", "2"]
    assert (
        site.member("http://snomed.info/sct?fhir_vs=other", "http://snomed.info/sct", "1").why
        == "unknown-value-set"
    )
    assert site.member("http://loinc.org/vs", "http://loinc.org", "1-8").why == "unknown-system"
