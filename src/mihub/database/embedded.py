"""A PostgreSQL of our own in a folder: started on a private socket, shared by processes, stopped by the last
one.

Listens on no network address; only the account that owns the folder reaches the socket. Survives `kill -9` of
the program (the next start joins the running server) and of the server (the next start recovers from its
log).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql

from mihub.database.binaries import Account, account_for, let_traverse, programs
from mihub.errors import ConfigurationError, Unavailable

# Small machines run the whole region on one server. Statements and row values never reach the server's log.
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
}
_START_SECONDS = 60
_START_ATTEMPTS = 6
_LONGEST_SOCKET_PATH = 100


class Embedded:
    """A running server. Make it with `start`; any number of processes may hold the same folder."""

    def __init__(self, data_dir: Path, socket_dir: Path, account: Account, lock: int) -> None:
        self._data_dir = data_dir
        self._socket_dir = socket_dir
        self._account = account
        self._lock = lock

    @classmethod
    def start(cls, data_dir: Path) -> Embedded:
        """Start or join the server whose files are in `data_dir` (made when absent).

        Raises `ConfigurationError` when the folder can not be used, `Unavailable` when the server does not
        come up.
        """
        data_dir = data_dir.expanduser().resolve()
        account = account_for(data_dir)
        _make_private_folder(data_dir, account)
        let_traverse(account, data_dir, programs())
        with _one_at_a_time(data_dir):
            lock = _open_lock(data_dir, "in-use")
            try:
                server = cls(data_dir, _socket_dir(data_dir, account), account, lock)
                server._initialise()
                server._ensure_running()
                fcntl.flock(lock, fcntl.LOCK_SH)
            except BaseException:
                os.close(lock)
                raise
        return server

    def url(self, database: str) -> str:
        """The connection URL of `database`, which is created when it does not exist."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if found is None:
                # Another process may be faster, which is as good.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self._url(database)

    def stop(self) -> None:
        """Let go; the last process that lets go stops the server. Calling it again does nothing."""
        if self._lock < 0:
            return
        with _one_at_a_time(self._data_dir):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # Somebody else still uses it.
            else:
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-t", str(_START_SECONDS))
            finally:
                os.close(self._lock)
                self._lock = -1

    def __enter__(self) -> Embedded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _url(self, database: str) -> str:
        return (
            f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self._socket_dir), safe='')}"
        )

    def _initialise(self) -> None:
        if (self._data_dir / "PG_VERSION").exists():
            return
        done = self._run(
            "initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
        )  # fmt: skip
        if done.returncode:
            raise ConfigurationError(
                "The folder for PostgreSQL can not be prepared.",
                where=str(self._data_dir),
                next_step="Choose an empty folder on a local disk with 200 MB free.",
            )

    def _ensure_running(self) -> None:
        # A server that was killed a moment ago still holds its files for a moment, so one refusal is not the
        # end.
        for _ in range(_START_ATTEMPTS):
            for lock_file in (self._data_dir / "postmaster.pid", self._socket_dir / ".s.PGSQL.5432.lock"):
                _forget_dead_server(lock_file)
            if self._run("pg_ctl", "status").returncode == 0 and self._answers():
                return
            if self._start().returncode == 0:
                return
            self._refuse_other_version()
            time.sleep(0.5)
        raise Unavailable(
            "PostgreSQL did not start.",
            where=str(self._data_dir / "server.log"),
            next_step="Read the last lines of that file; a full disk and missing rights are usual causes.",
        )

    def _refuse_other_version(self) -> None:
        files = (self._data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
        said = subprocess.run(  # noqa: S603  # our own program, no shell
            [str(programs() / "postgres"), "--version"], check=False, capture_output=True, text=True
        ).stdout.split()
        brought = said[2].partition(".")[0] if len(said) > 2 else files
        if brought != files:
            raise ConfigurationError(
                f"The files are of PostgreSQL {files}, the installed one is {brought}.",
                where=str(self._data_dir),
                rule="a major version reads its own files only",
                next_step="Back up with the earlier installation (mihub site backup), restore with this one"
                " (docs/how-to/back-up-and-restore.md).",
            )

    def _start(self) -> subprocess.CompletedProcess[bytes]:
        settings = _SETTINGS | {"unix_socket_directories": str(self._socket_dir)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = str(self._data_dir / "server.log")
        return self._run("pg_ctl", "start", "-w", "-t", str(_START_SECONDS), "-l", log, "-o", options)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        account = self._account
        # A file instead of a pipe: the server inherits it and a pipe would never end.
        with tempfile.TemporaryFile() as output:
            return subprocess.run(  # noqa: S603  # our own program and arguments, no shell
                [str(programs() / program), "-D", str(self._data_dir), *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
                user=account.uid if account.switch else None,
                group=account.gid if account.switch else None,
                extra_groups=[] if account.switch else None,
            )


@contextmanager
def _one_at_a_time(data_dir: Path) -> Iterator[None]:
    """Two processes never start or stop the same server at once; the kernel frees the lock of a killed one."""
    lock = _open_lock(data_dir, "starting")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _forget_dead_server(pid_file: Path) -> None:
    """A killed server that nobody reaped (a container without init) still counts as running; say that it is
    not.

    Only the process number is replaced, by one that can not exist: PostgreSQL's own check of shared memory
    stays.
    """
    try:
        lines = pid_file.read_text().splitlines()
        state = Path(f"/proc/{int(lines[0])}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return
    if state == "Z":
        pid_file.write_text("\n".join(["2147483647", *lines[1:], ""]))


def _open_lock(data_dir: Path, word: str) -> int:
    return os.open(
        data_dir.with_name(f".{data_dir.name}.{word}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )


def _make_private_folder(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if account.switch:
            os.chown(folder, account.uid, account.gid)
    except OSError as error:
        raise ConfigurationError(
            f"The folder can not be used: {error.strerror}.",
            where=str(folder),
            next_step="Give the path of a folder that this account may write.",
        ) from error


def _socket_dir(data_dir: Path, account: Account) -> Path:
    """The data folder, or a private one with a short name: a socket path may have about 100 bytes."""
    if len(os.fsencode(data_dir / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH and "'" not in str(data_dir):
        return data_dir
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"mihub-{account.uid}-{name}"
    # Everybody may write in that folder. What is there before us is looked at before it is given to the account:
    # as root a link would hand over what it points to.
    if os.path.lexists(folder) and not _is_folder_of(folder, account):
        raise ConfigurationError(
            "The folder for the database socket belongs to somebody else.",
            where=str(folder),
            next_step="Remove it, or choose a data folder with a shorter path.",
        )
    _make_private_folder(folder, account)
    return folder


def _is_folder_of(path: Path, account: Account) -> bool:
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid
