"""`mihub site import|status|count` on a site of its own: the account, bad input, a second process, a full disk."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.apps import folders
from mihub.apps.serve import bind
from mihub.database.embedded import Embedded
from mihub.site.ingest.limits import Limits
from tests.cli_line import CommandLine

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1961-03-05"}
WOMEN = {
    "version": "2",
    "display": "Women",
    "inclusionCriteria": [
        [
            {
                "context": {"code": "Patient", "system": "fdpg.mii.cds", "display": "Patient"},
                "termCodes": [{"code": "263495000", "system": "http://snomed.info/sct", "display": "Gender"}],
                "valueFilter": {
                    "type": "concept",
                    "selectedConcepts": [
                        {
                            "code": "female",
                            "system": "http://hl7.org/fhir/administrative-gender",
                            "display": "Female",
                        }
                    ],
                },
            }
        ]
    ],
}


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    before = signal.getsignal(signal.SIGTERM)
    yield CommandLine(capfd, monkeypatch)
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site whose database keeps running between the commands, so that they are quick."""
    folder = tmp_path_factory.mktemp("cli") / "s"
    settings: dict[str, tuple[Any, str]] = {"member": ("my-clinic", ""), "port": (0, "")}
    folders.create(folder, "site", settings, "my-clinic")
    with Embedded.start(folder / "pg"):
        yield folder


def _import(line: CommandLine, home: Path, *words: str) -> Any:
    return line.run("site", "import", "--site", str(home), *words)


def _total(line: CommandLine, home: Path) -> int:
    status = line.run("site", "status", "--site", str(home), "--json").json
    assert status["facts_position"] == status["position"]
    return sum(status["resources"].values())


