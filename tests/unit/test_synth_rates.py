"""Over many people the rates come near the parameters; every state of consent and every kind of record
error occurs.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from statistics import median

import pytest

from mihub.synth import content
from mihub.synth.calendar import age_on
from mihub.synth.life import Life, draw
from mihub.synth.stages import CELLS, group

TODAY = date(2026, 11, 23)
PEOPLE = 3_000


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return [draw(11, index, TODAY) for index in range(PEOPLE)]


def _share(part: int, whole: int) -> float:
    return part / whole


def test_groups_come_near_their_shares(lives: list[Life]) -> None:
    found = Counter(life.group for life in lives)
    for name, share in content.rates("groups").items():
        assert found[name] / PEOPLE == pytest.approx(share, abs=0.04)


def test_lung_cancer_follows_the_parameters(lives: list[Life]) -> None:
    lung = [life for life in lives if life.group == "lung"]
    small_cell = [life for life in lung if life.tumour and life.tumour.small_cell_extent]
    assert len(small_cell) / len(lung) == pytest.approx(0.15, abs=0.05)
    stages = [
        group(life.tumour.diagnosis.tnm.stage)
        for life in lung
        if life.tumour and not life.tumour.small_cell_extent
    ]
    assert stages.count("IV") / len(stages) == pytest.approx(0.52, abs=0.08)
    assert (stages.count("I") + stages.count("II")) / len(stages) == pytest.approx(0.26, abs=0.07)
    men = sum(life.person.sex == "male" for life in lung)
    assert men / len(lung) == pytest.approx(0.574, abs=0.06)
    ages = [age_on(life.person.birth_date, life.tumour.diagnosis.day) for life in lung if life.tumour]
    assert median(ages) == pytest.approx(69, abs=2.5)


def test_drivers_exclude_each_other_and_come_near_their_rates(lives: list[Life]) -> None:
    tested = [
        life.tumour.diagnosis.variants for life in lives if life.tumour and life.tumour.diagnosis.variants
    ]
    mutated = [[variant.gene for variant in variants if variant.result == "M"] for variants in tested]
    assert all(len(genes) <= 1 for genes in mutated)
    found = Counter(gene for genes in mutated for gene in genes)
    for gene, rate in {"EGFR": 0.13, "KRAS": 0.21, "ALK": 0.04}.items():
        assert found[gene] / len(tested) == pytest.approx(rate, abs=0.05)


def test_every_state_of_consent_occurs(lives: list[Life]) -> None:
    found = Counter(life.research.state for life in lives)
    for state, share in content.rates("research_consent").items():
        assert found[state] / PEOPLE == pytest.approx(share, abs=0.04)


def test_the_stage_is_always_a_cell_of_the_table(lives: list[Life]) -> None:
    for life in lives:
        if life.tumour:
            tnm = life.tumour.diagnosis.tnm
            assert (tnm.t, tnm.n, tnm.m) in CELLS[life.tumour.entity][tnm.stage]


def test_people_are_written_down_with_the_errors_that_linkage_must_bear(lives: list[Life]) -> None:
    found: Counter[str] = Counter()
    for life in lives:
        for record in life.records:
            found["missing number"] += record.kvnr is None and life.person.kvnr is not None
            found["umlaut written out"] += record.family != life.person.family and any(
                pair in record.family for pair in ("ae", "oe", "ue", "ss")
            )
            found["birth name"] += record.family == life.person.birth_family != life.person.family
            found["swapped"] += len(record.given) > 1 and record.given == life.person.given[::-1]
            found["birth day"] += record.birth_date != life.person.birth_date
        members = [record.member for record in life.records]
        found["duplicate"] += len(members) != len(set(members))
        found["several sites"] += len(set(members)) > 1
    twins = Counter((life.person.birth_date, life.person.birth_family, life.person.address) for life in lives)
    found["twins"] = sum(count > 1 for count in twins.values())
    assert all(found[name] > 0 for name in found), found


def test_insurance_numbers_are_unique(lives: list[Life]) -> None:
    numbers = [life.person.kvnr for life in lives if life.person.kvnr]
    assert len(numbers) == len(set(numbers))
