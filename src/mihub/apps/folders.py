"""The folder of one role: its settings file, its keys, its secret, its list of members, its database.

    site.toml | hub.toml | trust.toml    settings, a dozen lines, written by `init` with every key explained
    keys.json                            private keys (mode 0600)
    secret                               32 random bytes (mode 0600): transport ids, noise
    registry-public.json, members.jws    who belongs to the region, signed by the registry
    pg/                                  the PostgreSQL that pip brings, unless `database_url` names another

Only `apps` reads these files; rooms get typed settings. Never holds a patient value.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from mihub.core.wire import keyfile
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.database.embedded import Embedded
from mihub.errors import ConfigurationError

SECRET_BYTES = 32


def create(folder: Path, role: str, settings: Mapping[str, tuple[Any, str]], owner: str) -> KeySet:
    """A new folder with settings (value and meaning by key), keys and secret. Raises when there is one already."""
    target = folder / f"{role}.toml"
    if target.exists():
        raise ConfigurationError(
            f"{target} exists already.",
            rule="init never overwrites",
            next_step="Choose another folder, or edit the file.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    keys = keyfile.load_or_generate(folder / "keys.json", owner)
    read_secret(folder)
    target.write_text(
        "".join(_line(key, value, meaning) for key, (value, meaning) in settings.items()), encoding="utf-8"
    )
    (folder / "member.json").write_bytes(
        orjson.dumps(keys.public().to_json(), option=orjson.OPT_INDENT_2) + b"\n"
    )
    return keys


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
            f"There is no {role} in {folder}.",
            rule=f"a folder with {role}.toml",
            next_step=f"Name its folder with --{role} DIR, or make one: mihub {role} init DIR",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} can not be read as TOML.", rule="TOML 1.0", next_step="Mend the line that it names."
        ) from error


def read_secret(folder: Path) -> bytes:
    """The folder's secret; made when absent."""
    path = folder / "secret"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
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
    return PublicKeys.from_json(orjson.loads(path.read_bytes()))


def database_url(folder: Path, configured: str | None, name: str) -> tuple[str, Embedded | None]:
    """The operator's database, or one in the folder's own server, which is then returned to be stopped."""
    if configured:
        return configured, None
    server = Embedded.start(folder / "pg")
    return server.url(name), server
