"""A backup of a site that serves, restored into another folder and another major version: everything is compared."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mihub.apps.site import opened
from mihub.core.disclosure.ledger import Release
from mihub.database import dump as database
from mihub.database.embedded import Embedded
from mihub.site.feasibility.ledger import FileLedger
from mihub.site.ingest.store_writer import import_access
from mihub.site.store.protocol import Delete, Put
from tests.cli_line import CommandLine

_OLD_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's folder: as root the server runs under another account.
    with tempfile.TemporaryDirectory(prefix="mihub-test-") as place:
        yield Path(place)


def _observation(number: int, value: float) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{number % 3}-1"}]},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-05-01",
        "valueQuantity": {"value": value, "unit": "mg/dl", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
    }  # fmt: skip


@pytest.fixture(scope="module")
def full(folder: Path) -> Path:
    """A site with versions, a deleted resource, something in the quarantine, and a released count."""
    site = folder / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["mihub", "site", "init", str(site), "--member", "my-clinic"])
        from mihub.apps import cli

        with pytest.raises(SystemExit):
            cli.main()
    rejected = site.parent / "bad.ndjson"
    rejected.write_text(
        '{"resourceType": "Nonsense", "id": "x"}\n{"resourceType":"Patient","id":"p2","birthDate":"2020-02"}\n'
    )
    with opened(site) as one:
        who = import_access(one.member, "test")
        one.record.store.write([Put({"resourceType": "Patient", "id": "p1", "birthDate": "1958"})], who)
        one.record.store.write([Put(_observation(number, 1)) for number in range(60)], who)
        one.record.store.write([Put(_observation(number, 2)) for number in range(20)], who)
        one.record.store.write([Delete("Observation", "o59")], who)
        one.importer().run([rejected])
    FileLedger(site / "released").record("project", Release("query", frozenset({1, 2, 3}), 12))
    return site


def _tables(url: str) -> dict[str, list[str]]:
    """Every row of every table as text."""
    with psycopg.connect(url) as connection:
        names = [
            row[0]
            for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        return {
            name: sorted(row[0] for row in connection.execute(f'SELECT t::text FROM "{name}" t'))
            for name in names
        }


def _of_folder(folder: Path) -> dict[str, list[str]]:
    with Embedded.start(folder / "pg") as server:
        return _tables(server.url("site"))


def test_a_restored_site_is_the_same_site(full: Path, folder: Path, line: CommandLine) -> None:
    before = _of_folder(full)
    assert before["superseded"]
    assert before["audit"]
    assert before["quarantine"]
    made = line.run("site", "backup", str(folder), "--site", str(full), "--with-keys", "--json")
    assert "private keys" in made.err
    (file,) = folder.glob("*.mihub-backup")
    assert file.stat().st_mode & 0o777 == 0o600
    new = folder / "new"
    said = line.run("site", "restore", str(file), "--site", str(new), "--json").json
    assert said["rows"]["resource"] == len(before["resource"])
    assert _of_folder(new) == before
    for name in ("site.toml", "keys.json", "secret", "member.json"):
        assert (new / name).read_bytes() == (full / name).read_bytes(), name
        assert (new / name).stat().st_mode & 0o077 == 0, "nobody else reads a restored file"
    assert FileLedger(new / "released").released("project") == FileLedger(full / "released").released(
        "project"
    )
    assert {path.name for path in new.iterdir() if not path.name.startswith(".")} >= {"pg", "released"}
    with opened(new) as restored, opened(full) as old:
        assert restored.status() == old.status()
        for query in (
            [("code", "1-1")],
            [("value-quantity", "gt1.5")],
            [("patient", "Patient/p1"), ("date", "2026")],
        ):
            asked = old.record.parser.parse("Observation", query)
            assert restored.record.search.ids(asked) == old.record.search.ids(asked)
        # The position of the change log goes on where it was.
        who = import_access(restored.member, "test")
        written = restored.record.store.write([Put({"resourceType": "Patient", "id": "later"})], who)
        assert written[0].version is not None
        assert written[0].version.position == old.record.store.position() + 1


def test_a_backup_is_of_one_moment_while_others_write(full: Path, folder: Path, line: CommandLine) -> None:
    stop = threading.Event()
    with opened(full) as site:
        who = import_access(site.member, "test")

        def write() -> None:
            number = 1000
            while not stop.is_set():
                number += 1
                # Both or none: a backup between them would be half of a transaction.
                pair = [_observation(number, 1) | {"id": f"{one}{number}"} for one in "ab"]
                site.record.store.write([Put(one) for one in pair], who)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = line.run(
                "site", "backup", str(folder / "busy"), "--site", str(full), "--with-keys", "--json"
            )
        finally:
            stop.set()
            writer.join()
    assert made.code == 0, made.err
    line.run("site", "restore", str(folder / "busy"), "--site", str(folder / "busy-new"))
    tables = _of_folder(folder / "busy-new")
    with opened(folder / "busy-new") as restored:
        ids = restored.record.search.ids(restored.record.parser.parse("Observation", []))
        assert {one[1:] for one in ids if one[0] == "a"} == {one[1:] for one in ids if one[0] == "b"}
        assert restored.record.store.position() == len(tables["resource"]) + len(tables["superseded"])


def test_keys_stay_out_unless_asked_for_and_are_then_needed(
    full: Path, folder: Path, line: CommandLine
) -> None:
    said = line.run("site", "backup", str(folder / "plain"), "--site", str(full))
    assert "It holds no keys" in said.err
    assert (full / "secret").read_bytes() not in (folder / "plain").read_bytes()
    refused = line.run("site", "restore", str(folder / "plain"), "--site", str(folder / "keyless"))
    assert (refused.code, "another site" in refused.sentence) == (78, True)
    (folder / "keyless").mkdir(exist_ok=True)
    for name in ("keys.json", "secret"):
        shutil.copy(full / name, folder / "keyless" / name)
    assert line.run("site", "restore", str(folder / "plain"), "--site", str(folder / "keyless")).code == 0
    again = line.run("site", "restore", str(folder / "plain"), "--site", str(folder / "keyless"))
    assert "is not empty" in again.sentence


@pytest.mark.parametrize(
    ("damage", "says"), [("cut", "no whole backup"), ("bit", "damaged"), ("other", "no whole backup")]
)
def test_a_damaged_backup_restores_nothing(
    damage: str, says: str, full: Path, folder: Path, line: CommandLine
) -> None:
    whole = folder / "whole"
    if not whole.exists():
        line.run("site", "backup", str(whole), "--site", str(full), "--with-keys")
    body = bytearray(whole.read_bytes())
    if damage == "cut":
        body = body[: len(body) * 2 // 3]
    elif damage == "bit":
        body[20_000] ^= 1
    else:
        body = bytearray(b"PK")
    (folder / damage).write_bytes(body)
    refused = line.run("site", "restore", str(folder / damage), "--site", str(folder / f"{damage}-new"))
    assert says in refused.sentence
    assert not (folder / f"{damage}-new" / "site.toml").exists()


def test_a_backup_of_a_newer_program_is_refused(full: Path, folder: Path, line: CommandLine) -> None:
    with (
        Embedded.start(full / "pg") as server,
        psycopg.connect(server.url("site"), autocommit=True) as connection,
    ):
        sql = "INSERT INTO mihub_migration (package, number, name, checksum) VALUES ('mihub.site.store', 900, 'x', 'x')"
        connection.execute(sql)
        line.run("site", "backup", str(folder / "newer"), "--site", str(full), "--with-keys")
        connection.execute("DELETE FROM mihub_migration WHERE number = 900")
    refused = line.run("site", "restore", str(folder / "newer"), "--site", str(folder / "newer-new"))
    assert "newer MiHUB" in refused.sentence
    assert not (folder / "newer-new").exists()


def test_a_database_that_holds_something_is_not_filled(full: Path, folder: Path, line: CommandLine) -> None:
    line.run("site", "backup", str(folder / "again"), "--site", str(full), "--with-keys")
    with Embedded.start(full / "pg") as server:
        words = ("--site", str(folder / "again-new"), "--database-url", server.url("site"))
        assert "database is not empty" in line.run("site", "restore", str(folder / "again"), *words).sentence


@pytest.fixture(scope="module")
def old_server(folder: Path) -> Iterator[str]:
    """An older major version of PostgreSQL, if this machine has one."""
    if not _OLD_PROGRAMS.is_dir():
        pytest.skip("there is no PostgreSQL 15 on this machine")
    data = folder / "pg15"
    data.mkdir()
    as_other: dict[str, Any] = (
        {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    )
    if as_other:
        shutil.chown(data, "postgres", "postgres")
        folder.chmod(0o711)

    def run(program: str, *words: str) -> None:
        command = [str(_OLD_PROGRAMS / program), "-D", str(data), *words]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **as_other
        )

    run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
    run(
        "pg_ctl",
        "start",
        "-w",
        "-o",
        f"-c listen_addresses='' -c unix_socket_directories='{data}'",
        "-l",
        str(data / "log"),
    )
    url = f"postgresql://postgres@/postgres?host={data}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE site")
    yield url.replace("@/postgres", "@/site")
    run("pg_ctl", "stop", "-w", "-m", "fast")


def test_a_site_moves_to_another_major_version(
    full: Path, folder: Path, old_server: str, line: CommandLine
) -> None:
    """The record of PostgreSQL 15, written there by the program, goes through a backup into the newer one of the wheel."""
    line.run("site", "init", str(folder / "fifteen"), "--member", "my-clinic")
    settings = folder / "fifteen" / "site.toml"
    settings.write_text(settings.read_text().replace('database_url = ""', f'database_url = "{old_server}"'))
    with opened(folder / "fifteen") as site:
        who = import_access(site.member, "test")
        site.record.store.write([Put(_observation(number, 3)) for number in range(60)], who)
        site.record.store.write([Delete("Observation", "o1")], who)
    before = _tables(old_server)
    line.run(
        "site", "backup", str(folder / "fifteen.backup"), "--site", str(folder / "fifteen"), "--with-keys"
    )
    with Embedded.start(folder / "eighteen-pg") as server:
        url = server.url("moved")
        words = ("--site", str(folder / "eighteen"), "--database-url", url)
        assert line.run("site", "restore", str(folder / "fifteen.backup"), *words).code == 0
        assert _tables(url) == before
        with psycopg.connect(url) as connection:
            assert database.contents(connection).server // 10_000 > 15
        with opened(folder / "eighteen") as moved:
            assert moved.record.store.counts() == {"Observation": 59}
