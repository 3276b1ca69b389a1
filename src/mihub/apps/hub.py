"""`mihub hub serve`: open the hub of a folder and serve it. Below: `mihub.hub`; beside: `network` makes the folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson

from mihub.apps import console, folders, network
from mihub.apps.following import following
from mihub.apps.serve import address, bind, until_stopped
from mihub.core.wire import keyfile
from mihub.errors import ConfigurationError
from mihub.hub.api.app import create_app
from mihub.hub.hub import Hub, HubSettings
from mihub.hub.projects.projects import Project


@contextmanager
def opened(folder: Path) -> Iterator[Hub]:
    """The hub of this folder with its newest list of members and its projects; closed afterwards."""
    settings = folders.read(folder, "hub")
    keys, registry = keyfile.load(folder / "keys.json"), folders.registry(folder)
    with ExitStack() as stack:
        url, server = folders.database_url(folder, settings.get("database_url") or None, "hub")
        if server:
            stack.callback(server.stop)
        hub = Hub.open(HubSettings(url, keys, registry))
        stack.callback(hub.close)
        take(folder, hub)
        yield hub


def take(folder: Path, hub: Hub) -> None:
    """Hand the list of members and the projects of the folder to the hub."""
    members = folder / "members.jws"
    if not members.exists():
        raise ConfigurationError(
            "This hub has no member yet.",
            rule="signed list of members",
            next_step="Enrol one: mihub hub enrol --help",
        )
    hub.members.accept(members.read_text(encoding="utf-8").strip())
    entries = folder / "projects.json"
    for project in orjson.loads(entries.read_bytes()) if entries.exists() else []:
        hub.projects.put(Project(project["id"], project["title"]))


def serve(folder: Path, *, host: str, port: int) -> None:
    """Until stopped."""
    with bind(host, port) as sock, opened(folder) as hub:
        console.say(f"Hub at {address(sock)} (stop with Ctrl-C)")
        left = network.still_online(folder)
        if left:
            console.say(f"Move out of {folder} and keep offline when all are enrolled: {', '.join(left)}.")
        files = [folder / "members.jws", folder / "projects.json"]
        until_stopped(following(create_app(hub), files, lambda: take(folder, hub)), sock)
