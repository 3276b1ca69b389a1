"""The file a party's private keys rest in: readable by its owner alone, replaced as a whole.

The one place in this room that touches a disk. It refuses a file that others may read. Below: `keys`.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from mihub.core.wire.keys import KeySet
from mihub.errors import ConfigurationError


def save(keys: KeySet, path: Path) -> None:
    """Write with mode 0600, under a second name first, so that a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(keys.to_json(), option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load(path: Path) -> KeySet:
    """Raises `ConfigurationError` when the file is missing, open to others, or not a key file."""
    try:
        if path.stat().st_mode & 0o077:
            raise _refused(path, "others may read it", f"Run: chmod 600 {path.name}")
        body = orjson.loads(path.read_bytes())
    except OSError as error:
        raise _refused(path, "it cannot be read", "Make keys with `mihub site init`.") from error
    except orjson.JSONDecodeError as error:
        raise _refused(path, "it is not JSON", "Restore it from the backup of the keys.") from error
    return KeySet.from_json(body if isinstance(body, dict) else {})


def load_or_generate(path: Path, owner: str) -> KeySet:
    """The keys at `path`; new ones for `owner`, saved there, when there is no file yet."""
    if path.exists():
        return load(path)
    keys = KeySet.generate(owner)
    save(keys, path)
    return keys


def _refused(path: Path, why: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(
        f"The key file {path.name} is refused: {why}.", rule="key file", next_step=next_step
    )
