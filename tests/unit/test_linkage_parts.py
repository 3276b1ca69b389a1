"""Names brought to one form, filters that say nothing without the key, and the rules of grouping."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.linkage.compare import dice
from mihub.core.linkage.encode import CLK_BITS, encode
from mihub.core.linkage.normalise import identity_of, name_parts, sound
from mihub.core.linkage.score import Candidate, RecordKey, match_weight
from mihub.core.linkage.solve import Clusters

KEY = b"k" * 32
NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüß -", min_size=3, max_size=20)


def patient(family: str, given: str, birth: str = "1961-05-04", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "name": [{"family": family, "given": [given]}],
        "birthDate": birth,
        "gender": "male",
        **more,
    }


def record(
    name: str, member: str = "chemnitz", *, family: str = "Vogel", given: str = "Uwe", insurance: str = "",
    birth: str = "1961-05-04",
) -> Candidate:  # fmt: skip
    encoding = encode(identity_of(patient(family, given, birth)), KEY)
    return Candidate(
        RecordKey(member, name), int.from_bytes(encoding.clk, "big"), frozenset(encoding.blocks), insurance
    )


def grouped(*records: Candidate) -> Clusters:
    numbers = itertools.count()
    clusters = Clusters(lambda: f"p{next(numbers)}")
    for one in records:
        clusters.add(one)
    return clusters


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Müller-Lüdenscheidt", ["mueller", "luedenscheidt"]),
        ("Dr. med. von der Groß", ["gross"]),
        ("  François ", ["francois"]),
        ("Nowák", ["nowak"]),
        ("von", ["von"]),
        ("", []),
        (None, []),
    ],
)
def test_names_take_one_form(text: Any, parts: list[str]) -> None:
    assert name_parts(text) == parts


@pytest.mark.parametrize(
    ("name", "code"),
    [("mueller", "657"), ("wikipedia", "3412"), ("breschnew", "17863"), ("heinz", "068"), ("philipp", "351")],
)
def test_the_cologne_code_of_known_names(name: str, code: str) -> None:
    assert sound(name) == code


def test_meier_in_all_spellings_sounds_alike() -> None:
    assert {sound(name) for name in ("meier", "maier", "mayer", "meyer", "mair")} == {"67"}


@pytest.mark.parametrize(
    ("number", "counts"), [("A123456780", True), ("A123456781", False), ("a123456780", False), ("A12", False)]
)
def test_an_insurance_number_counts_only_with_its_check_digit(number: str, counts: bool) -> None:
    identifier = [{"system": "http://fhir.de/sid/gkv/kvid-10", "value": number}]
    found = identity_of(patient("Vogel", "Uwe", identifier=identifier)).insurance
    assert found == (number if counts else "")


def test_an_empty_patient_has_no_block_and_matches_nobody() -> None:
    empty = encode(identity_of({"resourceType": "Patient"}), KEY)
    assert (empty.blocks, empty.insurance, int.from_bytes(empty.clk, "big")) == ((), "", 0)
    partial = encode(identity_of(patient("Vogel", "Uwe", birth="1961-05")), KEY)
    assert partial.blocks == ()


@settings(max_examples=60, deadline=None)
@given(NAMES, NAMES)
def test_dice_is_symmetric_and_one_for_the_same_person(family: str, given_name: str) -> None:
    one = int.from_bytes(encode(identity_of(patient(family, given_name)), KEY).clk, "big")
    other = int.from_bytes(encode(identity_of(patient(given_name, family)), KEY).clk, "big")
    assert dice(one, one) == 1.0
    assert dice(one, other) == dice(other, one)
    assert one.bit_length() <= CLK_BITS


def test_another_key_or_another_birth_year_makes_the_same_name_unlike() -> None:
    def clk(key: bytes, birth: str) -> int:
        return int.from_bytes(encode(identity_of(patient("Vogel", "Uwe", birth)), key).clk, "big")

    usual = clk(KEY, "1961-05-04")
    assert dice(usual, clk(b"x" * 32, "1961-05-04")) < 0.5
    assert dice(usual, clk(KEY, "1962-05-04")) < 0.73


def test_a_filter_is_neither_nearly_empty_nor_nearly_full() -> None:
    identity = identity_of(patient("Müller-Lüdenscheidt", "Karl Heinz", address=[{"postalCode": "09111"}]))
    filled = int.from_bytes(encode(identity, KEY).clk, "big").bit_count() / CLK_BITS
    assert 0.3 <= filled <= 0.5


def test_the_insurance_number_decides_when_both_know_one() -> None:
    one, same = record("1", insurance="i1"), record("2", "cottbus", insurance="i1", family="Kaiser")
    twin = record("3", "cottbus", insurance="i2")
    assert match_weight(one, same) > 1.0
    assert match_weight(one, twin) == 0.0
    stranger = record("4", "cottbus", insurance="i1", family="Kaiser", given="Olga", birth="1999-12-31")
    assert match_weight(one, stranger) == 0.0


def test_one_person_has_one_record_per_member_unless_the_insurance_number_says_otherwise() -> None:
    persons = grouped(record("1"), record("2")).persons()
    assert len(set(persons.values())) == 2
    doubled = grouped(record("1", insurance="i"), record("2", insurance="i")).persons()
    assert len(set(doubled.values())) == 1


def test_a_record_that_knows_both_joins_two_persons_and_the_old_id_leads_on() -> None:
    maiden = record("1", "chemnitz", family="Vogel")
    married = record("2", "cottbus", family="Kaiser-Sommerfeld", given="Uwe Karl", insurance="i")
    clusters = grouped(maiden, married)
    assert len(set(clusters.persons().values())) == 2
    person = clusters.add(record("3", "praxis-a", family="Vogel", insurance="i"))
    assert set(clusters.persons().values()) == {person}
    assert list(clusters.merged.values()) == [person]


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_arrival_does_not_change_who_is_one_person(order: list[int]) -> None:
    records = [
        record("1", "chemnitz"),
        record("2", "cottbus", family="Vogl"),
        record("3", "praxis-a", given="Uwee"),
        record("4", "chemnitz", family="Sommer", given="Inge", birth="1950-01-01"),
        record("5", "cottbus", family="Sommer", given="Inge", birth="1950-01-01"),
        record("6", "cottbus", family="Winter", given="Olaf", birth="1950-01-01"),
    ]
    persons = grouped(*(records[place] for place in order)).persons()
    names: dict[str, set[str]] = {}
    for key, person in persons.items():
        names.setdefault(person, set()).add(key.transport_id)
    assert sorted(map(sorted, names.values())) == [["1", "2", "3"], ["4", "5"], ["6"]]


def test_a_removed_record_leaves_the_others_together() -> None:
    clusters = grouped(record("1"), record("2", "cottbus"))
    clusters.remove(RecordKey("chemnitz", "1"))
    assert list(clusters.persons()) == [RecordKey("cottbus", "2")]
