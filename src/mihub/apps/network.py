"""Who belongs to a region: the hub's folder, the registry that signs the list of members, joining it.

The registry's private key is made with the hub's folder for convenience and belongs offline after enrolment: whoever holds
it can enter members, the hub itself never needs it. Below: `core.wire`.
"""

from __future__ import annotations

import time
from pathlib import Path

import orjson

from mihub.apps import console, folders
from mihub.core.policy.actor import MemberId
from mihub.core.wire import keyfile
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.core.wire.members import Member, member_list, sign_list, verify_list
from mihub.errors import InvalidInput

_DUTIES = frozenset({"site", "record", "portal", "hub", "trust"})


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
    (folder / "registry-public.json").write_bytes(orjson.dumps(registry.public().to_json()) + b"\n")
    _publish(folder, registry, Member(MemberId("hub"), "Hub", "hub", frozenset({"hub"}), keys.public()))
    console.say(f"A hub is made in {folder}. Fingerprint of the registry: {registry.public().fingerprint()}")
    console.say("Next: enrol members, then keep registry.json offline. mihub hub enrol --help")


def enrol(folder: Path, member_file: Path, *, name: str, kind: str, duties: list[str]) -> None:
    """Enter or replace one member and sign the list anew."""
    if not set(duties) <= _DUTIES:
        raise InvalidInput(
            "A duty is unknown.",
            rule=f"one of {', '.join(sorted(_DUTIES))}",
            next_step="Name the duty with --duty.",
        )
    keys = PublicKeys.from_json(_json(member_file))
    registry = keyfile.load(folder / "registry.json")
    _publish(
        folder, registry, Member(MemberId(keys.owner), name or keys.owner, kind, frozenset(duties), keys)
    )
    console.say(f"{keys.owner} is a member. Fingerprint to be confirmed by telephone: {keys.fingerprint()}")


def join(folder: Path, members: Path, registry: Path) -> None:
    """Keep a signed list after checking it against the registry's public keys."""
    keys = PublicKeys.from_json(_json(registry))
    token = members.read_text(encoding="utf-8").strip()
    listed = verify_list(token, keys, now_seconds=int(time.time()))
    (folder / "registry-public.json").write_bytes(orjson.dumps(keys.to_json()) + b"\n")
    (folder / "members.jws").write_text(token + "\n", encoding="utf-8")
    console.say(f"Joined {listed.network}: {len(listed.members)} members. Registry: {keys.fingerprint()}")


def add_project(folder: Path, project: str, title: str) -> None:
    """Keys for a project, and its entry at the hub."""
    folders.read(folder, "hub")
    path = folder / "projects.json"
    known = orjson.loads(path.read_bytes()) if path.exists() else []
    keys = keyfile.load_or_generate(folder / f"{project}.json", project)
    (folder / f"{project}-public.json").write_bytes(orjson.dumps(keys.public().to_json()) + b"\n")
    entries = [one for one in known if one["id"] != project] + [{"id": project, "title": title or project}]
    path.write_bytes(orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n")
    console.say(
        f"Give {project}-public.json to the sites (mihub site allow --help); {project}.json to the project's portal alone."
    )


def _publish(folder: Path, registry: KeySet, member: Member) -> None:
    path = folder / "members.jws"
    settings = folders.read(folder, "hub")
    known: list[Member] = []
    version = 1
    if path.exists():
        current = verify_list(path.read_text(encoding="utf-8").strip(), registry.public(), now_seconds=0)
        known = [one for one in current.members.values() if one.id != member.id]
        version = current.version + 1
    listed = member_list(
        str(settings["network"]), [*known, member], version=version, now_seconds=int(time.time())
    )
    path.write_text(sign_list(listed, registry) + "\n", encoding="utf-8")


def _json(path: Path) -> dict[str, object]:
    try:
        value = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidInput(
            f"There is no file {path}.", next_step="Name the file that the member sent."
        ) from None
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON.", next_step="Ask for the file again.") from error
    return value if isinstance(value, dict) else {}
