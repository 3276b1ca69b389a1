"""Every sentence of an import's account and of a refused question has its German, and no German is kept for nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.core.policy.actor import MemberId
from mihub.errors import StorageFull
from mihub.portals.shell.reasons import Catalogue, catalogue, told
from mihub.site.ingest import Importer, ImportReport, Limits
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.reasons import violated
from mihub.site.ingest.obds.rules import violations
from mihub.site.ingest.sniff import NOT_READ
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import DIAGNOSIS, meldung, obds, one_of_each, patient
from tests.unit.texts_in_code import ERRORS, SOURCE, _said, all_sentences

_PLACE = re.compile(r"\{(\w+)\}")
_RULES = orjson.loads((SOURCE / "site" / "ingest" / "data" / "obds-rules.json").read_bytes())
_VALUES = frozenset(words for _, words in _RULES["patterns"].values())
# Words that code composes without a space, kinds of errors that stand for a missing rule, and a list that is empty.
_ELSEWHERE = ERRORS | {"line", "document", "Use one of: none.", "{} {}."}


def _shape(english: str) -> str:
    return _PLACE.sub("{}", english)


def test_every_sentence_of_the_sources_has_its_german() -> None:
    known = {_shape(english) for english, _ in catalogue().entries()}
    said = all_sentences()
    assert len(said) > 250, "the sources are read"
    assert sorted(said - known) == []


def test_every_value_that_a_rule_of_obds_expects_has_its_german() -> None:
    assert [words for words in _VALUES if catalogue().german(words, "admitted") is None] == []


def test_no_german_is_kept_for_a_sentence_that_nothing_says() -> None:
    known = {_shape(english) for english, _ in catalogue().entries()}
    assert sorted(known - all_sentences() - _VALUES - _ELSEWHERE) == []


def test_every_kind_of_error_can_stand_as_a_rule() -> None:
    kinds = ERRORS - {"ClassVar", "MihubError"}
    assert [name for name in sorted(kinds) if catalogue().german(name) is None] == []


def test_german_takes_over_the_same_values() -> None:
    wrong = [
        english
        for english, german in catalogue().entries()
        if sorted(_PLACE.findall(english)) != sorted(_PLACE.findall(german))
    ]
    assert wrong == []


def test_a_sentence_that_is_new_would_be_found() -> None:
    source = """
_MORE: Final = "more of them"
def read(raw):
    raise InvalidInput(f"The {raw.name} is odd.", next_step="Go " + ("left." if raw else "right."))
def count(n):
    return Reason(f"{n} {_MORE}.", "a rule")
