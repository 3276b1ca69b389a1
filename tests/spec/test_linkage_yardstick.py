"""How well linkage finds the persons of the synthetic region, with and without insurance numbers."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.linkage.encode import encode
from mihub.core.linkage.normalise import identity_of
from mihub.core.linkage.score import Candidate, RecordKey
from mihub.core.linkage.solve import Clusters
from mihub.synth.region import write_region

KEY = b"a key that only the sites hold!!"
PEOPLE = 1500


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linkage")
    write_region(folder, seed=11, people=PEOPLE, today=date(2026, 11, 23))
    return folder


def patients(region: Path) -> list[tuple[RecordKey, dict[str, Any]]]:
    found = []
    for file in sorted(region.glob("*/fhir/*Patient.ndjson")):
        member = file.parent.parent.name
        for line in file.read_bytes().splitlines():
            patient = orjson.loads(line)
            numbers = [
                one["value"]
                for one in patient["identifier"]
                if one["system"].endswith(f"/{member}/patient-id")
            ]
            found.append((RecordKey(member, numbers[0]), patient))
    return found


def pairs(groups: Mapping[RecordKey, Hashable]) -> set[tuple[RecordKey, RecordKey]]:
    by_group = defaultdict(list)
    for key, group in groups.items():
        by_group[group].append(key)
    return {pair for keys in by_group.values() for pair in itertools.combinations(sorted(keys), 2)}


@pytest.mark.parametrize(
    ("insured", "precision", "recall"), [(True, 0.995, 0.98), (False, 0.99, 0.95)], ids=["with", "without"]
)
def test_the_persons_of_the_region_are_found(
    region: Path, insured: bool, precision: float, recall: float
) -> None:
    records = patients(region)
    truth = {
        RecordKey(*record): person
        for person, own in orjson.loads((region / "truth.json").read_bytes()).items()
        for record in own
    }
    arriving = [candidate(key, patient, insured) for key, patient in records]
    # Sites hand in their patients in an order that nobody chooses.
    random.Random(5).shuffle(arriving)
    clusters = Clusters(counter())
    for one in arriving:
        clusters.add(one)
    found = pairs(clusters.persons())
    true = pairs({key: truth[key] for key, _ in records})
    right = len(found & true)
    print(
        f"linkage: records={len(records)} precision={right / len(found):.4f} recall={right / len(true):.4f}"
    )
    assert len(true) > 1000
    assert right / len(found) >= precision
    assert right / len(true) >= recall


def candidate(key: RecordKey, patient: dict[str, Any], insured: bool) -> Candidate:
    encoding = encode(identity_of(patient), KEY)
    insurance = encoding.insurance if insured else ""
    return Candidate(key, int.from_bytes(encoding.clk, "big"), frozenset(encoding.blocks), insurance)


def counter() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"p{next(numbers)}"
