"""`genomde-consent-check` on 200 made MII consents, right and wrong: against our validator, and against how consents are read.

Its errors of structure, required parts and terminology are the validator's business; its warnings (periods, groups,
contradictions) are not a profile's: what `core.consent` makes of such consents is asserted here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mihub.apps.conformance.validation import opened
from mihub.core.consent.policy import broad_consent
from mihub.core.consent.provisions import Ignored, Statement, statements

checker = pytest.importorskip("genomde_consent_check.checker")

PROFILE = "https://www.medizininformatik-initiative.de/fhir/modul-consent/StructureDefinition/mii-pr-consent-einwilligung"
POLICY = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
PREFIX = "2.16.840.1.113883.3.1937.777.24.5.3."
CATEGORY = "https://www.medizininformatik-initiative.de/fhir/modul-consent/CodeSystem/mii-cs-consent-consent_category"
Json = dict[str, Any]


def provision(number: int, years: int, start: int = 2022, kind: str = "permit") -> Json:
    return {
        "type": kind,
        "period": {"start": f"{start}-05-01", "end": f"{start + years}-05-01"},
        "code": [{"coding": [{"system": POLICY, "code": f"{PREFIX}{number}"}]}],
    }


def consent(chance: random.Random) -> Json:
    """A consent as the module has it: deny outside, permits of parts inside, 30 and 5 years."""
    parts = [provision(8, 30), provision(6, 5)]
    parts += [
        provision(number, 30) for number in chance.sample([2, 3, 4, 5, 7, 9, 45, 37], chance.randrange(4))
    ]
    return {
        "resourceType": "Consent",
        "id": f"c{chance.randrange(1000)}",
        "meta": {"profile": [PROFILE]},
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]
        },
        "category": [
            {"coding": [{"system": "http://loinc.org", "code": "57016-8"}]},
            {"coding": [{"system": CATEGORY, "code": "2.16.840.1.113883.3.1937.777.24.2.184"}]},
        ],
        "patient": {"reference": "Patient/1"},
        "dateTime": "2022-05-01",
        "policy": [{"uri": "urn:oid:2.16.840.1.113883.3.1937.777.24.2.1790"}],
        "provision": {
            "type": "deny",
            "period": {"start": "2022-05-01", "end": "2052-05-01"},
            "provision": parts,
        },
    }


def drop(*path: Any) -> Callable[[Json], None]:
    def change(made: Json) -> None:
        node: Any = made
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]

    return change


def put(value: Any, *path: Any) -> Callable[[Json], None]:
    def change(made: Json) -> None:
        node: Any = made
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = value

    return change


INNER = ("provision", "provision", 0)
# What is wrong -> how it is made wrong. Both must call it an error.
WRONG: dict[str, Callable[[Json], None]] = {
    "no status": drop("status"),
    "no scope": drop("scope"),
    "another scope": put("treatment", "scope", "coding", 0, "code"),
    "no category of LOINC": drop("category", 0),
    "no category of the MII": drop("category", 1),
    "no patient": drop("patient"),
    "no date": drop("dateTime"),
    "no policy": drop("policy"),
    "no type of the provision": drop("provision", "type"),
    "no period": drop("provision", "period"),
    "no end of the period": drop("provision", "period", "end"),
    "a code outside": put([{"coding": [{"system": POLICY, "code": PREFIX + "8"}]}], "provision", "code"),
    "a part without type": drop(*INNER, "type"),
    "a part without period": drop(*INNER, "period"),
    "a part without end": drop(*INNER, "period", "end"),
    "a part without code": drop(*INNER, "code"),
    "a code of nobody": put(PREFIX + "999", *INNER, "code", 0, "coding", 0, "code"),
    "a code of another system": put("http://loinc.org", *INNER, "code", 0, "coding", 0, "system"),
    "a part of a part": put([provision(8, 30)], *INNER, "provision"),
    "an empty text": put("", "dateTime"),
    "a day that is none": put("2022-5-1", "dateTime"),
    "a part that ends before it starts": put({"start": "2030-01-01", "end": "2022-01-01"}, *INNER, "period"),
    "an element of nobody": put("x", "einwilligung"),
}
# Allowed by the profile: theirs warns at most, and ours has no error.
ALLOWED: dict[str, Callable[[Json], None]] = {
    "a group in place of its parts": put(PREFIX + "1", *INNER, "code", 0, "coding", 0, "code"),
    "ten years": put({"start": "2022-05-01", "end": "2032-05-01"}, *INNER, "period"),
    "five years for thirty": put({"start": "2022-05-01", "end": "2027-05-01"}, *INNER, "period"),
    "twenty years outside": put({"start": "2022-05-01", "end": "2042-05-01"}, "provision", "period"),
    "starts before it was signed": put("2023-01-01", "dateTime"),
    "no provision": drop("provision"),
    "no parts": drop("provision", "provision"),
    "a permit of everything": put("permit", "provision", "type"),
    "permitted and denied": lambda made: made["provision"]["provision"].append(provision(8, 30, kind="deny")),
    "no id": drop("id"),
    "a patient by identifier": put(
        {"identifier": {"system": "http://example.org/mrn", "value": "1"}}, "patient"
    ),
}
# Where theirs says error and ours does not; judged in opinions.yaml.
JUDGED = {"no provision", "no parts", "permitted and denied"}


def made(number: int) -> tuple[str, Json]:
    chance = random.Random(number)
    one = consent(chance)
    kinds = ["right", *WRONG, *ALLOWED]
    kind = kinds[number % len(kinds)]
    change = WRONG.get(kind) or ALLOWED.get(kind)
    if change is not None:
        change(one)
    return kind, one


@pytest.fixture(scope="module")
def errors(shared: Path) -> Callable[[Json], set[str]]:
    validator = opened(shared / "data")[1]

    def found(resource: Json) -> set[str]:
        said = validator.validate(resource)
        return {f"{one.rule}@{one.location}" for one in said if one.severity in ("error", "fatal")}

    return found


def test_both_call_the_same_consents_wrong(errors: Callable[[Json], set[str]]) -> None:
    disagreed: dict[str, tuple[list[str], list[str]]] = {}
    for number in range(200):
        kind, one = made(number)
        ours = errors(one)
        theirs = [
            f"{rule}: {detail}" for severity, _, rule, detail in checker.check(one) if severity == "error"
        ]
        if bool(ours) is not bool(theirs) and kind not in JUDGED:
            disagreed[kind] = sorted(ours), theirs
        assert bool(ours) is (kind in WRONG), (kind, sorted(ours))
    assert disagreed == {}


@pytest.mark.parametrize("kind", sorted(ALLOWED))
def test_what_is_allowed_never_permits_more_than_it_says(kind: str) -> None:
    """A group permits no part, five years stay five, a deny wins, and nothing lasts longer than its code."""
    one = consent(random.Random(1))
    ALLOWED[kind](one)
    said = list(statements(one, broad_consent()))
    use = [s for s in said if isinstance(s, Statement) and s.code == "8" and s.decision == "permit"]
    if kind == "a group in place of its parts":
        assert use == []
    elif kind == "ten years":
        assert [s.days[1] for s in use] == [date(2032, 5, 1)]
    elif kind == "five years for thirty":
        assert [s.days[1] for s in use] == [date(2027, 5, 1)]
    elif kind == "twenty years outside":
        assert [s.days[1] for s in use] == [date(2042, 5, 1)]
    elif kind in ("no provision", "no parts"):
        assert use == []
    elif kind == "permitted and denied":
        assert [s for s in said if isinstance(s, Statement) and s.code == "8" and s.decision == "deny"]
    else:
        assert [s.days[1] for s in use] == [date(2052, 5, 1)]
    ignored = {one.because for one in said if isinstance(one, Ignored)}
    assert ignored == {
        "no provision": {"the Consent has no provision"},
        "a permit of everything": {"a permit without a code permits nothing"},
    }.get(kind, set())


def test_a_period_longer_than_its_code_is_cut() -> None:
    one = consent(random.Random(2))
    one["provision"]["provision"][1]["period"]["end"] = "2052-05-01"
    collected = [s for s in statements(one, broad_consent()) if isinstance(s, Statement) and s.code == "6"]
    assert [s.days for s in collected] == [(date(2022, 5, 1), date(2027, 5, 1))]