"""
    tree = ast.parse(source)
    assert set(_said(tree, tree)) == {"The {} is odd.", "Go left.", "Go right.", "{} more of them.", "a rule"}


def _forbidden(name: str) -> list[str]:
    """What the rules say of an element with nothing in it, then with everything twice: empty, and wrong."""
    elements = _RULES["types"][name].get("elements", {})
    wrong = tuple(Node(element, 3, text) for element in elements for text in ("", "\u00df" * 1001))
    nodes = (Node(name, 2), Node(name, 2, children=wrong))
    return [violated("a.xml", one).reason for node in nodes for one in violations(node, name)]


def test_whatever_the_rules_of_obds_forbid_is_told_in_german() -> None:
    found = {reason for name in _RULES["types"] for reason in _forbidden(name)}
    assert len(found) > 300
    assert [reason for reason in sorted(found) if catalogue().german(reason) is None] == []


_FILES: dict[str, bytes] = {
    "latin.json": '{\n"resourceType": "Patient", "a": "ä"}'.encode("latin-1"),
    "early.json": b'{\n"resourceType": "Patient", ',
    "no.json": b'{\n"resourceType": "Patient", broken}',
    "deep.json": b'{\n"a":' + b"[" * 300 + b"]" * 300 + b"}",
    "lines.ndjson": b"\n".join(
        [
            b'{"resourceType": "Patient", "id": "p1"}',
            b'{"resourceType": "Patient", "id": "p1", "active": true}',
            b'{"resourceType": "Patient", "id": "not an id"}',
            b'{"resourceType": "Nothing"}',
            b'{"resourceType": "Patient", "meta": {"tag": 1}}',
            b'{"resourceType": "Patient", "text": 1}',
            b'{"resourceType": "Condition", "subject": {"reference": "Patient/nobody"}}',
            b'{"resourceType": "Condition", "subject": {"reference": "urn:uuid:1"}}',
            b'{"resourceType": "Bundle", "type": "odd"}',
            b'{"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "PATCH"}}, 3]}',
            b'"text"',
        ]
    ),
    "packed.gz": b"\x1f\x8b\x08broken",
    "zip": b"PK\x03\x04",
    "doctype.xml": b"<!DOCTYPE a><a/>",
    "cut.xml": one_of_each().encode()[:-40],
    "entity.xml": one_of_each().replace("Quersumme", "&odd;").encode(),
    "wrong.xml": obds(
        patient(meldung(DIAGNOSIS.replace("<Diagnosesicherung>7", "<Diagnosesicherung>3")))
    ).encode(),
    "good.xml": one_of_each().encode(),
}


def _account(folder: Path, record: MemoryRecord) -> ImportReport:
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    (folder / "long.json").write_bytes(b'{\n"a": "' + b"x" * 3_000_000 + b'"}')
    limits = Limits(max_line_bytes=2 * 1024 * 1024, max_reasons=20)
    return Importer(record, MemberId("chemnitz"), limits=limits).run([folder, folder / "absent"])


@pytest.mark.parametrize(
    "record",
    [MemoryRecord(), MemoryRecord(StorageFull("The disk of the database is full; nothing was written."))],
)
def test_a_whole_account_is_told_in_german(tmp_path: Path, record: MemoryRecord) -> None:
    report = _account(tmp_path, record)
    told_of = [*report.all_reasons(), *report.notes]
    assert len(report.reasons) >= 10
    sentences = {words for one in told_of for words in (one.reason, one.rule, one.next)}
    assert [words for words in sorted(sentences) if catalogue().german(words) is None] == []


def test_what_is_not_read_is_told_in_german() -> None:
    for words in NOT_READ.values():
        assert [catalogue().german(word) for word in words].count(None) == 0


def _examples() -> list[tuple[str, str]]:
    """Each sentence with names in its places, and the German that belongs to it."""
    made = []
    for english, german in catalogue().entries()[: len(catalogue()._words[""])]:
        names = _PLACE.findall(english)
        groups = [name for name in names if name in catalogue()._words]
        values = {name: f"Wert-{name}" for name in names}
        choices = catalogue()._words[groups[0]].items() if groups else [("", "")]
        for one, other in choices:
            if not _PLACE.search(one):
                filled = dict.fromkeys(groups[:1], one), dict.fromkeys(groups[:1], other)
                made.append((english.format(**values | filled[0]), german.format(**values | filled[1])))
    return made


@pytest.mark.parametrize(("english", "german"), _examples())
def test_a_filled_sentence_finds_its_own_german(english: str, german: str) -> None:
    assert catalogue().german(english) == german


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Zl", "Zp", "Cc")), min_size=1)


@given(_WORDS, _WORDS)
def test_an_unknown_sentence_is_marked_as_english_and_harmless(one: str, other: str) -> None:
    sentence = f"{one} {other}"
    shown = str(told("de", sentence))
    assert shown.startswith('<span lang="en">')
    assert "<" not in shown.removeprefix('<span lang="en">').removesuffix("</span>")
    assert "<" not in str(told("en", sentence))


def test_a_part_without_german_leaves_the_whole_sentence_english() -> None:
    made = Catalogue({"{path} {fault}.": "{path}: {fault}."}, {"fault": {"is missing": "fehlt"}})
    assert made.german("A/B is missing.") == "A/B: fehlt."
    assert made.german("A/B is odd.") is None
    assert str(told("de", "Meldung/OP is odd.")) == '<span lang="en">Meldung/OP is odd.</span>'


def test_a_name_belongs_to_no_language() -> None:
    assert str(told("de", "If-Match")) == "If-Match"
    assert str(told("de", "StorageFull")) == "Speicher voll"
    assert str(told("en", "StorageFull")) == "StorageFull"
