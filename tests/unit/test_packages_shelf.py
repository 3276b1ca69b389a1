"""The shelf: what is found from where, what is generated and kept, and what another hand changes meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mihub.core.fhir.definitions.core import core_definitions
from mihub.errors import ConfigurationError, Conflict, InvalidInput, NotFound, Unavailable
from mihub.site.packages import snapshots
from mihub.site.packages.shelf import Shelf
from tests.package_maker import BASE, PATIENT, code_system, manifest, package, profile, tgz

ONE = f"{BASE}/CodeSystem/one"


@pytest.fixture(params=["file", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return Shelf.open(tmp_path / "packages.sqlite" if request.param == "file" else None)


def test_an_empty_shelf_is_r4_core_and_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "packages.sqlite"
    shelf = Shelf.open(path)
    found = shelf.structure(PATIENT)
    assert found is not None
    assert (found.known.version, found.rule) == ("4.0.1", "the program's own R4 core")
    assert found.resource["snapshot"]["element"][0]["path"] == "Patient"
    assert (shelf.list(), shelf.generation, shelf.find("http://nobody.example/x"), shelf.find("")) == (
        (),
        0,
        None,
        None,
    )
    assert sum(1 for _ in shelf.all("StructureDefinition")) == sum(
        1 for _ in core_definitions().all("StructureDefinition")
    )
    assert not path.exists()


def test_versions_stand_side_by_side(shelf: Shelf, tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        shelf.add(package(tmp_path, manifest(version=version), code_system("one", version)))
    newest, named, fallback = (
        shelf.find(ONE),
        shelf.find(f"{ONE}|1.0.0"),
        shelf.find(f"{ONE}|1.0.7", "CodeSystem"),
    )
    assert newest is not None
    assert named is not None
    assert fallback is not None
    assert (newest.resource["version"], newest.rule) == ("2.0.0", "the newest of 2 loaded versions")
    assert (named.known.package, named.rule) == ("maker.one#1.0.0", "the version that was named")
    assert fallback.rule == "1.0.7 was named and is not loaded; 1.0.0 has the same minor version 1.0"
    assert shelf.find(ONE, "ValueSet") is None
    assert shelf.find(f"{ONE}|9") is None
    assert shelf.find(f"{ONE}#part") == newest


def test_seen_from_a_package_its_dependency_counts(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(
        package(tmp_path, manifest("base", "1.0.0"), code_system("one", "1.0.0")),
        package(tmp_path, manifest("base", "2.0.0"), code_system("one", "2.0.0")),
        package(tmp_path, manifest("user", dependencies={"middle": "1.x"}), code_system("user")),
        package(tmp_path, manifest("middle", "1.7.0", dependencies={"base": "1.0.x"})),
    )
    seen = shelf.seen_from("user#1.0.0").find(ONE)
    assert seen is not None
    assert seen.known.package == "base#1.0.0"
    assert seen.rule == "the version that, over others, package user#1.0.0 depends on"
    why = shelf.why(ONE, asked_from="middle#1.7.0")
    assert [(one.package, one.wins, one.reason, one.dependents) for one in why.candidates] == [
        ("base#1.0.0", True, "the version that package middle#1.7.0 depends on", ("middle#1.7.0",)),
        ("base#2.0.0", False, "another version than 1.0.0", ()),
    ]


def test_a_package_can_not_replace_a_base_type_but_an_extension(shelf: Shelf, tmp_path: Path) -> None:
    place = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
    forged = profile("x", version="9.0.0") | {"url": PATIENT, "id": "Patient"}
    newer = profile("y", version="9.0.0") | {"url": place, "id": "patient-birthPlace"}
    shelf.add(package(tmp_path, manifest(), forged, newer))
    base, extension = shelf.find(PATIENT), shelf.find(place)
    assert base is not None
    assert extension is not None
    assert (base.known.version, base.rule) == (
        "4.0.1", "the program's own R4 core; no package can replace a base type of R4"
    )  # fmt: skip
    assert extension.known.version == "9.0.0"


def test_r4_core_as_a_package_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    core = manifest("hl7.fhir.r4.core", "4.0.1")
    patient = profile("Patient", version="4.0.1") | {"url": PATIENT, "derivation": "specialization"}
    count = sum(1 for _ in shelf.all("StructureDefinition"))
    shelf.add(package(tmp_path, core, patient, code_system("only-there", "4.0.1")))
    found, other = shelf.find(PATIENT), shelf.find(f"{BASE}/CodeSystem/only-there")
    assert found is not None
    assert other is not None
    assert found.rule == "the program's own R4 core (hl7.fhir.r4.core#4.0.1 holds the same)"
    assert "differential" not in found.resource or found.resource["differential"] != patient["differential"]
    assert other.rule == "hl7.fhir.r4.core#4.0.1, which the program's own R4 core does not hold"
    assert sum(1 for _ in shelf.all("StructureDefinition")) == count


def test_adding_again_replaces_or_leaves(shelf: Shelf, tmp_path: Path) -> None:
    path = package(tmp_path, manifest(), code_system("one"))
    assert [one.label for one in shelf.add(path).added] == ["maker.one#1.0.0"]
    before = shelf.generation
    assert shelf.add(path).unchanged == ("maker.one#1.0.0",)
    assert shelf.generation == before
    package(tmp_path, manifest(), code_system("one", title="changed"))
    done = shelf.add(path)
    assert ([one.label for one in done.added], done.replaced) == (["maker.one#1.0.0"], ("maker.one#1.0.0",))
    found = shelf.find(ONE)
    assert found is not None
    assert found.resource["title"] == "changed"
    assert shelf.generation > before
    assert len(shelf.list()) == 1


def test_one_broken_package_does_not_hold_the_others(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    package(folder, manifest("a"), code_system("one"))
    (folder / "b.tgz").write_bytes(b"\x1f\x8bbroken")
    package(folder, manifest("c", fhirVersions=["5.0.0"]), code_system("two"))
    package(folder, manifest("d", dependencies={"a": "1.0.0", "gone": "3.1.0"}), code_system("three"))
    done = shelf.add(folder)
    assert [one.label for one in done.added] == ["a#1.0.0", "d#1.0.0"]
    assert [(Path(one.source).name, one.what) for one in done.refused] == [
        ("b.tgz", "The package is damaged or cut off."),
        ("c-1.0.0.tgz", "c#1.0.0 is written for FHIR 5.0.0."),
    ]
    assert [(one.name, one.asked, one.served_by) for one in done.added[1].dependencies] == [
        ("a", "1.0.0", "a#1.0.0"), ("gone", "3.1.0", "")
    ]  # fmt: skip


def test_a_shelf_over_a_shelf_knows_both(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(
        package(tmp_path, manifest("base", "1.0.0"), code_system("one", "1.0.0"), profile("upper")),
        package(tmp_path, manifest("base", "3.0.0"), code_system("one", "3.0.0")),
        package(tmp_path, manifest("user", dependencies={"base": "1.0.0"})),
    )
    above = Shelf.open(None, shelf)
    own = package(
        tmp_path,
        manifest("base", "2.0.0"),
        code_system("one", "2.0.0"),
        profile("lower", f"{BASE}/StructureDefinition/upper"),
    )
    assert above.add(own).unusable == ()
    newest, named, core = above.find(ONE), above.find(f"{ONE}|2.0.0"), above.find(PATIENT)
    assert newest is not None
    assert named is not None
    assert core is not None
    assert (newest.known.package, newest.rule) == ("base#3.0.0", "the newest of 2 loaded versions")
    assert (named.known.package, core.rule) == ("base#2.0.0", "the program's own R4 core")
    seen = above.seen_from("user#1.0.0").find(f"{BASE}/StructureDefinition/upper")
    assert seen is not None
    assert seen.known.package == "base#1.0.0"
    assert sorted(known.version for known in above.all("CodeSystem") if known.url == ONE) == [
        "1.0.0",
        "2.0.0",
        "3.0.0",
    ]
    before = above.generation
    shelf.remove("base", "3.0.0")
    assert above.generation > before
    again = above.find(ONE)
    assert again is not None
    assert again.known.package == "base#2.0.0"


def test_examples_are_data(shelf: Shelf, tmp_path: Path) -> None:
    person = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-01"}
    shelf.add(package(tmp_path, manifest(), code_system("one"), person))
    assert [(label, place, body) for label, place, body in shelf.examples()] == [
        ("maker.one#1.0.0", "Patient-p.json", person)
    ]
    assert list(shelf.examples("other#1")) == []
    (listed,) = shelf.list()
    assert (dict(listed.resources), listed.examples) == ({"CodeSystem": 1}, 1)


def test_removing_takes_everything_and_asks_which(shelf: Shelf, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        shelf.add(package(tmp_path, manifest(version=version), code_system("one", version)))
    with pytest.raises(
        Conflict, match=r"loaded: 1\.0\.0, 1\.9\.0, 1\.10\.0\..*Name one of them: maker\.one#1\.10\.0"
    ):
        shelf.remove("maker.one")
    before = shelf.generation
    assert shelf.remove("maker.one", "1.10.0").label == "maker.one#1.10.0"
    found = shelf.find(ONE)
    assert found is not None
    assert found.known.version == "1.9.0"
    assert shelf.generation > before
    with pytest.raises(NotFound, match=r"maker\.one#7 is not loaded.*loaded versions: 1\.0\.0, 1\.9\.0"):
        shelf.remove("maker.one", "7")
    with pytest.raises(NotFound, match="The package nobody is not loaded"):
        shelf.remove("nobody")


def test_why_asks_from_loaded_packages_only(shelf: Shelf, tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        shelf.add(package(tmp_path, manifest(version=version), code_system("one", version)))
    assert shelf.why(ONE, asked_from="maker.one").asked_from == "maker.one#1.10.0"
    assert shelf.why(ONE, asked_from="maker.one#1.9.0").rule == "it is in package maker.one#1.9.0 itself"
    with pytest.raises(NotFound, match=r"The package maker\.two#1 is not loaded"):
        shelf.why(ONE, asked_from="maker.two#1")


def test_why_knows_near_misses(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(package(tmp_path, manifest(), code_system("one"), {"resourceType": "Patient", "id": "p"}))
    assert shelf.why(ONE.upper().replace("HTTPS://MAKER.EXAMPLE", "https://maker.example")).hints == (
        f"Did you mean {ONE}?",
    )
    named = shelf.why(f"{ONE}|7.0.0")
    assert (named.rule, [one.reason for one in named.candidates]) == (
        "",
        ["not the version that was named (7.0.0)"],
    )
    assert shelf.why("http://nobody.example/%").hints == ()


def test_a_snapshot_is_made_kept_and_made_anew_when_its_base_changes(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    generate = snapshots.snapshot.generate

    def counted(structure: dict[str, Any], definitions: Any) -> dict[str, Any]:
        made.append(structure["id"])
        return generate(structure, definitions)

    monkeypatch.setattr(snapshots.snapshot, "generate", counted)
    base = package(tmp_path, manifest("base"), profile("upper", min=1))
    shelf.add(
        base,
        package(
            tmp_path,
            manifest("user", dependencies={"base": "1.x"}),
            profile("lower", f"{BASE}/StructureDefinition/upper", short="x"),
        ),
    )
    assert sorted(made) == ["lower", "upper"]

    def minimum() -> int:
        found = shelf.structure(f"{BASE}/StructureDefinition/lower")
        assert found is not None
        elements = {one["id"]: one for one in found.resource["snapshot"]["element"]}
        return int(elements["Patient.birthDate"]["min"])

    assert minimum() == 1
    shelf.add(package(tmp_path, manifest("stranger"), code_system("s")))
    assert minimum() == 1
    assert len(made) == 2, "nothing it was made of has changed"
    shelf.add(package(tmp_path, manifest("base"), profile("upper", min=0)))
    assert minimum() == 0
    assert sorted(made) == ["lower", "lower", "upper", "upper"]


def test_another_process_finds_the_snapshot_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "packages.sqlite"
    Shelf.open(path).add(package(tmp_path, manifest(), profile("p")))
    monkeypatch.setattr(snapshots.snapshot, "generate", lambda *_: pytest.fail("it is in the file"))
    found = Shelf.open(path).structure(f"{BASE}/StructureDefinition/p")
    assert found is not None
    assert len(found.resource["snapshot"]["element"]) > 40


def test_a_profile_that_can_not_be_used_is_named_and_the_rest_loads(shelf: Shelf, tmp_path: Path) -> None:
    url = f"{BASE}/StructureDefinition"
    done = shelf.add(
        package(
            tmp_path,
            manifest(),
            profile("good"),
            profile("contradicts", max="*"),
            profile("orphan", "http://nobody.example/base"),
            profile("a", f"{url}/b"),
            profile("b", f"{url}/a"),
            profile("broken")
            | {"differential": {"element": [{"path": "Patient.nothing", "id": "Patient.nothing"}]}},
            profile("odd") | {"differential": {"element": [{"path": ["x"], "id": 3}]}},
        )
    )
    named = {one.place: one.what for one in done.unusable}
    assert set(named) == {
        f"StructureDefinition-{name}.json" for name in ("contradicts", "orphan", "a", "b", "broken", "odd")
    }
    assert "allows *" in named["StructureDefinition-contradicts.json"]
    assert "http://nobody.example/base" in named["StructureDefinition-orphan.json"]
    assert all(one.rule and one.next_step for one in done.unusable)
    assert shelf.structure(f"{url}/good") is not None
    for _ in range(2):
        with pytest.raises(InvalidInput, match="contradicts"):
            shelf.structure(f"{url}/contradicts")


def test_a_shipped_snapshot_is_used_and_its_contradiction_told_on_request(
    shelf: Shelf, tmp_path: Path
) -> None:
    element = [{"id": "Patient", "path": "Patient"}, {"id": "Patient.birthDate", "path": "Patient.birthDate"}]
    shelf.add(package(tmp_path, manifest(), profile("own", max="*") | {"snapshot": {"element": element}}))
    found = shelf.structure(f"{BASE}/StructureDefinition/own")
    assert found is not None
    assert found.resource["snapshot"]["element"] == element
    ((label, said),) = shelf.check().items()
    assert (label, [one.place for one in said]) == ("maker.one#1.0.0", ["StructureDefinition-own.json"])
    with pytest.raises(NotFound, match="The package nobody is not loaded"):
        shelf.check("nobody")


def test_a_package_cycle_loads_and_is_named(shelf: Shelf, tmp_path: Path) -> None:
    done = shelf.add(
        package(tmp_path, manifest("a", dependencies={"b": "1.0.0"}), code_system("one")),
        package(tmp_path, manifest("b", dependencies={"a": "1.0.0"}), code_system("two")),
    )
    assert [(one.label, one.cycle) for one in done.added] == [
        ("a#1.0.0", ("b#1.0.0",)),
        ("b#1.0.0", ("a#1.0.0",)),
    ]
    assert shelf.seen_from("b#1.0.0").find(ONE) is not None


def test_every_kind_of_definition_is_kept(shelf: Shelf, tmp_path: Path) -> None:
    kinds = ["Questionnaire", "PlanDefinition", "SearchParameter", "NamingSystem", "ConceptMap", "Library", "Measure",
             "StructureMap", "ViewDefinition", "SubscriptionTopic", "GraphDefinition", "ActivityDefinition"]  # fmt: skip
    shelf.add(
        package(tmp_path, manifest(), *({"resourceType": kind, "id": "x", "url": f"{BASE}/{kind}/x"} for kind in kinds[:3]),
                {"resourceType": "NamingSystem", "id": "x", "name": "NoAddress"},
                *({"resourceType": kind, "id": "x", "url": f"{BASE}/{kind}/x"} for kind in kinds[4:]))
    )  # fmt: skip
    for kind in kinds:
        assert any(known.package == "maker.one#1.0.0" for known in shelf.all(kind)), kind


def test_a_running_shelf_sees_the_first_file_a_change_and_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "packages.sqlite"
    running, other = Shelf.open(path), Shelf.open(path)
    seen = [running.generation]
    assert running.find(ONE) is None
    other.add(package(tmp_path, manifest(), code_system("one")))
    assert running.find(ONE) is not None
    seen.append(running.generation)
    other.remove("maker.one")
    assert running.find(ONE) is None
    seen.append(running.generation)
    other.add(package(tmp_path, manifest("maker.two"), code_system("two")))
    other.close()
    path.unlink()
    assert running.find(f"{BASE}/CodeSystem/two") is None
    seen.append(running.generation)
    Shelf.open(path).add(package(tmp_path, manifest("maker.three"), code_system("one")))
    assert running.find(ONE) is not None
    seen.append(running.generation)
    assert seen == sorted(set(seen)), "it only grows"


def test_threads_read_while_another_adds(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path / "packages.sqlite")
    paths = [
        package(tmp_path, manifest(f"maker.p{i}"), code_system(f"c{i}"), profile(f"s{i}")) for i in range(12)
    ]
    done = threading.Event()

    def read() -> int:
        looks = 0
        while not done.is_set():
            for i in range(12):
                found = shelf.find(f"{BASE}/CodeSystem/c{i}")
                assert found is None or found.resource["url"].endswith(f"/c{i}")
                shelf.structure(f"{BASE}/StructureDefinition/s{i}")
                looks += 1
        return looks

    with ThreadPoolExecutor(3) as readers:
        looking = [readers.submit(read) for _ in range(3)]
        for path in paths:
            shelf.add(path)
        for i in range(6):
            shelf.remove(f"maker.p{i}")
        done.set()
        assert all(one.result() > 0 for one in looking)
    assert len(shelf.list()) == 6


@pytest.mark.parametrize(
    "body",
    [b"no database at all, but long enough to be looked at" * 40, b"SQLite format 3\0" + b"\xff" * 4096],
)
def test_a_damaged_file_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "packages.sqlite"
    path.write_bytes(body)
    with pytest.raises(
        ConfigurationError, match=r"shelf is damaged.*packages\.sqlite.*Remove the file and add"
    ):
        Shelf.open(path).find(ONE)


def test_a_file_of_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "packages.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")
    with pytest.raises(ConfigurationError, match="layout 1, found 99"):
        Shelf.open(path).list()


def test_a_closed_shelf_says_so(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path / "packages.sqlite")
    shelf.add(package(tmp_path, manifest(), code_system("one")))
    shelf.close()
    shelf.close()
    with pytest.raises(Unavailable, match="The package shelf is closed"):
        shelf.find(ONE)


def test_a_refused_package_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "packages.sqlite"
    shelf = Shelf.open(path)
    bad = tgz(tmp_path / "bad.tgz", {"package/CodeSystem-one.json": b"{}"})
    assert [one.what for one in shelf.add(bad).refused] == [
        "This is not a FHIR package: it has no package.json."
    ]
    assert (shelf.list(), shelf.generation, path.exists()) == ((), 0, False)
