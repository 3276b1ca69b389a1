"""PostgreSQL of our own: comes up, keeps what was committed through kill -9, is stopped by the last user."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mihub.database.binaries import Account
from mihub.database.embedded import Embedded, _socket_dir
from mihub.database.faults import translated
from mihub.database.migrate import migrate
from mihub.database.pool import open_pool
from mihub.errors import ConfigurationError, StorageFull, Unavailable
from tests.store_record import database_folder


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with database_folder() as place:
        yield place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Embedded]:
    with Embedded.start(folder) as started:
        yield started


def test_creates_a_database_once_and_answers(server: Embedded) -> None:
    assert server.url("first") == server.url("first")
    with psycopg.connect(server.url("first")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW shared_buffers").fetchone() == ("64MB",)


def test_a_link_in_the_way_of_the_socket_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, mine = tmp_path / "tmp", tmp_path / "mine"
    shared.mkdir()
    mine.mkdir(mode=0o755)
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    account = Account(os.geteuid(), os.getegid(), switch=False)
    deep = tmp_path / ("long" * 30) / "pg"
    usual = _socket_dir(deep, account)
    assert usual.parent == shared
    assert usual.stat().st_mode & 0o777 == 0o700
    assert _socket_dir(deep, account) == usual, "it is taken again"
    usual.rmdir()
    usual.symlink_to(mine)
    with pytest.raises(
        ConfigurationError, match="The folder for the database socket belongs to somebody else"
    ):
        _socket_dir(deep, account)
    assert mine.stat().st_mode & 0o777 == 0o755, "what the link points to stays as it was"


def test_a_second_user_joins_and_does_not_stop_the_first(server: Embedded, folder: Path) -> None:
    second = Embedded.start(folder)
    second.stop()
    second.stop()
    with psycopg.connect(server.url("first")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_was_committed_survives_a_killed_server(server: Embedded, folder: Path) -> None:
    url = server.url("killed")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    os.kill(int((folder / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    pool_error = None
    try:
        with translated():
            psycopg.connect(url, connect_timeout=2).close()
    except Unavailable as error:
        pool_error = error
    assert pool_error is None or "does not answer" in str(pool_error)
    again = Embedded.start(folder)
    with psycopg.connect(again.url("killed")) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    again.stop()


def test_every_connection_plans_for_its_values(server: Embedded) -> None:
    pool = open_pool(server.url("pooled"))
    with pool.connection() as connection:
        assert connection.execute("SHOW plan_cache_mode").fetchone() == ("force_custom_plan",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    pool.close()
    with pytest.raises(Unavailable, match="The database does not answer"), translated(), pool.connection():
        pass


def test_an_unreachable_database_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"busy|does not answer"):
        open_pool(f"postgresql:///none?host={tmp_path}", wait_seconds=1)


def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, **files: str) -> None:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    for file, text in files.items():
        (folder / f"{file}.sql").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_migrations_are_applied_once_and_strangers_refused(
    server: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        {"0001_one": "CREATE TABLE one (a int)"},
        {"0002_two": "CREATE TABLE two (a int); SELECT 1"},
    )
    _package(tmp_path, monkeypatch, "migrations_here", **first, **second)
    pool = open_pool(server.url("migrated"))
    try:
        assert migrate(pool, "migrations_here") == 2
        assert migrate(pool, "migrations_here") == 0
        (tmp_path / "migrations_here" / "0001_one.sql").write_text("CREATE TABLE other (a int)")
        with pytest.raises(ConfigurationError, match=r"0001_one\.sql was changed after it was applied"):
            migrate(pool, "migrations_here")
        (tmp_path / "migrations_here" / "0002_two.sql").unlink()
        with pytest.raises(
            ConfigurationError, match=r"newer MiHUB \(its tables are at 2, this program knows 1\)"
        ):
            migrate(pool, "migrations_here")
    finally:
        pool.close()


def test_a_failed_migration_leaves_nothing(
    server: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(
        tmp_path,
        monkeypatch,
        "migrations_broken",
        **{"0001_a": "CREATE TABLE a (a int)", "0002_b": "CREATE nothing"},
    )
    pool = open_pool(server.url("broken"))
    try:
        with pytest.raises(psycopg.errors.SyntaxError):
            migrate(pool, "migrations_broken")
        with pool.connection() as connection:
            assert connection.execute("SELECT to_regclass('a')").fetchone() == (None,)
    finally:
        pool.close()


def test_a_full_disk_is_storage_full() -> None:
    with pytest.raises(StorageFull, match="disk of the database is full"), translated():
        raise psycopg.errors.DiskFull
