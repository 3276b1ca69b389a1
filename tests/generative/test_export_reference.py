"""A bulk export of a random record equals what a naive reader of the change log would have exported, whatever is asked."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.fhir.dates import zone
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.site.api.export import record_of
from mihub.site.export import writing
from mihub.site.export.made import Made, made_of, stored
from mihub.site.export.request import conditions
from mihub.site.export.wish import Level, Wish
from mihub.site.export.writing import Writing
from mihub.site.search.extract import indexer
from mihub.site.site import Site
from mihub.site.store.protocol import Delete, Put, Version
from tests.store_record import access, open_site, postgres  # noqa: F401  # fixtures

Json = dict[str, Any]
KINDS = ("Patient", "Observation", "Condition", "Organization", "Medication", "MedicationRequest")
IN_COMPARTMENT = frozenset({"Patient", "Observation", "Condition", "MedicationRequest"})
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def site(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path_factory.mktemp("site"))
    yield opened
    opened.close()


def resource(kind: str, name: str, dice: random.Random) -> Json:
    body: Json = {"resourceType": kind, "id": name, "text": {"status": "empty", "div": str(dice.random())}}
    patient = {"reference": f"Patient/p{dice.randrange(4)}"}
    if kind in ("Observation", "Condition", "MedicationRequest"):
        body["subject"] = patient
    if kind == "Observation":
        body |= {"status": dice.choice(["final", "amended"]), "code": {"text": "x"}}
        if dice.random() < 0.2:
            body["performer"] = [{"reference": f"Patient/p{dice.randrange(4)}"}]
    if kind == "MedicationRequest":
        body |= {
            "status": "active",
            "intent": "order",
            "medicationReference": {"reference": f"Medication/{kind}{dice.randrange(3)}"},
        }
    if dice.random() < 0.15:
        body["meta"] = {"security": [{"code": "NOPAT"}]}
    return body


def change(site: Site, dice: random.Random, steps: int) -> None:
    for _ in range(steps):
        kind = dice.choice(KINDS)
        # A Medication is named as if by the requests that refer to it.
        prefix = {"Patient": "p", "Medication": "MedicationRequest"}.get(kind, kind)
        name = f"{prefix}{dice.randrange(4 if kind == 'Patient' else 3)}"
        entry = Delete(kind, name) if dice.random() < 0.2 else Put(resource(kind, name, dice))
        site.store.write([entry], access())


def latest(site: Site, upto: int) -> dict[str, Version]:
    """The newest version of each resource up to a position."""
    found: dict[str, Version] = {}
    for version in site.store.changes(0, 1_000_000):
        if version.position <= upto:
            found[f"{version.resource_type}/{version.id}"] = version
    return found


def before(site: Site, version: Version) -> Json:
    """What a deleted resource said last."""
    old = site.store.vread(version.resource_type, version.id, version.version_id - 1, access())
    assert old is not None
    assert old.body is not None
    found: Json = orjson.loads(old.body)
    return found


def naive(site: Site, wish: Wish, within: Restriction, upto: int) -> tuple[dict[str, bytes], set[str]]:
    """Bodies and deleted keys, worked out resource by resource without a database."""
    index = indexer(site.catalogue, zone(site.settings.time_zone))
    current = latest(site, upto)
    read = {key: orjson.loads(one.body) for key, one in current.items() if one.body is not None}
    rows = {key: index(body) for key, body in read.items()}

    def theirs(patients: tuple[str, ...]) -> bool:
        return bool(patients) if wish.patients is None else bool(set(wish.patients) & set(patients))

    def seen(key: str) -> bool:
        return within.allows(key.partition("/")[0], rows[key].patients, withheld=rows[key].withheld)

    referred = {
        f"{link[1]}/{link[2]}"
        for key in rows
        if theirs(rows[key].patients) and seen(key)
        for link in rows[key].links
    }
    kinds = set(wish.types or (IN_COMPARTMENT if wish.of_patients else KINDS))
    wanted: dict[str, bytes] = {}
    for key, body in read.items():
        kind, version = key.partition("/")[0], current[key]
        mine = not wish.of_patients or (
            theirs(rows[key].patients) if kind in IN_COMPARTMENT else key in referred
        )
        newer = wish.since is None or version.last_updated > wish.since
        filters = [query for named, query in wish.filters if named == kind]
        fits = not filters or any(query == f"status={body.get('status')}" for query in filters)
        if kind in kinds and mine and newer and fits and seen(key):
            wanted[key] = version.body or b""
    gone = set()
    for key, version in current.items():
        kind = key.partition("/")[0]
        in_types = kind in (wish.types or KINDS)
        if version.body is None and in_types and wish.since is not None and version.last_updated > wish.since:
            last = index(before(site, version))
            allowed = within.allows(kind, last.patients, withheld=last.withheld)
            if allowed and (not wish.of_patients or theirs(last.patients)):
                gone.add(key)
    return wanted, gone


def exported(
    site: Site, wish: Wish, within: Restriction, folder: Path
) -> tuple[Made, list[tuple[str, bytes]], set[str]]:
    folder.mkdir()
    made = Writing(record_of(site), wish, folder, lambda _: None, lambda: None).run(
        Made(), conditions(wish.filters, site.parser), access(), within
    )
    lines = [
        (file.resource_type, line)
        for file in made.files
        if file.kind == "output"
        for line in (folder / file.name).read_bytes().splitlines()
    ]
    deleted = {
        entry["request"]["url"]
        for file in made.files
        if file.kind == "deleted"
        for line in (folder / file.name).read_bytes().splitlines()
        for entry in orjson.loads(line)["entry"]
    }
    return made, lines, deleted


RESTRICTIONS = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        Restriction,
        open_types=st.frozensets(st.sampled_from(KINDS)),
        patient_types=st.frozensets(st.sampled_from(KINDS)),
        patient_id=st.sampled_from(["p0", "p1", "unknown"]),
        sees_withheld=st.booleans(),
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    level=st.sampled_from(["system", "patient", "group"]),
    types=st.none() | st.lists(st.sampled_from(KINDS), min_size=1, unique=True),
    filters=st.lists(st.sampled_from(["status=final", "status=amended"]), max_size=2, unique=True),
    patients=st.lists(st.sampled_from(["p0", "p1", "p2", "nobody"]), max_size=3, unique=True),
    since=st.none() | st.integers(0, 30),
    within=RESTRICTIONS,
)
def test_an_export_equals_a_naive_reading(
    site: Site,
    tmp_path: Path,
    seed: int,
    level: Level,
    types: list[str] | None,
    filters: list[str],
    patients: list[str],
    since: int | None,
    within: Restriction,
) -> None:
    """Also for a restriction of any shape: nothing that is not allowed is in a file or named as deleted."""
    dice = random.Random(seed)
    change(site, dice, 12)
    changes = site.store.changes(0, 1_000_000)
    moment: datetime | None = (
        None if since is None else changes[max(0, len(changes) - 1 - since)].last_updated
    )
    wish = Wish(
        level=level,
        types=tuple(types) if types else None,
        since=moment,
        filters=tuple(("Observation", one) for one in filters if not types or "Observation" in types),
        patients=tuple(patients) if level == "group" else None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_PORTION_ROWS", dice.choice([1, 2, 100]))
        patch.setattr(writing, "FILE_BYTES", dice.choice([1, 500, 1_000_000]))
        made, lines, deleted = exported(site, wish, within, tmp_path / f"e{next(NUMBERS)}")
    wanted, gone = naive(site, wish, within, made.position)
    found = [(f"{kind}/{orjson.loads(line)['id']}", line) for kind, line in lines]
    assert sorted(found) == sorted(wanted.items())
    assert deleted == gone
    # Whatever is written later has a later time than the one that the export gives for the next _since.
    change(site, dice, 3)
    later = [
        one
        for one in site.store.changes(made.position, 100)
        if one.last_updated <= datetime.fromisoformat(made.time)
    ]
    assert later == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 12))
def test_an_interrupted_export_equals_a_whole_one(site: Site, tmp_path: Path, seed: int, cut: int) -> None:
    """Ended after any portion, with the record changed under it, it ends with the state of its beginning."""
    dice = random.Random(seed)
    change(site, dice, 30)
    folder, kept = tmp_path / f"i{next(NUMBERS)}", list[bytes]()
    folder.mkdir()

    class End(Exception):
        pass

    def step() -> None:
        nonlocal cut
        cut -= 1
        if cut < 0 and kept:
            cut = dice.randrange(1, 6)
            raise End

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_PORTION_ROWS", 2)
        patch.setattr(writing, "_KEPT_BYTES", 300)
        patch.setattr(writing, "FILE_BYTES", 700)
        made = Made()
        while True:
            run = Writing(
                record_of(site), Wish(), folder, lambda done: kept.append(orjson.dumps(stored(done))), step
            )
            try:
                made = run.run(made, {}, access(), EVERYTHING)
                break
            except End:
                made = made_of(orjson.loads(kept[-1]))
                change(site, dice, 5)
    wanted, _ = naive(site, Wish(), EVERYTHING, made.position)
    bodies = [line for file in made.files for line in (folder / file.name).read_bytes().splitlines()]
    assert sorted(bodies) == sorted(wanted.values())
    assert made.erased == 0
