"""`mihub packages` over other people's packages, and two processes on one shelf."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from mihub.site.packages.shelf import FILE_NAME, Shelf
from tests.cli_line import CommandLine
from tests.package_maker import BASE, code_system, manifest, package, profile

PERSON = "https://www.medizininformatik-initiative.de/fhir/core/modul-person/StructureDefinition/Patient"


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    before = signal.getsignal(signal.SIGTERM)
    yield CommandLine(capfd, monkeypatch)
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.toml").write_text('member = "my-clinic"\n')
    return folder


@pytest.fixture(scope="module")
def loaded(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's folder with all packages of the shared fixtures."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "site.toml").write_text('member = "my-clinic"\n')
    done = Shelf.open(folder / FILE_NAME).add(shared / "packages")
    assert len(done.added) == len(list((shared / "packages").glob("*.tgz")))
    assert done.refused == ()
    return folder


def test_other_peoples_packages_load_whole(loaded: Path, shared: Path, line: CommandLine) -> None:
    shown = line.run("packages", "list", "--site", str(loaded), "--json")
    packages = {f"{one['name']}-{one['version']}.tgz": one for one in shown.json["packages"]}
    for path in (shared / "packages").glob("*.tgz"):
        one = packages[path.name]
        told = sum(one["resources"].values()) + one["examples"] + len(one["set_aside"])
        assert told == _resources_in(path), path.name
    core = packages["hl7.fhir.r4.core-4.0.1.tgz"]
    assert all("has no url" in one["what"] for one in core["set_aside"])
    assert core["resources"]["StructureDefinition"] == 658


def _resources_in(path: Path) -> int:
    """Counted by the standard library: JSON files with a resourceType outside of the folders that hold none."""
    found = 0
    with tarfile.open(path) as archive:
        for member in archive:
            parts = member.name.split("/")
            if (
                not member.name.endswith(".json")
                or {"openapi", "xml", "other"} & set(parts)
                or parts[-1] == "ig-r4.json"
            ):
                continue
            body = archive.extractfile(member)
            document = orjson.loads(body.read()) if body else {}
            found += "resourceType" in document
    return found


@pytest.mark.parametrize(
    ("canonical", "asked_from", "said"),
    [
        (PERSON, "", "-> StructureDefinition {}|2026.0.0"),
        (f"{PERSON}|2025.0.0", "", "the version that was named"),
        (PERSON, "de.medizininformatikinitiative.kerndatensatz.person#2025.0.0",
         "it is in package de.medizininformatikinitiative.kerndatensatz.person#2025.0.0 itself"),
        ("http://fhir.de/StructureDefinition/identifier-kvid-10",
         "de.medizininformatikinitiative.kerndatensatz.person#2025.0.0",
         "the version that package de.medizininformatikinitiative.kerndatensatz.person#2025.0.0 depends on"),
        ("http://hl7.org/fhir/StructureDefinition/Patient", "",
         "from the program itself: the program's own R4 core (hl7.fhir.r4.core#4.0.1 holds the same)"),
        ("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1", "", "the version that was named"),
    ],
)  # fmt: skip
def test_why_says_which_and_by_which_rule(
    loaded: Path, line: CommandLine, canonical: str, asked_from: str, said: str
) -> None:
    shown = line.run("packages", "why", canonical, "--from", asked_from, "--site", str(loaded))
    assert (shown.code, shown.err) == (0, "")
    assert said.format(canonical) in shown.out


def test_a_profile_says_what_it_asks(loaded: Path, line: CommandLine) -> None:
    told = line.run("packages", "profile", PERSON, "--site", str(loaded)).out
    assert (
        "Patient.link.type: 1..1, code, must support, required: http://hl7.org/fhir/ValueSet/link-type|4.0.1"
        in told
    )
    unknown = line.run("packages", "profile", "https://x/nobody", "--site", str(loaded))
    assert unknown.code == 66
    assert "Nobody knows the profile https://x/nobody" in unknown.err


def test_everything_that_is_loaded_can_be_found_by_its_version(loaded: Path) -> None:
    shelf = Shelf.open(loaded / FILE_NAME)
    count = 0
    for kind in ("StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap", "SearchParameter"):
        for known in shelf.all(kind):
            if "r4.core" in known.package:
                continue
            found = shelf.seen_from(known.package).find(
                f"{known.url}|{known.version}" if known.version else known.url, kind
            )
            assert found is not None
            assert found.known == known
            count += 1
    assert count > 850


def test_another_process_sees_a_package_that_comes_and_goes(
    site: Path, tmp_path: Path, line: CommandLine
) -> None:
    url = f"{BASE}/CodeSystem/one"
    script = (
        "import sys; from pathlib import Path; from mihub.site.packages.shelf import Shelf;"
        f"s = Shelf.open(Path({str(site / FILE_NAME)!r}));"
        f"[print(s.generation, bool(s.find({url!r})), flush=True) for _ in sys.stdin]"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None

        def asked() -> list[str]:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write("\n")
            running.stdin.flush()
            return running.stdout.readline().split()

        assert asked() == ["0", "False"]
        path = package(tmp_path, manifest(), code_system("one"))
        assert line.run("packages", "add", str(path), "--site", str(site)).code == 0
        assert asked() == ["1", "True"]
        assert (
            line.run("packages", "remove", "maker.one@1.0.0", "--site", str(site)).out
            == "maker.one#1.0.0 is removed.\n"
        )
        assert asked() == ["2", "False"]
        running.stdin.close()


def test_two_processes_add_at_once_and_nothing_is_lost(site: Path, tmp_path: Path) -> None:
    paths = [
        package(tmp_path, manifest(f"maker.p{i}"), code_system(f"c{i}"), profile(f"s{i}")) for i in range(8)
    ]
    script = (
        "import sys; from pathlib import Path; from mihub.site.packages.shelf import Shelf;"
        f"[Shelf.open(Path({str(site / FILE_NAME)!r})).add(Path(one)) for one in sys.argv[1:]]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, *map(str, half)])
        for half in (paths[::2], paths[1::2])
    ]
    assert [one.wait(60) for one in running] == [0, 0]
    shelf = Shelf.open(site / FILE_NAME)
    assert [one.name for one in shelf.list()] == [f"maker.p{i}" for i in range(8)]
    assert shelf.generation == 8


def test_killed_in_the_middle_nothing_is_half_there(site: Path, tmp_path: Path) -> None:
    Shelf.open(site / FILE_NAME).add(package(tmp_path, manifest("before"), code_system("before")))
    many = package(tmp_path, manifest("many"), *(code_system(f"c{i}", title="x" * 2000) for i in range(3000)))
    script = (
        "from pathlib import Path; from mihub.site.packages.shelf import Shelf; print('go', flush=True);"
        f"Shelf.open(Path({str(site / FILE_NAME)!r})).add(Path({str(many)!r}))"
    )
    for pause in (0.05, 0.15, 0.3):
        running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(pause)
        running.kill()
        running.wait()
        running.stdout.close()
        there = {one.name: sum(one.resources.values()) for one in Shelf.open(site / FILE_NAME).list()}
        assert there in ({"before": 1}, {"before": 1, "many": 3000})


def test_the_account_of_an_add(site: Path, tmp_path: Path, line: CommandLine) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    known = manifest(
        "maker.one", dependencies={"maker.two": "1.0.0", "maker.gone": "2.x", "hl7.fhir.r4.core": "4.0.1"}
    )
    package(
        folder,
        known,
        code_system("one"),
        profile("p"),
        profile("bad", max="*"),
        {"resourceType": "ValueSet", "id": "x"},
    )
    package(folder, manifest("maker.two", "1.0.3", dependencies={"maker.one": "1.0.0"}), code_system("two"))
    package(folder, manifest("maker.five", fhirVersions=["5.0.0"]))
    shown = line.run("packages", "add", str(folder), "--site", str(site))
    assert shown.code == 65
    for said in (
        "maker.one#1.0.0: 1 CodeSystem, 2 StructureDefinition.",
        "set aside: ValueSet-x.json: This ValueSet has no url. Rule: a canonical address and a version as text.",
        "missing: maker.gone#2.x is not loaded. Next: get maker.gone-2.x.tgz from its publisher",
        "note: it asks for maker.two#1.0.0; maker.two#1.0.3 answers instead.",
        "note: it depends on itself over maker.two#1.0.3; all of them are loaded.",
        "unusable: StructureDefinition-bad.json: The profile allows *",
        "maker.five#1.0.0 is written for FHIR 5.0.0. Rule: packages for FHIR R4 (4.0.x).",
        "Packages: 2 added, 0 unchanged, 1 refused. Definitions: 4.",
    ):
        assert said in shown.out, said
    assert "2 definitions" not in line.run("packages", "list", "--site", str(site)).err
    checked = line.run("packages", "check", "maker.one", "--site", str(site))
    assert checked.code == 65
    assert "maker.one#1.0.0: 1 profile(s)" in checked.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "nothing.tgz"], 66, "There is no file nothing.tgz."),
        (["add", "http://maker.example/p.tgz"], 64, "A package is fetched over https only."),
        (["add", "ftp://maker.example/p.tgz"], 64, "A package is fetched over https only."),
        (["add", "https://"], 65, "This is not an address."),
        (["remove", "nobody"], 66, "The package nobody is not loaded. Next: mihub packages list"),
        (["why", "http://nobody.example/x"], 66, "Nothing on the shelf answers to http://nobody.example/x."),
        (["check", "nobody"], 66, "The package nobody is not loaded."),
    ],
)
def test_what_can_not_be_done_is_one_sentence(
    site: Path, line: CommandLine, words: list[str], code: int, said: str
) -> None:
    shown = line.run("packages", *words, "--site", str(site))
    assert (shown.code, shown.out) == (code, "")
    assert shown.err.startswith(f"mihub: {said}")
    assert len(shown.err.splitlines()) == 1
    assert not (site / FILE_NAME).exists()


def test_the_how_to_page_does_what_it_says(
    shared: Path, tmp_path: Path, line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "load-packages.md"
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my-site").mkdir()
    (tmp_path / "my-site" / "site.toml").write_text('member = "my-clinic"\n')
    (tmp_path / "packages").mkdir()
    shutil.copy(shared / "packages" / "de.basisprofil.r4-1.5.4.tgz", tmp_path)
    person = "de.medizininformatikinitiative.kerndatensatz.person-2025.0.0.tgz"
    shutil.copy(shared / "packages" / person, tmp_path / "packages")
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(words) for block in blocks for words in block.splitlines()]
    assert len(commands) == 8
    for program, *words in commands:
        shown = line.run(*words)
        assert (program, shown.code, shown.err) == ("mihub", 0, ""), words
    assert shown.out.startswith("de.basisprofil.r4#1.5.4 is removed.")


def test_a_folder_that_is_no_site_is_named(tmp_path: Path, line: CommandLine) -> None:
    shown = line.run("packages", "list", "--site", str(tmp_path))
    assert (shown.code, "There is no site in" in shown.err) == (78, True)
