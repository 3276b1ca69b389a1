"""The ordinance on hand-made persons: each criterion, the pause rule, what is missing, both readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from mihub.core.rules.document import RuleDocument, parse_rule
from mihub.core.rules.lung_screening import PriorCt, ScreeningFacts, decide_lung_screening
from mihub.core.rules.receipt import Decision, Outcome, Receipt
from mihub.core.rules.smoking import SmokingInterval, count_smoking
from mihub.errors import InvalidInput, Unprocessable

TODAY = date(2026, 11, 23)
NO_CT = PriorCt(on=None)
_FILE = Path(__file__).parents[2] / "src/mihub/content/rules/lukrfruehrkv-2024.yaml"
RULE: RuleDocument = parse_rule(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def smoked(start: int, end: int | None, per_day: int | None = 20) -> SmokingInterval:
    """From 23 November of one year to the same day of another, so that every span is whole years."""
    amount = None if per_day is None else Fraction(per_day)
    return SmokingInterval(date(start, 11, 23), date(end, 11, 23) if end else None, amount)


def decide(age: int, *intervals: SmokingInterval, ct: PriorCt | None = NO_CT) -> Receipt:
    return decide_lung_screening(ScreeningFacts(date(TODAY.year - age, 5, 1), intervals, ct), TODAY, RULE)


def outcomes(receipt: Receipt) -> dict[str, str]:
    return {criterion.id: criterion.outcome.value for criterion in receipt.criteria}


def in_words(receipt: Receipt, criterion: str, language: str = "de") -> list[str]:
    return [RULE.step(step, language) for step in receipt.criterion(criterion).steps]


def test_kerstin_muster_test_is_eligible_with_42_years_and_34_2_pack_years() -> None:
    # 61 years old; 18 a day since 19, a pause of four years at 30.
    receipt = decide(61, smoked(1984, 1995, 18), smoked(1999, None, 18))
    assert receipt.decision is Decision.ELIGIBLE
    assert in_words(receipt, "duration")[-1] == "Zusammen 42 Jahre. Verlangt: mindestens 25 Jahre."
    assert in_words(receipt, "pack-years") == [
        "Ab 23.11.1984: 18 Zigaretten am Tag ÷ 20 × 11 Jahre = 9,9 Packungsjahre.",
        "Ab 23.11.1999: 18 Zigaretten am Tag ÷ 20 × 27 Jahre = 24,3 Packungsjahre.",
        "Zusammen 34,2 Packungsjahre. Verlangt: mindestens 15.",
    ]
    assert in_words(receipt, "duration")[1].startswith(
        "Pause 23.11.1995 bis 23.11.1999: 4 Jahre. Kürzer als 10"
    )


def test_quit_twelve_years_ago_counts_nothing() -> None:
    receipt = decide(57, smoked(1989, 2014))
    assert receipt.decision is Decision.NOT_ELIGIBLE
    assert outcomes(receipt) == {
        "age": "met",
        "duration": "failed",
        "pack-years": "failed",
        "abstinence": "failed",
        "ct-interval": "met",
    }
    assert in_words(receipt, "abstinence") == ["Rauchfrei seit 12 Jahren. Verlangt: weniger als 10 Jahre."]


def test_a_pause_of_eight_years_counts_and_keeps_the_years_before() -> None:
    receipt = decide(52, smoked(1992, 2004), smoked(2012, None))
    assert receipt.decision is Decision.ELIGIBLE
    assert in_words(receipt, "duration")[-1].startswith("Zusammen 34 Jahre.")
    assert in_words(receipt, "pack-years")[-1].startswith("Zusammen 26 Packungsjahre.")


def test_a_pause_of_eleven_years_leaves_only_the_second_block() -> None:
    receipt = decide(52, smoked(1992, 2001), smoked(2012, None))
    assert receipt.decision is Decision.NOT_ELIGIBLE
    assert in_words(receipt, "duration") == [
        "23.11.1992 bis 23.11.2001 geraucht (9 Jahre): zählt nicht, weil danach eine Pause von mindestens "
        "zehn Jahren lag.",
        "Pause 23.11.2001 bis 23.11.2012: 11 Jahre. Nicht kürzer als 10 Jahre, also zählen sie und alles "
        "davor nicht.",
        "Seit 23.11.2012 geraucht, bis heute: 14 Jahre.",
        "Zusammen 14 Jahre. Verlangt: mindestens 25 Jahre.",
    ]
    assert in_words(receipt, "pack-years")[-1].startswith("Zusammen 14 Packungsjahre.")


def test_a_pause_of_exactly_ten_years_breaks_and_one_day_less_does_not() -> None:
    start = SmokingInterval(date(1990, 1, 1), date(2002, 1, 1), Fraction(20))
    at_limit = SmokingInterval(date(2012, 1, 1), None, Fraction(20))
    day_before = SmokingInterval(date(2011, 12, 31), None, Fraction(20))
    assert not count_smoking((start, at_limit), TODAY, pause_limit_years=10).pauses[0].counts
    assert count_smoking((start, day_before), TODAY, pause_limit_years=10).pauses[0].counts


@pytest.mark.parametrize(
    ("born", "outcome"),
    [
        (date(1976, 11, 23), "met"),  # fiftieth birthday today
        (date(1976, 11, 24), "failed"),  # tomorrow
        (date(1950, 11, 24), "met"),  # seventy-sixth birthday tomorrow
        (date(1950, 11, 23), "failed"),  # today
    ],
)
def test_age_is_counted_by_birthdays(born: date, outcome: str) -> None:
    facts = ScreeningFacts(born, (smoked(1990, None),), NO_CT)
    assert decide_lung_screening(facts, TODAY, RULE).criterion("age").outcome.value == outcome


def test_born_on_29_february_turns_fifty_on_1_march() -> None:
    facts = ScreeningFacts(date(1976, 2, 29), (smoked(1990, None),), NO_CT)
    assert decide_lung_screening(facts, date(2026, 2, 28), RULE).criterion("age").outcome is Outcome.FAILED
    assert decide_lung_screening(facts, date(2026, 3, 1), RULE).criterion("age").outcome is Outcome.MET


def test_exactly_25_years_and_exactly_15_pack_years_are_enough() -> None:
    receipt = decide(60, smoked(2001, None, 12))
    assert receipt.decision is Decision.ELIGIBLE
    one_day_short = SmokingInterval(date(2001, 11, 24), None, Fraction(12))
    receipt = decide(60, one_day_short)
    assert [criterion.id for criterion in receipt.failed] == ["duration", "pack-years"]
    assert "Zusammen 24,99 Jahre." in in_words(receipt, "duration")[-1]


@pytest.mark.parametrize(
    ("ct", "outcome", "words"),
    [
        (PriorCt(None), "met", "Bisher keine CT der Lunge."),
        (PriorCt(date(2025, 11, 23)), "met", "Letzte CT der Lunge am 23.11.2025. Mindestens 12 Monate her."),
        (
            PriorCt(date(2025, 11, 24)),
            "failed",
            "Letzte CT der Lunge am 24.11.2025. Frühestens wieder am 24.11.2026.",
        ),
        (
            PriorCt(date(2026, 8, 1), control_requiring=True),
            "met",
            "Letzte CT der Lunge am 01.08.2026, Befund kontrollbedürftig: Eine frühere Untersuchung "
            "ist zulässig. Den Zeitpunkt empfehlen die Befundenden gemeinsam (§ 5 Abs. 3).",
        ),
    ],
)
def test_a_ct_within_twelve_months_forbids_another_except_after_a_finding_to_control(
    ct: PriorCt, outcome: str, words: str
) -> None:
    criterion = decide(60, smoked(1990, None), ct=ct).criterion("ct-interval")
    assert criterion.outcome.value == outcome
    assert RULE.step(criterion.steps[0], "de") == words
    assert ("Abs. 2" in criterion.citation.removeprefix("LuKrFrühErkV § 2 Abs. 1")) == ct.control_requiring


def test_what_is_not_known_is_named_and_never_taken_for_no() -> None:
    unknown = decide_lung_screening(ScreeningFacts(None, None, None), TODAY, RULE)
    assert unknown.decision is Decision.CANNOT_DECIDE
    assert unknown.missing == ("birth-date", "smoking-history", "last-lung-ct")
    receipt = decide(60, smoked(1990, None, None), ct=None)
    assert receipt.decision is Decision.CANNOT_DECIDE
    assert receipt.missing == ("cigarettes-per-day", "last-lung-ct")


def test_one_failed_criterion_refuses_even_when_others_are_open() -> None:
    facts = ScreeningFacts(date(1980, 1, 1), None, None)
    receipt = decide_lung_screening(facts, TODAY, RULE)
    assert receipt.decision is Decision.NOT_ELIGIBLE
    assert [criterion.id for criterion in receipt.failed] == ["age"]


def test_an_unknown_amount_does_not_matter_once_the_known_ones_reach_15() -> None:
    receipt = decide(60, smoked(1985, 1990, None), smoked(1990, None, 20))
    assert receipt.criterion("pack-years").outcome is Outcome.MET


def test_overlapping_or_impossible_intervals_are_asked_about() -> None:
    assert decide(60, smoked(1990, 2005), smoked(2000, None)).missing == ("smoking-overlap",)
    assert decide(60, smoked(1950, None)).missing == ("smoking-before-birth",)


def test_a_year_alone_decides_only_when_the_month_cannot_matter() -> None:
    from_year = SmokingInterval(date(2001, 1, 1), None, Fraction(20), start_uncertain_months=11)
    assert decide(60, from_year).criterion("duration").outcome is Outcome.UNDECIDED
    assert decide(60, from_year).missing == ("smoking-months",)
    assert in_words(decide(60, from_year), "duration")[0] == "Seit 2001 geraucht, bis heute: 25,89 Jahre."
    earlier = replace(from_year, start=date(1999, 1, 1))
    assert decide(60, earlier).decision is Decision.ELIGIBLE


def test_ongoing_abstinence_is_reported_in_both_readings_and_the_safe_one_decides() -> None:
    receipt = decide(60, smoked(1999, 2020))
    assert receipt.criterion("duration").outcome is Outcome.FAILED
    note = RULE.step(receipt.notes[0], "de")
    assert "Ohne sie 21 Jahre, mit ihr 27 Jahre. Das Ergebnis hängt davon ab." in note
    agreed = decide(60, smoked(1990, 2020))
    assert "Both readings give the same result." in RULE.step(agreed.notes[0], "en")


def test_someone_who_never_smoked_is_refused_and_not_asked_again() -> None:
    receipt = decide(60)
    assert receipt.decision is Decision.NOT_ELIGIBLE
    assert receipt.missing == ()


def test_the_receipt_names_rule_version_and_citation() -> None:
    receipt = decide(60, smoked(1990, None))
    assert (receipt.rule_id, receipt.rule_version) == ("lukrfruehrkv-2", "2024-07-01")
    assert receipt.citation == "LuKrFrühErkV § 2"
    assert receipt.criterion("duration").citation == "LuKrFrühErkV § 2 Abs. 1 Nr. 3 a aa"
    assert receipt.decided_on == TODAY


def test_before_its_first_day_the_rule_refuses_to_rule() -> None:
    facts = ScreeningFacts(date(1966, 1, 1), (smoked(1984, None),), NO_CT)
    with pytest.raises(Unprocessable, match="not in force"):
        decide_lung_screening(facts, date(2024, 6, 30), RULE)


def test_an_impossible_interval_is_refused_by_its_own_type() -> None:
    with pytest.raises(InvalidInput, match="ends before it starts"):
        SmokingInterval(date(2000, 1, 1), date(1999, 1, 1), None)
    with pytest.raises(InvalidInput, match="between 1 and 200"):
        SmokingInterval(date(2000, 1, 1), None, Fraction(0))


def test_a_document_that_claims_to_be_verified_without_an_approver_is_refused() -> None:
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    with pytest.raises(InvalidInput, match="verified needs approver"):
        parse_rule({**data, "verified": True})
    with pytest.raises(InvalidInput, match="thresholds"):
        parse_rule({key: value for key, value in data.items() if key != "thresholds"})


def test_every_sentence_exists_in_both_languages_with_the_same_places() -> None:
    german, english = RULE.words["de"], RULE.words["en"]
    assert german.keys() == english.keys()
    for key in german:
        assert set(_places(german[key])) == set(_places(english[key])), key
    for item in RULE.checklist:
        assert f"check.{item.id}" in german


def _places(sentence: str) -> list[str]:
    return [part.split("}")[0] for part in sentence.split("{")[1:]]
