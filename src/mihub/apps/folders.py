"""The folder of one role: its settings file, its keys, its secret, its list of members, its database.

    site.toml | hub.toml | trust.toml    settings, a dozen lines, written by `init` with every key explained
    keys.json                            private keys (mode 0600)
    secret                               32 random bytes (mode 0600): transport ids, noise
    registry-public.json, members.jws    who belongs to the region, signed by the registry
    linkage.key                          the sites' common key for encoding names (mode 0600); no hub, no trust centre has it
    in-use                               locked by the one process that keeps the site's facts
    pg/                                  the PostgreSQL that pip brings, unless `database_url` names another

Only `apps` reads these files; rooms get typed settings. Never holds a patient value.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from mihub.core.wire import keyfile
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.database.embedded import Embedded
from mihub.errors import ConfigurationError, InvalidInput, NotFound, StorageFull, Unavailable

SECRET_BYTES = 32
_LOCK = "in-use"
# PostgreSQL writes its log in files of 16 MB.
_ROOM_BYTES = 17 * 2**20


def create(folder: Path, role: str, settings: Mapping[str, tuple[Any, str]], owner: str) -> KeySet:
    """A new folder with settings (value and meaning by key), keys and secret. Raises when there is one already."""
    target = folder / f"{role}.toml"
    if target.exists():
        raise ConfigurationError(
            f"{target} exists already.",
            rule="init never overwrites",
            next_step="Choose another folder, or edit the file.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigurationError(
            f"{folder} is a file.", rule="a new folder", next_step="Choose another name."
        ) from None
    keys = keyfile.load_or_generate(folder / "keys.json", owner)
    read_secret(folder)
    write_public(folder / "member.json", keys.public())
    # The settings come last: a folder with settings is a whole one.
    replace(
        target, "".join(_line(key, value, meaning) for key, (value, meaning) in settings.items()).encode()
    )
    return keys


def write_public(path: Path, keys: PublicKeys) -> None:
    """The public half of somebody's keys, to be handed on."""
    replace(path, orjson.dumps(keys.to_json(), option=orjson.OPT_INDENT_2) + b"\n")


def replace(path: Path, body: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file or none: a full disk or a crash leaves the old one."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _line(key: str, value: Any, meaning: str) -> str:
    shown = orjson.dumps(value).decode()  # JSON texts, numbers and booleans are TOML too
    return f"# {meaning}\n{key} = {shown}\n"


def read(folder: Path, role: str) -> dict[str, Any]:
    """The settings file of this role. Raises `ConfigurationError` when there is none or it is not TOML."""
    path = folder / f"{role}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no {role} in {folder.resolve()}.",
            rule=f"a folder with {role}.toml",
            next_step=f"Name its folder with --{role} DIR, or make one: mihub {role} init DIR",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} can not be read as TOML.", where=str(error), rule="TOML 1.0", next_step="Mend that line."
        ) from error
    except (UnicodeDecodeError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"{path} can not be read as TOML.", rule="TOML 1.0 in UTF-8", next_step="Name the right folder."
        ) from error


def read_public(path: Path) -> PublicKeys:
    """Somebody's public keys as they were sent. Raises `InvalidInput` when the file holds none."""
    try:
        body = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", next_step="Name the file that was sent.") from None
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            f"{path} is not JSON.", rule="public keys", next_step="Ask for the file again."
        ) from error
    return PublicKeys.from_json(body if isinstance(body, dict) else {})


def read_linkage_key(path: Path) -> bytes:
    """The sites' common key for encoding names. Raises when the file is missing or holds something else."""
    try:
        key = bytes.fromhex(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        raise NotFound(
            f"There is no file {path}.", next_step="Ask the region's registry for linkage.key."
        ) from None
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) != SECRET_BYTES:
        raise InvalidInput(
            f"{path} holds no linkage key.",
            rule=f"{SECRET_BYTES} bytes in hexadecimal",
            next_step="Ask the region's registry for linkage.key again.",
        )
    return key


def write_linkage_key(folder: Path, key: bytes) -> None:
    """Keep the key, readable by the owner alone."""
    replace(folder / "linkage.key", key.hex().encode() + b"\n", mode=0o600)


def read_secret(folder: Path) -> bytes:
    """The folder's secret; made when absent."""
    path = folder / "secret"
    if not path.exists():
        replace(path, secrets.token_bytes(SECRET_BYTES), mode=0o600)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise ConfigurationError(
            f"{path} is damaged.",
            rule=f"{SECRET_BYTES} bytes",
            next_step="Restore it from the backup of the keys.",
        )
    return secret


def registry(folder: Path) -> PublicKeys:
    """The public keys of the region's registry, given at enrolment."""
    path = folder / "registry-public.json"
    if not path.exists():
        raise ConfigurationError(
            f"{folder} belongs to no region yet.",
            rule="registry-public.json from the network's operator",
            next_step="Join a region: mihub site join --help",
        )
    return read_public(path)


def alone(folder: Path, *, wait: bool) -> int | None:
    """The lock of a folder, to be closed at the end; None when another process has it and `wait` is false."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextmanager
def copied_facts(folder: Path) -> Iterator[Path]:
    """A folder with the facts as they stand, for a process beside the one that keeps them; removed at the end.

    The files are linked, not copied; should one vanish meanwhile, the reader builds its facts anew from the record.
    """
    with tempfile.TemporaryDirectory(prefix="facts-beside-", dir=folder) as beside:
        facts = Path(beside) / "facts"
        facts.mkdir()
        for path in sorted((folder / "facts").glob("*")) if (folder / "facts").is_dir() else []:
            with suppress(FileNotFoundError):
                if path.suffix == ".json":
                    shutil.copy(path, facts / path.name)
                elif path.suffix == ".parquet":
                    os.link(path, facts / path.name)
        yield Path(beside)


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """A database that can not write its log falls silent; when the disk is full, that is what the error says."""
    try:
        yield
    except Unavailable as error:
        if shutil.disk_usage(folder).free >= _ROOM_BYTES:
            raise
        raise StorageFull(
            "The disk is full; nothing was half-written.",
            where=str(folder.resolve()),
            next_step="Make room, then run the command again.",
        ) from error


def database_url(folder: Path, configured: str | None, name: str) -> tuple[str, Embedded | None]:
    """The operator's database, or one in the folder's own server, which is then returned to be stopped."""
    if configured:
        return configured, None
    server = Embedded.start(folder / "pg")
    return server.url(name), server
