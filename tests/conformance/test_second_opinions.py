"""Second opinions: what other validators call an error, compared with ours; every class of disagreement is judged.

`opinions.yaml` is the table. A class that nobody judged fails, and so does one in which the others are still right.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mihub.apps.conformance import mutants
from mihub.apps.conformance.validation import _examples, _tests, opened
from mihub.core.fhir.definitions.core import core_definitions
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.validator import ProfileValidator
from tests.conformance.judged_opinions import Comparison
from tests.conformance.opinions import Opinion, our_opinion, pyrofile_opinion, schema_opinion
from tests.resource_maker import broken, make, resource_types

Named = tuple[str, dict[str, Any]]
# Written by `./run test` and `./run soak`; HL7's file is not copied into the repository.
SCHEMA = Path(sys.prefix) / "opinions" / "fhir.schema.json"


@pytest.fixture(scope="module")
def schema() -> Opinion:
    if not SCHEMA.exists():
        pytest.skip("needs R4's fhir.schema.json, which ./run test fetches by npm (npm is missing here)")
    return schema_opinion(SCHEMA)


# What a default run gives to pyrofile: it takes a second for every two packages.
PART = ("r4.core-4", "basisprofil", "modul-labor", "laborbefund-2", "diagnose-2", "modul-diagnose")


@pytest.fixture(scope="module")
def pyrofile(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Opinion:
    packages = [one for one in (shared / "packages").glob("*.tgz") if any(part in one.name for part in PART)]
    return pyrofile_opinion(sorted(packages), tmp_path_factory.mktemp("pyrofile"))


@pytest.fixture(scope="module")
def ours(shared: Path) -> Opinion:
    return our_opinion(opened(shared / "data")[1].validate)


@pytest.fixture(scope="module")
def r4_alone() -> Opinion:
    definitions = core_definitions()
    return our_opinion(ProfileValidator(definitions, Terminology(definitions), best_practice=False).validate)


def corpus(data: Path, wanted_mutants: int) -> list[Named]:
    """The MII test data, the packages' examples and mutants, in an order by chance that is always the same."""
    definitions, validator = opened(data)
    tests = list(_tests(data))
    valid = [
        resource
        for _, resource in (tests if wanted_mutants else ())
        if not any(found.severity in ("error", "fatal") for found in validator.validate(resource))
    ]
    made = mutants.pick(valid, definitions, wanted_mutants, 1) if wanted_mutants else []
    named = [*tests, *_examples(data), *((f"mutant {d.kind} {d.element}", d.resource) for d, _, _ in made)]
    random.Random(3).shuffle(named)
    return named


def made_by_chance(seeds: range) -> Iterator[Named]:
    for name in resource_types():
        for seed in seeds:
            resource = make(name, seed)
            yield f"{name} {seed}", resource
            how, damaged = broken(resource, seed)
            yield f"{name} {seed} {how}", damaged


def judged(comparison: Comparison, least: float) -> None:
    """Every class is judged, in none are the others right, and verdicts agree at least so often."""
    assert comparison.unjudged == {}
    assert comparison.they_are_right == {}
    assert comparison.agreed / comparison.compared >= least


def test_the_schema_on_a_part_of_other_peoples_resources(
    shared: Path, ours: Opinion, schema: Opinion
) -> None:
    named = corpus(shared / "data", 0)[:250]
    judged(Comparison("schema").over(named, ours, schema), 0.8)


def test_the_schema_on_resources_of_every_type(r4_alone: Opinion, schema: Opinion) -> None:
    comparison = Comparison("schema").over(made_by_chance(range(1)), r4_alone, schema)
    assert comparison.compared > 280
    judged(comparison, 0.6)


def test_pyrofile_on_a_part_of_other_peoples_resources(
    shared: Path, ours: Opinion, pyrofile: Opinion
) -> None:
    named = corpus(shared / "data", 0)
    known = [one for one in named if any(part in str(one[1].get("meta")) for part in PART)]
    judged(Comparison("pyrofile").over(known[:30], ours, pyrofile), 0)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_schema_on_all_of_it(shared: Path, ours: Opinion, r4_alone: Opinion, schema: Opinion) -> None:
    judged(Comparison("schema").over(corpus(shared / "data", 300), ours, schema), 0.8)
    judged(Comparison("schema").over(made_by_chance(range(1, 20)), r4_alone, schema), 0.6)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_pyrofile_on_all_of_it(shared: Path, ours: Opinion, tmp_path: Path) -> None:
    pyrofile = pyrofile_opinion(sorted((shared / "packages").glob("*.tgz")), tmp_path)
    comparison = Comparison("pyrofile").over(corpus(shared / "data", 300), ours, pyrofile)
    assert comparison.failed < 10
    judged(comparison, 0.5)
