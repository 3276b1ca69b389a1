"""What one person's Consents permit, and which provision decided."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest

from mihub.core.consent.periods import Periods
from mihub.core.consent.policy import PolicyCode, broad_consent
from mihub.core.consent.ruling import FIRST_DAY, Ruling, rule
from mihub.errors import Unprocessable

TODAY = date(2026, 11, 23)
CATALOGUE = broad_consent()
USE = frozenset({PolicyCode("8")})


def provision(decision: str, *codes: str, start: str = "", end: str = "", **more: Any) -> dict[str, Any]:
    coded = [{"coding": [{"system": CATALOGUE.system, "code": CATALOGUE.prefix + code}]} for code in codes]
    period = {name: day for name, day in (("start", start), ("end", end)) if day}
    return {
        "type": decision,
        **({"code": coded} if coded else {}),
        **({"period": period} if period else {}),
        **more,
    }


def consent(*provisions: dict[str, Any], number: str = "1", status: str = "active") -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": number,
        "status": status,
        "dateTime": "2023-03-01",
        "provision": provision("deny", start="2023-03-01", end="2053-02-28", provision=list(provisions)),
    }


USE_8 = provision("permit", "8", start="2023-03-01", end="2053-02-28")
COLLECT_6 = provision("permit", "6", start="2023-03-01", end="2028-02-28")
RETRO_45 = provision("permit", "45", start="2023-03-01", end="2053-02-28")


def ruling(*consents: dict[str, Any], required: frozenset[PolicyCode] = USE) -> Ruling:
    return rule(consents, required, CATALOGUE, TODAY)


def window(low: date, high: date) -> Periods:
    return Periods.of([(low, high)])


def test_use_and_collection_open_the_collection_period_only() -> None:
    given = ruling(consent(USE_8, COLLECT_6))
    assert given.permitted
    assert given.windows == window(date(2023, 3, 1), date(2028, 2, 28))
    assert [reason.path for reason in given.periods[0].reasons] == ["provision.provision[1]"]


@pytest.mark.parametrize(
    ("consents", "because"),
    [
        ([], "code 8 is not permitted today"),
        ([consent(USE_8)], "code 6 permits no day"),
        ([consent(COLLECT_6)], "code 8 is not permitted today"),
        ([consent(USE_8, COLLECT_6, status="inactive")], "code 8 is not permitted today"),
        ([consent(provision("permit", "8", end="2026-11-22"), COLLECT_6)], "code 8 is not permitted today"),
        (
            [consent(USE_8, COLLECT_6), consent(provision("deny", "8"), number="2")],
            "code 8 is not permitted today",
        ),
        (
            [consent(USE_8, COLLECT_6), consent(provision("deny", "1"), number="2")],
            "code 8 is not permitted today",
        ),
        ([consent(USE_8, COLLECT_6, provision("deny"))], "code 8 is not permitted today"),
        ([consent(provision("permit", "1"), COLLECT_6)], "code 8 is not permitted today"),
        ([consent(provision("permit", "8", start="soon"), COLLECT_6)], "code 8 is not permitted today"),
    ],
)
def test_what_is_missing_or_denied_is_named(consents: list[dict[str, Any]], because: str) -> None:
    given = ruling(*consents)
    assert not given.permitted
    assert given.because == because
    assert not given.windows


def test_a_collection_period_lasts_five_years_whatever_the_document_says() -> None:
    long = provision("permit", "6", start="2019-05-10", end="2049-05-31")
    open_end = provision("permit", "6")
    old = {**consent(USE_8, long), "provision": provision("deny", provision=[USE_8, long])}
    assert ruling(old).windows == window(date(2019, 5, 10), date(2024, 5, 10))
    assert ruling(consent(USE_8, open_end)).windows == window(date(2023, 3, 1), date(2028, 3, 1))


def test_the_retrospective_module_opens_the_time_before() -> None:
    given = ruling(consent(USE_8, COLLECT_6, RETRO_45))
    assert given.windows == window(FIRST_DAY, date(2028, 2, 28))
    elsewhere = ruling(consent(USE_8, COLLECT_6), consent(RETRO_45, number="2"))
    assert elsewhere.windows.intervals[0][0] == date(2023, 3, 1), "it must stand in the same Consent"


def test_inactive_codes_permit_nothing_and_may_not_be_asked_for() -> None:
    given = ruling(consent(USE_8, COLLECT_6, provision("permit", "46")))
    assert given.windows == window(date(2023, 3, 1), date(2028, 2, 28))
    assert [one.because for one in given.ignored] == ["its code is unknown or no longer in force"]
    with pytest.raises(Unprocessable, match="no longer in force"):
        CATALOGUE.required(["46"])
    with pytest.raises(Unprocessable, match="unknown"):
        CATALOGUE.required([CATALOGUE.prefix + "999"])


def test_several_consents_add_up() -> None:
    later = provision("permit", "6", start="2030-01-01", end="2034-12-31")
    given = ruling(consent(USE_8, COLLECT_6), consent(later, number="2"))
    assert given.windows.intervals == (
        (date(2023, 3, 1), date(2028, 2, 28)),
        (date(2030, 1, 1), date(2034, 12, 31)),
    )


def test_a_month_narrows_a_permit_and_widens_a_deny() -> None:
    given = ruling(consent(USE_8, COLLECT_6, provision("deny", "6", start="2024-02", end="2024-02")))
    assert given.windows.intervals[0][1] == date(2024, 1, 31)
    assert given.windows.intervals[1][0] == date(2024, 3, 1)
    narrow = ruling(consent(USE_8, provision("permit", "6", start="2024-02", end="2025")))
    assert narrow.windows == window(date(2024, 2, 29), date(2025, 1, 1))


def test_the_published_examples_are_read(shared: Any) -> None:
    for path in sorted((shared / "data" / "mii-testdata" / "bundles").glob("bundle-pat-*.json")):
        resources = [entry["resource"] for entry in orjson.loads(path.read_bytes())["entry"]]
        found = [one for one in resources if one["resourceType"] == "Consent"]
        if found:
            given = rule(found, USE, CATALOGUE, date(2024, 6, 1))
            assert given.windows or given.because, path.name
