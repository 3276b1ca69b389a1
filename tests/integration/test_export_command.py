"""`mihub site export`: files in a folder, gone on with after kill -9, and the same record after an import elsewhere."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.apps import folders
from mihub.apps.site import settings_of
from mihub.database.embedded import Embedded
from mihub.site.site import Site
from mihub.site.store.protocol import Put
from tests.cli_line import CommandLine
from tests.store_record import access

Json = dict[str, Any]
PEOPLE = 200
# As the command, but portion by portion as a record of many gigabytes would be.
SLOW = """
import sys
from mihub.apps import cli
from mihub.site.export import writing
writing._PORTION_ROWS, writing._KEPT_BYTES, writing.FILE_BYTES = 5, 1_500, 10_000
cli.main()
"""


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    before = signal.getsignal(signal.SIGTERM)
    yield CommandLine(capfd, monkeypatch)
    signal.signal(signal.SIGTERM, before)


def site_in(folder: Path) -> Path:
    settings: dict[str, tuple[Any, str]] = {"member": ("my-clinic", ""), "port": (0, "")}
    folders.create(folder, "site", settings, "my-clinic")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = site_in(tmp_path_factory.mktemp("cli") / "s")
    with Embedded.start(folder / "pg"):
        yield folder


@pytest.fixture(scope="module")
def record(home: Path) -> Iterator[Site]:
    """The site's record, written to by this process while commands export it."""
    with Embedded.start(home / "pg") as server:
        site = Site.open(settings_of(home), dict, database_url=server.url("site"), transport_id=str)
        yield site
        site.close()


@pytest.fixture(scope="module")
def source(record: Site) -> dict[str, Json]:
    resources: list[Json] = []
    for number in range(PEOPLE):
        resources.append({"resourceType": "Patient", "id": f"p{number}", "gender": "female"})
        resources.append(
            {
                "resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "x"},
                "subject": {"reference": f"Patient/p{number}"},
            }
        )  # fmt: skip
    write(record, *resources)
    return {f"{one['resourceType']}/{one['id']}": one for one in resources}


def write(record: Site, *resources: Json) -> None:
    record.store.write([Put(one) for one in resources], access(organization="my-clinic"))


def lines(out: Path, manifest: Json, kind: str = "output") -> list[Json]:
    return [
        orjson.loads(line)
        for file in manifest[kind]
        for line in (out / file["url"]).read_bytes().splitlines()
    ]


def plain(resources: list[Json]) -> dict[str, Json]:
    found = {
        f"{one['resourceType']}/{one['id']}": {k: v for k, v in one.items() if k != "meta"}
        for one in resources
    }
    assert len(found) == len(resources), "a resource came twice"
    return found


@pytest.mark.parametrize("most", [2, pytest.param(60, marks=pytest.mark.soak)])
def test_killed_at_any_moment_it_goes_on_without_a_gap_or_a_duplicate(
    home: Path, record: Site, source: dict[str, Json], tmp_path: Path, most: int
) -> None:
    out, dice, kills = tmp_path / "out", random.Random(most), 0
    write(record, *source.values())
    words = [sys.executable, "-c", SLOW, "site", "export", "--site", str(home), "--out", str(out), "--json"]
    while True:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # Not before it has begun to write, at a random moment after.
        before = _size(out)
        while kills < most and process.poll() is None and _size(out) <= before:
            time.sleep(0.005)
        if kills < most and process.poll() is None:
            time.sleep(dice.uniform(0, 0.1))
            process.kill()
            kills += 1
            write(record, {"resourceType": "Patient", "id": f"late{most}-{kills}"})
            write(record, {"resourceType": "Patient", "id": f"p{kills}", "gender": "other"})
        told, said = process.communicate(timeout=120)
        if process.returncode == 0:
            break
        if (out / "manifest.json").exists() and not (out / ".export.json").exists():
            # Killed in its last moment: everything is there.
            told = (out / "manifest.json").read_bytes()
            break
        assert process.returncode == -signal.SIGKILL, said.decode()
    assert kills >= 1, "it was too quick to be killed"
    manifest = orjson.loads(told)
    assert orjson.loads((out / "manifest.json").read_bytes()) == manifest
    found = plain(lines(out, manifest))
    assert {key: found[key] for key in source} == source
    assert not [key for key in found.keys() - source.keys() if key.startswith(f"Patient/late{most}-")]
    assert len(manifest["output"]) > 4
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(file["url"] for file in manifest["output"]), "manifest.json"]
    )


def _size(out: Path) -> int:
    return sum(path.stat().st_size for path in out.glob("*.ndjson")) if out.is_dir() else 0


def test_types_patients_and_since(
    line: CommandLine, home: Path, record: Site, source: dict[str, Json], tmp_path: Path
) -> None:
    def export(name: str, *words: str) -> tuple[Json, dict[str, Json]]:
        done = line.run(
            "site", "export", "--site", str(home), "--out", str(tmp_path / name), *words, "--json"
        )
        return done.json, plain(lines(tmp_path / name, done.json))

    _, some = export("some", "--patient", "p9", "--patient", "p10")
    assert set(some) == {"Patient/p9", "Patient/p10", "Observation/o9", "Observation/o10"}
    manifest, few = export("few", "--type", "Observation", "--filter", "Observation?subject=Patient/p11,p12")
    assert set(few) == {"Observation/o11", "Observation/o12"}
    write(record, {"resourceType": "Patient", "id": "since"})
    _, later = export("later", "--since", manifest["transactionTime"])
    assert set(later) == {"Patient/since"}
    told = line.run(
        "site", "export", "--site", str(home), "--out", str(tmp_path / "told"), "--type", "Observation"
    )
    assert told.out.startswith(f"{PEOPLE} resources, ")


def test_a_folder_is_not_written_over(line: CommandLine, home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    refused = line.run("site", "export", "--site", str(home), "--out", str(tmp_path))
    assert (refused.code, "is not empty" in refused.sentence) == (65, True)
    (tmp_path / "mine.txt").unlink()
    state = {"asked": {"level": "system"}, "made": {}}
    (tmp_path / ".export.json").write_bytes(orjson.dumps(state))
    refused = line.run("site", "export", "--site", str(home), "--out", str(tmp_path))
    assert "Another export was interrupted" in refused.sentence


def test_what_can_not_be_asked_is_one_sentence(line: CommandLine, home: Path, tmp_path: Path) -> None:
    for words, sentence in (
        (("--type", "Patiant"), "A type in _type is no resource type"),
        (("--since", "yesterday"), "The parameter is a moment with its zone."),
        (("--patient", "nobody"), "There is no such Patient."),
        (("--group", "nobody"), "There is no such Group."),
        (("--filter", "Patient?shoe=7"), "The search parameter Patient.shoe is not known here."),
    ):
        refused = line.run("site", "export", "--site", str(home), "--out", str(tmp_path / "x"), *words)
        assert refused.code != 0
        assert sentence in refused.sentence
    assert not (tmp_path / "x").exists()
