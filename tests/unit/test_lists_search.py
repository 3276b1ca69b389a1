"""Codes are found as people type them, over all lists at once, and the best one stands first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.site.terminology.lists import CodeLists, Hit, Wanted
from tests import code_list_files as files
from tests.unit.test_lists_formats import write

ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
CLASSES = (
    ("II", "chapter", "Neubildungen", ()),
    ("C30-C39", "block", "Bösartige Neubildungen der Atmungsorgane", ("II",)),
    ("C34", "category", "Bösartige Neubildung der Bronchien und der Lunge", ("C30-C39",)),
    ("C34.1", "category", "Bösartige Neubildung: Oberlappen (-Bronchus)", ("C34",)),
    ("C34.9", "category", "Bösartige Neubildung: Bronchus oder Lunge, nicht näher bezeichnet", ("C34",)),
    ("D14", "category", "Gutartige Neubildung des Ösophagus und der Lunge", ("II",)),
    ("J03", "category", "Akute Tonsillitis", ("II",)),
    ("A09", "category", "Diarrhoe, nicht näher bezeichnet", ("II",)),
)
ALPHA = (
    "1|I100001|C34.9|||||Lungenkrebs\n"
    "1|I100002|C34.9|||||Bronchialkarzinom\n"
    "1|I100003|C34.1|||||Bronchialcarcinom des Oberlappens\n"
    "1|I100004|C99.9|||||Fantasiekrebs\n"
    "0|I100005|C34.9|||||Veraltetes Wort\n"
)
OWN = "code;display;parent\nADENO;Adenokarzinom der Lunge;\nADENO-X;Adenokarzinom, azinär;ADENO\nKOPF;Karzinom am Kopf;\n"


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeLists]:
    folder = tmp_path_factory.mktemp("codes")
    with CodeLists.open(folder / "codes.sqlite") as opened:
        opened.add([write(folder / "alphaid2099.txt", ALPHA)])
        opened.add([write(folder / "icd.xml", files.claml("2099", CLASSES, name="ICD-10-GM"))])
        opened.add([write(folder / "icd.xml", files.claml("2098", CLASSES[:4], name="ICD-10-GM"))])
        opened.add([write(folder / "own.csv", OWN)], Wanted("https://clinic.example/tissue", "1", "Gewebe"))
        opened.add([files.snomed(folder / "sct.zip")])
        yield opened


def codes(hits: list[Hit]) -> list[str]:
    return [hit.code for hit in hits]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("C34", "C34"),
        ("c34.1", "C34.1"),
        ("c341", "C34.1"),
        ("Lungenkrebs", "C34.9"),
        ("lungenkre", "C34.9"),
        ("bronchialca", "C34.9"),
        ("Bronchialkarzinom Oberlappen", "C34.1"),
        ("adenoca", "ADENO-X"),
        ("adeno lunge", "ADENO"),
        ("tonsilitis", "J03"),
        ("Diarrhö", "A09"),
        ("durchfall diarhoe", ""),
        ("oesophagus", "D14"),
        ("Ösophagus", "D14"),
        ("osophagus", "D14"),
        ("lappen", "C34.1"),
        ("Lungenkerbs", "C34.9"),
        ("Lugnenkrebs", "C34.9"),
        ("Bronchalkarzinom", "C34.9"),
        ("Launengewächs", "900001001"),
        ("xqzt", ""),
        ("", ""),
        ('"*) OR NEAR(', ""),
    ],
)
def test_what_is_typed_finds_the_code(lists: CodeLists, typed: str, first: str) -> None:
    found = codes(lists.search(typed))
    assert (found or [""])[0] == first


def test_synonyms_lead_to_the_code_of_the_same_year(lists: CodeLists) -> None:
    (hit, *_) = lists.search("Lungenkrebs")
    assert (hit.system, hit.version, hit.code) == (ICD, "2099", "C34.9")
    assert hit.display.startswith("Bösartige Neubildung: Bronchus oder Lunge")
    assert hit.matched == "Lungenkrebs"
    assert [code for code, _ in hit.path] == ["II", "C30-C39", "C34"]


def test_a_code_comes_before_codes_that_begin_with_it(lists: CodeLists) -> None:
    assert codes(lists.search("C34"))[:3] == ["C34", "C34.1", "C34.9"]


def test_a_synonym_whose_code_the_list_does_not_have_is_still_told(lists: CodeLists) -> None:
    (hit,) = lists.search("Fantasiekrebs")
    assert (hit.system, hit.code, hit.display) == (ICD, "C99.9", "Fantasiekrebs")


def test_words_no_longer_in_force_are_not_found(lists: CodeLists) -> None:
    assert lists.search("Veraltetes Wort") == []


def test_only_the_systems_that_are_named(lists: CodeLists) -> None:
    assert {hit.system for hit in lists.search("Lunge")} >= {
        ICD,
        "https://clinic.example/tissue",
        "http://snomed.info/sct",
    }
    assert {hit.system for hit in lists.search("Lunge", systems=["icd-10-gm"])} == {ICD}
    alpha = lists.search("Lungenkrebs", systems=["alpha-id"])
    assert [(hit.system.rpartition("/")[2], hit.code) for hit in alpha] == [("alpha-id", "I100001")]


def test_the_newest_version_unless_all_are_asked_for(lists: CodeLists) -> None:
    assert {hit.version for hit in lists.search("Atmungsorgane")} == {"2099"}
    assert {hit.version for hit in lists.search("Atmungsorgane", every_version=True)} == {"2098", "2099"}


def test_as_many_as_asked_for(lists: CodeLists) -> None:
    assert len(lists.search("neubildung", limit=2)) == 2


def test_a_provider_finds_by_the_words_that_lead_to_it(lists: CodeLists) -> None:
    icd = next(one for one in lists if (one.metadata.url, one.metadata.version) == (ICD, "2099"))
    assert list(icd.search("bronchialkarzinom")) == ["C34.9", "C34.1"]
    assert list(icd.search("Adenokarzinom")) == []


def _system(url: str, concepts: list[dict[str, object]], **more: object) -> Resource:
    return {
        "resourceType": "CodeSystem", "url": url, "version": "1", "content": "complete", "status": "active", "title": "Farben",
        "concept": concepts, **more,
    }  # fmt: skip


def test_small_code_systems_of_packages_are_found_too(tmp_path: Path) -> None:
    colours = _system(
        "http://example.org/colours",
        [{"code": "dark", "display": "Dunkel", "concept": [{"code": "in-grey", "display": "Grau", "designation": [
            {"language": "en", "value": "Grey"}]}]}],
    )  # fmt: skip
    empty = _system("http://example.org/none", [], content="not-present")
    known = MemoryDefinitions([colours, empty], None)
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        assert lists.index_definitions(known) == 2
        (hit,) = lists.search("grey")
        assert (hit.system, hit.code, hit.display, hit.path) == (
            "http://example.org/colours",
            "in-grey",
            "Grau",
            (("dark", "Dunkel"),),
        )
        assert codes(lists.search("in-grey")) == ["in-grey"]
        before = lists.generation
        lists.index_definitions(known)
        assert lists.generation == before, "nothing changed, nothing was written"
        assert lists.lists() == ()
        assert list(lists) == [], "their meaning is answered from the packages"
        lists.index_definitions(MemoryDefinitions([empty], None))
        assert lists.search("grey") == []


def test_one_code_in_a_circle_of_broken_definitions_does_not_stop_the_search(tmp_path: Path) -> None:
    odd = _system(
        "http://example.org/odd",
        [{"display": "no code"}, "text", {"code": "ok", "display": "Gut", "designation": 5}],
    )  # type: ignore[list-item]
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        lists.index_definitions(MemoryDefinitions([odd], None))
        assert codes(lists.search("gut")) == ["ok"]