def test_an_account_has_five_parts_and_a_second_import_changes_nothing(
    line: CommandLine, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "patients.ndjson"
    file.write_bytes(orjson.dumps(PATIENT) + b"\n{broken\n")
    rehearsed = _import(line, home, str(file), "--dry-run", "--json")
    before = _total(line, home)
    first = _import(line, home, str(file), "--json")
    assert rehearsed.json == first.json
    assert list(first.json) == ["files", "loaded", "rejected", "resources", "reasons"]
    assert (first.json["files"], first.json["loaded"], first.json["rejected"]) == (1, 1, 1)
    assert first.code == 65
    (reason,) = first.json["reasons"]
    assert (reason["file"], reason["line"]) == (str(file), 2)
    assert _total(line, home) == before + 1

    again = _import(line, home, str(file), "--json")
    assert again.json["resources"] == {"created": 0, "updated": 0, "unchanged": 1, "deleted": 0}
    assert _total(line, home) == before + 1


def test_a_dry_run_writes_nothing(line: CommandLine, home: Path, tmp_path: Path) -> None:
    before = _total(line, home)
    file = tmp_path / "new.json"
    file.write_bytes(orjson.dumps(PATIENT | {"id": "never-written"}))
    told = _import(line, home, str(file), "--dry-run")
    assert "Dry run: nothing was written." in told.out
    assert told.code == 0
    assert _total(line, home) == before


def _missing(folder: Path) -> Path:
    return folder / "nowhere"


def _garbage(folder: Path) -> Path:
    path = folder / "garbage.bin"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def _empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _endless_line(folder: Path) -> Path:
    # A hole in the file: 200 MB to read, nothing to write.
    path = folder / "line.ndjson"
    with path.open("wb") as file:
        file.write(b'{"resourceType":"Patient","id":"p2","name":[{"family":"')
        file.truncate(200 * 2**20)
    return path


def _bomb(folder: Path) -> Path:
    path = folder / "bomb.json.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b'{"resourceType":"Patient","name":[{"family":"')
        for _ in range(Limits().gzip_ratio_from_bytes // 2**20 * 4):
            file.write(b"a" * 2**20)
    return path


def _truncated(folder: Path) -> Path:
    path = folder / "cut.ndjson.gz"
    whole = gzip.compress(b"\n".join(orjson.dumps(PATIENT | {"id": f"cut{n}"}) for n in range(500)))
    path.write_bytes(whole[: len(whole) // 2])
    return path


def _deep(folder: Path) -> Path:
    path = folder / "deep.json"
    path.write_bytes(b'{"resourceType":"Patient","a":' + b"[" * 100_000)
    return path


@pytest.mark.parametrize(
    "spoil", [_missing, _garbage, _empty_folder, _endless_line, _bomb, _truncated, _deep]
)
def test_what_can_not_be_used_is_named_and_the_rest_is_loaded(
    spoil: Any, line: CommandLine, home: Path, tmp_path: Path
) -> None:
    bad = spoil(tmp_path)
    good = tmp_path / "good.json"
    good.write_bytes(orjson.dumps(PATIENT | {"id": f"good-{spoil.__name__.strip('_').replace('_', '-')}"}))
    told = _import(line, home, str(bad), str(good), "--json")
    assert told.code == 65
    assert told.json["rejected"] >= 1
    assert {reason["file"] for reason in told.json["reasons"]} == {str(bad)}
    assert all(reason["reason"] and reason["rule"] and reason["next"] for reason in told.json["reasons"])
    assert told.json["resources"]["created"] >= 1
    assert "Traceback" not in told.err


def test_a_count_is_exact_for_the_engineer(line: CommandLine, home: Path, tmp_path: Path) -> None:
    question = tmp_path / "women.json"
    question.write_bytes(orjson.dumps(WOMEN))
    counted = line.run("site", "count", "--site", str(home), str(question), "--json").json
    _import(line, home, str(_patient(tmp_path, "one-more")))
    more = line.run("site", "count", "--site", str(home), str(question), "--json").json
    assert more["before_consent"] == counted["before_consent"] + 1
    assert more["would_show"] == "<10"
    told = line.run("site", "count", "--site", str(home), str(question))
    assert told.out.startswith(f"Exact: {more['before_consent']}. With consent: 0.")


@pytest.mark.parametrize(("text", "code"), [("{", 65), ("[]", 65), ("{}", 65), (None, 66)])
def test_a_question_that_is_none_is_refused(
    text: str | None, code: int, line: CommandLine, home: Path, tmp_path: Path
) -> None:
    question = tmp_path / "question.json"
    if text is not None:
        question.write_text(text)
    refused = line.run("site", "count", "--site", str(home), str(question))
    assert refused.code == code
    assert refused.sentence


def test_commands_work_beside_the_process_that_keeps_the_facts(
    line: CommandLine, home: Path, tmp_path: Path
) -> None:
    kept = folders.alone(home, wait=False)
    assert kept is not None
    try:
        facts = sorted((path.name, path.read_bytes()) for path in (home / "facts").iterdir())
        question = tmp_path / "women.json"
        question.write_bytes(orjson.dumps(WOMEN))
        before = line.run("site", "count", "--site", str(home), str(question), "--json").json
        assert _import(line, home, str(_patient(tmp_path, "beside"))).code == 0
        after = line.run("site", "count", "--site", str(home), str(question), "--json").json
        assert after["before_consent"] == before["before_consent"] + 1
        assert sorted((path.name, path.read_bytes()) for path in (home / "facts").iterdir()) == facts
        assert not list(home.glob("facts-beside-*"))
    finally:
        os.close(kept)
    alone = line.run("site", "count", "--site", str(home), str(question), "--json").json
    assert alone["before_consent"] == after["before_consent"]
    assert _total(line, home) > 0


def test_a_taken_port_is_said_before_anything_is_opened(line: CommandLine, home: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        refused = line.run("site", "serve", "--site", str(home), "--port", port)
    assert refused.code == 78
    assert f"127.0.0.1:{port} can not be used" in refused.sentence
    impossible = line.run("site", "serve", "--site", str(home), "--port", "99999")
    assert (impossible.code, "0 to 65535" in impossible.sentence) == (78, True)


def test_a_site_without_a_region_lets_no_project_in(line: CommandLine, home: Path, tmp_path: Path) -> None:
    refused = line.run(
        "site", "allow", "--site", str(home), str(home / "member.json"), "--until", "2099-12-31"
    )
    assert (refused.code, "belongs to no region yet" in refused.sentence) == (78, True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 110 MB in memory."""
    mount = shutil.which("mount")
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or mount is None:
        pytest.skip("Only root may mount a small file system.")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=110m", "tmpfs", str(place)], check=False)
    if done.returncode:
        pytest.skip("This machine lets nobody mount a file system.")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_is_half_written(
    line: CommandLine, small_disk: Path, tmp_path: Path
) -> None:
    home = small_disk / "s"
    line.run("site", "init", str(home), "--member", "my-clinic")
    exports = tmp_path / "exports"
    line.run("synth", str(exports), "--people", "60")
    assert _import(line, home, str(_patient(tmp_path, "before"))).code == 0
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        file.write(b"\0" * (shutil.disk_usage(small_disk).free - 600_000))

    refused = _import(line, home, str(exports / "chemnitz"), str(exports / "dresden"))
    assert refused.code == 74
    assert "The disk is full" in refused.sentence
    assert not [path for path in home.rglob("*") if path.suffix in {".new", ".part"}]

    filler.unlink()
    again = _import(line, home, str(exports / "chemnitz"), str(exports / "dresden"), "--json")
    assert (again.code, again.json["rejected"]) == (0, 0)
    assert _import(line, home, str(exports / "chemnitz"), "--json").json["resources"]["created"] == 0
    assert _total(line, home) == again.json["resources"]["created"] + again.json["resources"]["unchanged"] + 1


def _patient(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    path.write_bytes(orjson.dumps(PATIENT | {"id": f"{name}-{time.monotonic_ns()}"}))
    return path
