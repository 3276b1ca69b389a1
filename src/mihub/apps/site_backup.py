"""`mihub site backup` and `mihub site restore`: a whole site in one file, taken while it serves, and back into a new folder.

    manifest.json      what it is, when and by which version it was made, rows of each table, SHA-256 of each part
    database.dump      every table of the site: record, audit, quarantine, letters (pg_dump, one moment)
    folder/...         settings, packages, code lists, the ledger of released counts; keys only when asked for

Facts are left out: they are built anew from the record. A restore fills a new folder and an empty database or neither. Never
prints a patient value. Above: `cli`. Below: `database.dump`, `folders`.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

import orjson
import psycopg

from mihub import __version__
from mihub.apps import console, folders
from mihub.apps.site import settings_of
from mihub.database import dump as database
from mihub.database.migrate import refuse_newer
from mihub.errors import ConfigurationError, InvalidInput, NotFound

FORMAT: Final = 1
ENDING: Final = ".mihub-backup"
KEYS: Final = ("keys.json", "secret", "linkage.key")
_DUMP: Final = "database.dump"
_MANIFEST: Final = "manifest.json"
# What is built anew, belongs to one running process, or is fetched and gone within hours.
_LEFT_OUT: Final = ("pg", "facts", "facts-beside-", "in-use", "exports", "view-exports", ".")
_BLOCK: Final = 1 << 20


def backup(folder: Path, target: Path, *, with_keys: bool, as_json: bool) -> None:
    """Write the site of `folder` to a file, or into a folder under a name of our own."""
    settings = settings_of(folder)
    made_at = datetime.now(UTC)
    if target.is_dir():
        target = target / f"{settings.member}-{made_at:%Y%m%dT%H%M%SZ}{ENDING}"
    if target.exists():
        raise ConfigurationError(
            f"{target} exists already.", rule="a backup never overwrites", next_step="Choose another name."
        )
    draft = target.with_name(target.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as beside:
            dumped = Path(beside) / _DUMP
            contents = _dumped(folder, settings.database_url, dumped)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                with tarfile.open(fileobj=file, mode="w:") as tar:
                    parts = [(_DUMP, dumped), *_files(folder, Path(beside), with_keys=with_keys)]
                    sums = {name: _added(tar, name, path) for name, path in parts}
                    manifest = {
                        "format": FORMAT, "mihub": __version__, "member": settings.member,
                        "made_at": made_at.isoformat(), "keys": with_keys, "database": asdict(contents), "sha256": sums,
                    }  # fmt: skip
                    # Last, so that a file that was cut short has none.
                    _add_manifest(tar, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
                file.flush()
                os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    _tell_backup(target, contents, with_keys=with_keys, as_json=as_json)


def _tell_backup(target: Path, contents: database.Contents, *, with_keys: bool, as_json: bool) -> None:
    size, rows = target.stat().st_size, sum(contents.rows.values())
    if as_json:
        console.json_line({"file": str(target), "size_bytes": size, "rows": contents.rows, "keys": with_keys})
    else:
        console.say(f"{target}: {size / 2**20:.1f} MB, {rows} rows in {len(contents.rows)} tables.")
    console.say(
        "It holds patients' data AND the site's private keys: whoever has the file is the site. Encrypt it before it leaves."
        if with_keys
        else "It holds patients' data, so encrypt it before it leaves this machine. It holds no keys: keep keys.json, secret and"
        " linkage.key of the folder in another safe place; without them a restored site can not prove who it is."
    )


def restore(backup_file: Path, folder: Path, *, database_url: str | None, as_json: bool) -> None:
    """Fill a new folder and an empty database from a backup, then compare the rows of every table."""
    if not backup_file.is_file():
        raise NotFound(f"There is no file {backup_file}.", next_step="Name a file made by mihub site backup.")
    manifest = read_manifest(backup_file)
    refuse_newer(manifest["database"]["migrations"])
    _check_folder(folder, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as beside:
        unpacked = Path(beside)
        _unpack(backup_file, unpacked, manifest["sha256"])
        settings = unpacked / "folder" / "site.toml"
        url, server = folders.database_url(folder, database_url or _own_database(settings), "site")
        try:
            database.restore(url, unpacked / _DUMP)
            _compare(url, manifest["database"]["rows"])
        except BaseException:
            if server is not None:
                server.stop()
                shutil.rmtree(folder / "pg", ignore_errors=True)
            raise
        if server is not None:
            server.stop()
        # The settings come last: a folder with settings is a whole one.
        for path in sorted((unpacked / "folder").iterdir(), key=lambda path: path.name == "site.toml"):
            shutil.move(path, folder / path.name)
    if database_url:
        _set_database(folder / "site.toml", database_url)
    _tell_restore(folder, manifest, as_json=as_json)


def read_manifest(path: Path) -> dict[str, Any]:
    """What a backup says of itself. Raises `InvalidInput` when it is none or was cut short."""
    try:
        with tarfile.open(path, "r:") as tar:
            member = tar.extractfile(_MANIFEST)
            manifest = orjson.loads(member.read()) if member else {}
    except (tarfile.TarError, KeyError, OSError, orjson.JSONDecodeError) as error:
        raise InvalidInput(
            f"{path} is no whole backup of a site.",
            rule="a file made by mihub site backup, copied to its end",
            next_step="Copy it again, or take another one.",
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ConfigurationError(
            f"{path} was made by a MiHUB with another form of backup.",
            next_step=f"Restore it with version {manifest.get('mihub', 'that made it')}.",
        )
    return manifest


def _dumped(folder: Path, configured: str | None, path: Path) -> database.Contents:
    url, server = folders.database_url(folder, configured, "site")
    try:
        return database.dump(url, path)
    finally:
        if server is not None:
            server.stop()


def _files(folder: Path, beside: Path, *, with_keys: bool) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        kept = not name.parts[0].startswith(_LEFT_OUT) and path.is_file() and not path.is_symlink()
        if not kept or (str(name) in KEYS and not with_keys) or path.suffix in (".new", ".lock"):
            continue
        if name.name.endswith(("-wal", "-shm", "-journal")):
            continue
        if path.suffix == ".sqlite":
            copy = beside / name.name
            _copy_sqlite(path, copy)
            path = copy
        yield f"folder/{name.as_posix()}", path


def _copy_sqlite(path: Path, copy: Path) -> None:
    # SQLite's own way: a whole copy of one moment, whoever writes meanwhile.
    with (
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as into,
    ):
        source.backup(into)


def _added(tar: tarfile.TarFile, name: str, path: Path) -> str:
    with path.open("rb") as body:
        entry = tar.gettarinfo(arcname=name, fileobj=body)
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        summed = _Summed(body, entry.size)
        tar.addfile(entry, cast("IO[bytes]", summed))
    return summed.sum.hexdigest()


class _Summed:
    """A file of which exactly so many bytes are read, with their sum: one that grows meanwhile ends where it was."""

    def __init__(self, body: IO[bytes], size: int) -> None:
        self._body, self._left, self.sum = body, size, hashlib.sha256()

    def read(self, size: int) -> bytes:
        piece = self._body.read(min(size, self._left))
        self._left -= len(piece)
        self.sum.update(piece)
        return piece


def _add_manifest(tar: tarfile.TarFile, body: bytes) -> None:
    entry = tarfile.TarInfo(_MANIFEST)
    entry.size, entry.mode = len(body), 0o600
    tar.addfile(entry, io.BytesIO(body))


def _check_folder(folder: Path, manifest: dict[str, Any]) -> None:
    there = (
        {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if folder.is_dir()
        else set()
    )
    if (folder.exists() and not folder.is_dir()) or there - set(KEYS):
        raise ConfigurationError(
            f"{folder} is not empty.",
            rule="a backup is restored into a new folder, which may hold the site's keys",
            next_step="Choose another folder.",
        )
    if not manifest["keys"] and not {"keys.json", "secret"} <= there:
        raise ConfigurationError(
            "This backup holds no keys, and a site with other keys would be another site.",
            where=str(folder),
            rule="keys.json, secret and, if the site has one, linkage.key",
            next_step=f"Copy the site's kept keys into {folder}, then run the command again.",
        )


def _unpack(path: Path, into: Path, sums: dict[str, str]) -> None:
    with tarfile.open(path, "r:") as tar:
        for entry in tar:
            name = PurePosixPath(entry.name)
            if entry.name == _MANIFEST:
                continue
            body = tar.extractfile(entry) if entry.isfile() else None
            if body is None or name.is_absolute() or ".." in name.parts or entry.name not in sums:
                raise InvalidInput(
                    "The backup holds a part that it does not list.", next_step="Take another backup."
                )
            target = into.joinpath(*name.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            if _copied(body, target, entry.mode & 0o700) != sums[entry.name]:
                raise InvalidInput(
                    "A part of the backup is damaged.",
                    where=entry.name,
                    rule="SHA-256 of the manifest",
                    next_step="Copy the file again, or take another backup; nothing was restored.",
                )
        missing = [name for name in sums if not into.joinpath(*PurePosixPath(name).parts).exists()]
    if missing:
        raise InvalidInput(
            "A part of the backup is missing.", where=missing[0], next_step="Take another backup."
        )


def _copied(body: IO[bytes], target: Path, mode: int) -> str:
    found = hashlib.sha256()
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode | 0o600), "wb") as file:
        while piece := body.read(_BLOCK):
            found.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def _own_database(settings: Path) -> str | None:
    return folders.read(settings.parent, "site").get("database_url") or None


def _compare(url: str, expected: dict[str, int]) -> None:
    with psycopg.connect(url) as connection:
        found = database.contents(connection).rows
    if found != expected:
        differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        raise InvalidInput(
            f"After the restore {len(differing)} tables do not have the rows that the backup counted.",
            where=", ".join(differing),
            next_step="Do not use this folder; take another backup.",
        )


def _set_database(settings: Path, url: str) -> None:
    lines = settings.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("database_url")]
    folders.replace(settings, "\n".join([*kept, f"database_url = {orjson.dumps(url).decode()}", ""]).encode())


def _tell_restore(folder: Path, manifest: dict[str, Any], *, as_json: bool) -> None:
    rows = manifest["database"]["rows"]
    if as_json:
        console.json_line({"folder": str(folder), "made_at": manifest["made_at"], "rows": rows})
        return
    console.say(
        f"{folder} is the site {manifest['member']} as it was at {manifest['made_at']}: {sum(rows.values())} rows compared."
    )
    console.say(
        f"Next: mihub site doctor --site {folder}, then mihub site serve --site {folder}. Facts are built at the first start."
    )


__all__ = ["backup", "read_manifest", "restore"]
