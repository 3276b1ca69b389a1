"""`mihub site doctor` names each fault with what to do; `mihub site migrate` brings the first tables, with data, up to date."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from mihub.apps.site import opened
from mihub.database.embedded import Embedded
from mihub.database.migrate import migrate, migrations, packages_below
from mihub.database.pool import open_pool
from mihub.site.ingest.store_writer import import_access
from mihub.site.store.protocol import HistoryQuery, Put
from tests.cli_line import CommandLine

STORE = "mihub.site.store"


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


@pytest.fixture
def site(line: CommandLine) -> Iterator[Path]:
    # Not pytest's folder: as root the server runs under another account.
    with tempfile.TemporaryDirectory(prefix="mihub-test-") as place:
        line.run("site", "init", f"{place}/site", "--member", "my-clinic")
        yield Path(place) / "site"


@contextmanager
def _database(folder: Path) -> Iterator[psycopg.Connection[Any]]:
    with (
        Embedded.start(folder / "pg") as server,
        psycopg.connect(server.url("site"), autocommit=True) as connection,
    ):
        yield connection


def _told(line: CommandLine, folder: Path) -> dict[tuple[str, str], str]:
    """Level and check to the sentences."""
    told: dict[tuple[str, str], str] = {}
    for one in line.run("site", "doctor", "--site", str(folder), "--json").json["checks"]:
        key = (one["level"], one["check"])
        told[key] = f"{told.get(key, '')} {one['what']} {one['next_step']}"
        assert one["level"] == "fine" or one["next_step"], "what is wrong comes with what to do"
    return told


def test_every_fault_is_named_with_what_to_do(site: Path, line: CommandLine) -> None:
    with opened(site) as one:
        one.record.store.write(
            [Put({"resourceType": "Patient", "id": "p1"})], import_access(one.member, "test")
        )
        one.feasibility.refresh()
    whole = _told(line, site)
    assert not [key for key in whole if key[0] == "error"], whole
    assert "facts stand at 1 of 1" in whole["fine", "facts"]

    (site / "secret").chmod(0o644)
    bad = site.parent / "bad.ndjson"
    bad.write_text('{"resourceType": "Nonsense"}\n')
    line.run("site", "import", "--site", str(site), str(bad))
    (site / "keys.json").rename(site / "kept")
    with _database(site) as connection:
        connection.execute(
            "UPDATE record_state SET catalogue = 'of an older one', position = position + 5000"
        )
        connection.execute("UPDATE resource SET last_updated = now() + interval '1 day'")
        connection.execute("DELETE FROM mihub_migration WHERE package = %s AND number > 1", (STORE,))
        connection.execute("ALTER DATABASE site SET synchronous_commit = off")
    told = _told(line, site)
    assert "Others may read secret (mode 644). Run: chmod 600" in told["error", "keys"]
    assert "keys.json is missing" in told["error", "keys"]
    assert "synchronous_commit is off" in told["error", "database"]
    assert "clock went back" in told["error", "clock"]
    assert "migrations are not applied" in told["warning", "tables"]
    assert "made by another version" in told["warning", "index"]
    assert "5000 versions behind" in told["warning", "facts"]
    assert "refused records wait" in told["warning", "quarantine"]
    said = line.run("site", "doctor", "--site", str(site))
    assert said.code == 65
    assert said.out.startswith("error ")


def test_a_database_of_a_newer_program_is_told_and_refused(site: Path, line: CommandLine) -> None:
    with opened(site):
        pass
    with _database(site) as connection:
        connection.execute(
            "INSERT INTO mihub_migration (package, number, name, checksum) VALUES (%s, 900, 'x', 'x')",
            (STORE,),
        )
    assert "newer MiHUB" in _told(line, site)["error", "tables"]
    for words in (("status",), ("migrate",), ("migrate", "--dry-run")):
        refused = line.run("site", *words, "--site", str(site))
        assert (refused.code, "older program must not write here" in refused.sentence) == (78, True)


def test_what_can_not_be_reached_is_told(site: Path, line: CommandLine) -> None:
    settings = site / "site.toml"
    settings.write_text(
        settings.read_text()
        .replace('database_url = ""', 'database_url = "postgresql://u:geheim@127.0.0.1:1/none"')
        .replace('hub_url = ""', 'hub_url = "http://127.0.0.1:1"')
    )
    told = _told(line, site)
    assert "does not answer" in told["error", "database"]
    assert "The hub does not answer" in told["warning", "network"]
    assert "geheim" not in str(told)


def test_the_first_tables_with_data_come_up_to_date(
    site: Path, line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 0001 alone, as the first version left it: dry run, then for good, then everything is found."""
    first = {package: migrations(package)[:1] for package in packages_below("mihub.site")}
    with Embedded.start(site / "pg") as server:
        pool = open_pool(server.url("site"), max_size=1)
        with monkeypatch.context() as patch:
            patch.setattr("mihub.database.migrate.migrations", first.__getitem__)
            assert migrate(pool, STORE) == 1
        pool.close()
        when = datetime(2026, 1, 1, tzinfo=UTC)
        with psycopg.connect(server.url("site"), autocommit=True) as connection:
            connection.execute("INSERT INTO record_state VALUES (true, 3, 2, 'first', %s)", (b"k" * 32,))
            for rid, position, resource in ((1, 2, _patient("p1", "2020")), (2, 3, _patient("p2", "1958"))):
                connection.execute(
                    "INSERT INTO resource VALUES (%s, 'Patient', %s, %s, %s, %s, %s, %s)",
                    (
                        rid,
                        resource["id"],
                        2 if rid == 1 else 1,
                        position,
                        when,
                        b"d" * 16,
                        orjson.dumps(resource),
                    ),
                )
            old = orjson.dumps(_patient("p1", "2019"))
            connection.execute("INSERT INTO superseded VALUES (1, 1, 1, %s, %s)", (when, old))
    rehearsed = line.run("site", "migrate", "--site", str(site), "--dry-run", "--json").json
    assert f"{STORE} 0003_last_write" in rehearsed["migrations"]
    assert (rehearsed["dry_run"], rehearsed["resources"], rehearsed["index_stale"]) == (True, 2, True)
    with _database(site) as connection:
        rows = connection.execute("SELECT package, number FROM mihub_migration").fetchall()
        assert rows == [(STORE, 1)], "a dry run leaves nothing"
    done = line.run("site", "migrate", "--site", str(site))
    assert "were applied" in done.err
    assert line.run("site", "migrate", "--site", str(site), "--json").json["migrations"] == []
    with opened(site) as one:
        who = import_access(one.member, "test")
        ask = one.record.parser.parse("Patient", [("birthdate", "1958")])
        assert one.record.search.ids(ask) == ["p2"]
        page = one.record.store.history_page(HistoryQuery("Patient"), who)
        assert [(past.version.id, past.version.version_id, past.made) for past in page.versions] == [
            ("p2", 1, True), ("p1", 2, False), ("p1", 1, True),
        ]  # fmt: skip
        assert one.record.store.write([Put(_patient("p3", "2000"))], who)[0].version is not None
        assert one.record.store.position() == 4


def _patient(name: str, born: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "birthDate": born}
