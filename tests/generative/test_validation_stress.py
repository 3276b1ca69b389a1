"""Resources of every type, broken by chance: always an answer, never a value of the resource in it, work that is bounded.

A canary stands in every text of a resource, in names of elements and behind addresses: no finding, no sentence, no
OperationOutcome, no row of a page and no line of the log may sing.
"""

from __future__ import annotations

import json
import logging
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir.definitions.core import core_definitions
from mihub.site.quarantine.told import outcome, row
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.finding import Finding
from mihub.site.validate.sentences import sentence
from mihub.site.validate.validator import ProfileValidator
from tests.resource_maker import broken, make, places, resource_types

CANARY = "Kanarienvogel-4711"
SEEDS = st.integers(0, 10_000)
TYPES = st.sampled_from(resource_types())
VALIDATOR = ProfileValidator(core_definitions(), Terminology(core_definitions()))


def sung(resource: Any, how: str) -> Any:
    """The resource with the canary in every text."""
    copy = deepcopy(resource)
    for holder, key in list(places(copy)):
        value = holder[key]
        if not isinstance(value, str) or key == "resourceType":
            continue
        if how == "instead":
            holder[key] = CANARY
        elif how == "behind an address":
            holder[key] = f"{value}?q={CANARY}" if ":" in value else f"{value}#{CANARY}"
        elif how == "with a space":
            holder[key] = f"{value} {CANARY}"
        else:
            # Addresses of systems, extensions and profiles are shown: they name what was published.
            named = key in ("url", "system", "valueSet") or isinstance(key, int)
            holder[key] = value if named else f"urn:x:{CANARY}"
    return copy


def renamed(resource: dict[str, Any]) -> dict[str, Any]:
    """One element more everywhere, named like content."""
    copy = deepcopy(resource)
    for holder, _ in list(places(copy)):
        if isinstance(holder, dict):
            holder[CANARY] = CANARY
            holder[f"_{CANARY}"] = {"id": CANARY, "extension": [{"url": CANARY, "valueString": CANARY}]}
    return copy


def silent(found: list[Finding]) -> None:
    told = [str(one) for one in found]
    told += [sentence(one, language) for one in found for language in ("de", "en")]
    told += [json.dumps(row(one, "de"), default=str) for one in found]
    told.append(json.dumps(outcome((("", one) for one in found), "en"), default=str))
    assert not [one for one in told if CANARY.lower() in one.lower()]


@given(TYPES, SEEDS, st.sampled_from(["instead", "behind an address", "with a space", "as an address"]))
@settings(max_examples=100, deadline=None)
def test_no_finding_holds_a_value(name: str, seed: int, how: str) -> None:
    made = broken(make(name, seed, fill=0.4), seed)[1]
    silent(VALIDATOR.validate(sung(made, how)))


@given(TYPES, SEEDS)
@settings(max_examples=60, deadline=None)
def test_no_finding_holds_a_name_that_looks_like_content(name: str, seed: int) -> None:
    silent(VALIDATOR.validate(renamed(make(name, seed))))


@given(TYPES, SEEDS)
@settings(max_examples=40, deadline=None)
def test_no_finding_on_bytes_holds_a_part_of_the_text(name: str, seed: int) -> None:
    body = json.dumps(sung(make(name, seed), "instead")).encode()
    silent(VALIDATOR.validate_bytes(body[: len(body) * 2 // 3]))
    silent(
        VALIDATOR.validate_bytes(
            body.replace(b"{", b'{"' + CANARY.encode() + b'": 1, "' + CANARY.encode() + b'": NaN, ', 1)
        )
    )


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in resource_types()[::12]:
            VALIDATOR.validate(sung(broken(make(name, 1), 1)[1], "instead"))
    assert CANARY not in caplog.text


@pytest.mark.parametrize("name", resource_types())
def test_whatever_is_broken_is_answered(name: str) -> None:
    for seed in range(4):
        resource = broken(broken(make(name, seed), seed)[1], seed + 1)[1]
        before = deepcopy(resource)
        found = VALIDATOR.validate(resource)
        assert resource == before
        assert all(not one.rule.startswith(("invariant-deadline", "validator-failed")) for one in found)


@pytest.mark.soak
def test_whatever_is_broken_is_answered_many_times() -> None:
    for name in resource_types():
        for seed in range(4, 200):
            VALIDATOR.validate(broken(broken(make(name, seed, fill=0.5), seed)[1], seed + 1)[1])
