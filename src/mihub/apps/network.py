"""Who belongs to a region: the hub's folder, the registry that signs the list of members, joining it.

The registry's private key and the sites' common linkage key are made with the hub's folder for convenience and belong
offline after enrolment: whoever holds the first can enter members, whoever holds the second can test names against the trust
centre's encodings. The hub needs neither, the trust centre never gets one. Below: `core.wire`.
"""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

import orjson

from mihub.apps import console, folders
from mihub.core.policy.actor import MemberId
from mihub.core.wire import keyfile
from mihub.core.wire.keys import KeySet
from mihub.core.wire.members import Member, member_list, sign_list, verify_list
from mihub.errors import ConfigurationError, InvalidInput, NotFound

OFFLINE = ("registry.json", "linkage.key")
_DUTIES = frozenset({"site", "record", "portal", "hub", "trust"})
_PROJECT = re.compile(r"[a-z][a-z0-9-]{1,39}")
_RESERVED = frozenset({"keys", "registry", "member", "members", "projects", "secret"})


def init_hub(folder: Path, network: str) -> None:
    """A hub's folder and a registry; the hub is the first member."""
    settings = {
        "network": (network, "The region's name; part of every signed list."),
        "database_url": (
            "",
            "An own PostgreSQL (15 or newer) by URL; empty: the one that pip brings, in this folder.",
        ),
    }
    keys = folders.create(folder, "hub", settings, "hub")
    registry = KeySet.generate("registry")
    keyfile.save(registry, folder / "registry.json")
    folders.write_public(folder / "registry-public.json", registry.public())
    folders.write_linkage_key(folder, secrets.token_bytes(folders.SECRET_BYTES))
    _publish(folder, registry, Member(MemberId("hub"), "Hub", "hub", frozenset({"hub"}), keys.public()))
    console.say(f"A hub is made in {folder}. Fingerprint of the registry: {registry.public().fingerprint()}")
    console.say(
        "Next: enrol members (mihub hub enrol --help), give linkage.key to the sites outside the network, "
        "then move registry.json and linkage.key out of this folder and keep them offline."
    )


def still_online(folder: Path) -> list[str]:
    """What belongs offline and lies in the hub's folder yet."""
    return [name for name in OFFLINE if (folder / name).exists()]


def enrol(
    folder: Path, member_file: Path, *, name: str, kind: str, duties: list[str], registry_key: Path | None
) -> None:
    """Enter or replace one member and sign the list anew. `registry_key`: where it is kept, when not in the folder."""
    folders.read(folder, "hub")
    if not set(duties) <= _DUTIES:
        raise InvalidInput(
            "A duty is unknown.",
            rule=f"one of {', '.join(sorted(_DUTIES))}",
            next_step="Name the duty with --duty.",
        )
    keys = folders.read_public(member_file)
    registry = _registry_key(registry_key or folder / "registry.json")
    _publish(
        folder, registry, Member(MemberId(keys.owner), name or keys.owner, kind, frozenset(duties), keys)
    )
    console.say(f"{keys.owner} is a member. Fingerprint to be confirmed by telephone: {keys.fingerprint()}")


def renew(folder: Path, *, registry_key: Path | None) -> None:
    """Sign the list of members anew for another month."""
    folders.read(folder, "hub")
    _publish(folder, _registry_key(registry_key or folder / "registry.json"), None)
    console.say("The list of members holds for another month; a running hub takes it within seconds.")


def join(
    folder: Path, members: Path, registry: Path, *, role: str = "site", linkage_key: Path | None = None
) -> None:
    """Keep a signed list after checking it against the registry's public keys, and that it lists us with our keys."""
    folders.read(folder, role)
    keys = folders.read_public(registry)
    token = _text(members)
    listed = verify_list(token, keys, now_seconds=int(time.time()))
    own = keyfile.load(folder / "keys.json").public()
    if own.owner not in listed.members or listed.members[MemberId(own.owner)].keys != own:
        raise ConfigurationError(
            f"The list of members does not hold {own.owner} with the keys of {folder}.",
            rule="the list names each member's public keys",
            next_step=f"Send {folder}/member.json to the network's operator (mihub hub enrol), then join with the new list.",
        )
    common = folders.read_linkage_key(linkage_key) if linkage_key else b""
    folders.write_public(folder / "registry-public.json", keys)
    folders.replace(folder / "members.jws", token.encode() + b"\n")
    if common:
        folders.write_linkage_key(folder, common)
    console.say(f"Joined {listed.network}: {len(listed.members)} members. Registry: {keys.fingerprint()}")
    if role == "site" and not (folder / "linkage.key").exists():
        console.say("Without --linkage-key its people are not linked with those of other sites.")


def add_project(folder: Path, project: str, title: str) -> None:
    """Keys for a project, and its entry at the hub."""
    folders.read(folder, "hub")
    if not _PROJECT.fullmatch(project) or project in _RESERVED:
        raise InvalidInput(
            "The project's id can not be used.",
            rule="lower case letters, digits and hyphen",
            next_step="For example: lung-demo",
        )
    path = folder / "projects.json"
    known = orjson.loads(path.read_bytes()) if path.exists() else []
    keys = keyfile.load_or_generate(folder / f"{project}.json", project)
    folders.write_public(folder / f"{project}-public.json", keys.public())
    entries = [one for one in known if one["id"] != project] + [{"id": project, "title": title or project}]
    folders.replace(path, orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n")
    console.say(
        f"Give {project}-public.json to the sites (mihub site allow --help); {project}.json to the project's portal alone."
    )


def _publish(folder: Path, registry: KeySet, member: Member | None) -> None:
    path = folder / "members.jws"
    settings = folders.read(folder, "hub")
    known: list[Member] = []
    version = 1
    if path.exists():
        current = verify_list(_text(path), registry.public(), now_seconds=0)
        known = [one for one in current.members.values() if member is None or one.id != member.id]
        version = current.version + 1
    listed = member_list(
        str(settings["network"]),
        [*known, member] if member else known,
        version=version,
        now_seconds=int(time.time()),
    )
    folders.replace(path, sign_list(listed, registry).encode() + b"\n")


def _registry_key(path: Path) -> KeySet:
    if not path.exists():
        raise ConfigurationError(
            f"The registry's private key is not at {path}.",
            rule="the registry signs the list of members",
            next_step="Name where it is kept offline: --registry FILE",
        )
    return keyfile.load(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", next_step="Name the file that was sent.") from None
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{path} holds no list of members.",
            rule="a text signed by the registry",
            next_step="Ask for the file again.",
        ) from None
