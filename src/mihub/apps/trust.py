"""`mihub trust ...`: the trust centre of a folder. Below: `mihub.trust`; beside: `folders`, `network`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mihub.apps import console, folders
from mihub.apps.following import following
from mihub.apps.serve import address, bind, until_stopped
from mihub.core.wire import keyfile
from mihub.errors import ConfigurationError
from mihub.trust.api.app import create_app
from mihub.trust.trust import Trust, TrustSettings


def init(folder: Path) -> None:
    """A new trust centre's folder."""
    settings = {
        "database_url": (
            "",
            "An own PostgreSQL (15 or newer) by URL; empty: the one that pip brings, in this folder.",
        )
    }
    keys = folders.create(folder, "trust", settings, "trust")
    console.say(f"A trust centre is made in {folder}. Fingerprint of its keys: {keys.public().fingerprint()}")
    console.say(f"Next: send {folder}/member.json to the network's operator, then: mihub trust join --help")


@contextmanager
def opened(folder: Path) -> Iterator[Trust]:
    """The trust centre of this folder with its newest list of members; closed afterwards."""
    settings = folders.read(folder, "trust")
    members = folder / "members.jws"
    if not members.exists():
        raise ConfigurationError(
            "This trust centre belongs to no region yet.",
            rule="signed list of members",
            next_step="mihub trust join --help",
        )
    keys, registry = keyfile.load(folder / "keys.json"), folders.registry(folder)
    with ExitStack() as stack:
        url, server = folders.database_url(folder, settings.get("database_url") or None, "trust")
        if server:
            stack.callback(server.stop)
        trust = Trust.open(TrustSettings(url, keys, registry))
        stack.callback(trust.close)
        take(folder, trust)
        yield trust


def take(folder: Path, trust: Trust) -> None:
    """Hand the list of members of the folder to the trust centre."""
    trust.members.accept((folder / "members.jws").read_text(encoding="utf-8").strip())


def serve(folder: Path, *, host: str, port: int) -> None:
    """Until stopped."""
    with bind(host, port) as sock, opened(folder) as trust:
        console.say(f"Trust centre at {address(sock)} (stop with Ctrl-C)")
        app = following(create_app(trust), [folder / "members.jws"], lambda: take(folder, trust))
        until_stopped(app, sock)
