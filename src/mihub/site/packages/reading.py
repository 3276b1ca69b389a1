"""A package as it will be shelved: checked, listed, packed; still outside of the database.

Many packages are read side by side (`read_all`), because unpacking leaves the interpreter. Above: `shelf`. Below:
`archive`, `contents`, `manifest`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mihub.errors import InvalidInput, MihubError, NotFound
from mihub.site.packages import contents, manifest
from mihub.site.packages.account import SetAside
from mihub.site.packages.archive import File, Limits, files

_READERS: Final = 2
_FASTEST: Final = 1
_SUFFIXES: Final = (".tgz", ".tar.gz")


@dataclass(frozen=True, slots=True)
class Packed:
    """A listed resource and its JSON, zlib-packed. `size_bytes`: unpacked."""

    entry: contents.Entry
    size_bytes: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """A package that can be shelved. `digest` is the same for the same files, packed or not."""

    source: str
    manifest: manifest.Manifest
    digest: bytes
    resources: tuple[Packed, ...]
    set_aside: tuple[SetAside, ...]


def sources(given: Path) -> list[Path]:
    """The packages at a path: the file, the unpacked folder, or those inside the folder. Raises when there are none."""
    if not given.exists():
        raise NotFound(
            f"There is no file {given}.", next_step="Name a package (.tgz) or a folder of packages."
        )
    if given.is_file():
        return [given]
    if _is_package(given):
        return [given]
    below = sorted(given.iterdir())
    found = [path for path in below if path.is_file() and path.name.endswith(_SUFFIXES)]
    found += [path for path in below if path.is_dir() and _is_package(path)]
    if not found:
        raise InvalidInput(
            f"There is no FHIR package in {given}.",
            rule="files .tgz, or folders with package.json",
            next_step="Name the folder that holds them.",
        )
    return found


def _is_package(folder: Path) -> bool:
    return (folder / manifest.FILE_NAME).is_file() or (folder / "package" / manifest.FILE_NAME).is_file()


def read_all(paths: Sequence[Path], limits: Limits) -> Iterator[tuple[Path, Read | MihubError]]:
    """Each package or why it was refused, in the order given; few are held in memory at a time."""
    if len(paths) == 1:
        yield paths[0], _read_or_refuse(paths[0], limits)
        return
    with ThreadPoolExecutor(_READERS, thread_name_prefix="packages") as readers:
        waiting: list[tuple[Path, Future[Read | MihubError]]] = []
        ahead = iter(paths)
        try:
            while True:
                for path in ahead:
                    waiting.append((path, readers.submit(_read_or_refuse, path, limits)))
                    if len(waiting) > _READERS:
                        break
                if not waiting:
                    return
                path, future = waiting.pop(0)
                yield path, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _read_or_refuse(path: Path, limits: Limits) -> Read | MihubError:
    try:
        return read(path, limits)
    except MihubError as error:
        return error


def read(source: Path, limits: Limits) -> Read:
    """One package. Raises a `MihubError` when it is refused as a whole."""
    digests: list[bytes] = []
    resources: list[Packed] = []
    set_aside: list[SetAside] = []
    manifests: dict[str, Any] = {}
    for file in files(source, limits):
        if isinstance(file, SetAside):
            set_aside.append(file)
            continue
        digests.append(_digest(file))
        found = contents.look(file.place, file.body)
        if isinstance(found, SetAside):
            set_aside.append(found)
        elif isinstance(found, contents.Entry):
            resources.append(_pack(found, file))
        elif found.document is not None:
            manifests[found.place] = found.document
    root, known = _manifest(manifests, source)
    kept, twice = _each_once(_below(root, resources))
    digest = hashlib.sha256(b"".join(sorted(digests))).digest()
    return Read(source.name, known, digest, tuple(kept), (*set_aside, *twice))


def _digest(file: File) -> bytes:
    place = hashlib.sha256(file.place.encode("utf-8", "surrogateescape")).digest()
    return hashlib.sha256(place + file.body).digest()


def _pack(entry: contents.Entry, file: File) -> Packed:
    body = contents.text_of(file.body)
    return Packed(entry, len(body), zlib.compress(body, _FASTEST))


def _manifest(found: dict[str, Any], source: Path) -> tuple[str, manifest.Manifest]:
    """The manifest and the folder it lies in: npm permits any one top folder instead of `package`."""
    for place in sorted(found, key=lambda place: (place.count("/"), place)):
        if place.count("/") <= 1:
            return place.removesuffix(manifest.FILE_NAME), manifest.parse(found[place], source.name)
    raise InvalidInput(
        "This is not a FHIR package: it has no package.json.",
        where=source.name,
        rule="FHIR NPM package specification, package/package.json",
        next_step="Get the package from its publisher, or make one: a folder with package.json and the resources.",
    )


def _below(root: str, resources: Iterable[Packed]) -> Iterator[Packed]:
    for one in resources:
        place = one.entry.place
        yield replace(one, entry=replace(one.entry, place=place.removeprefix(root))) if root else one


def _each_once(resources: Iterable[Packed]) -> tuple[list[Packed], list[SetAside]]:
    """Of definitions with the same type, url and version the one in the upper folder, then the first by name."""
    kept: list[Packed] = []
    twice: list[SetAside] = []
    first: dict[tuple[str, str, str], str] = {}
    for one in sorted(resources, key=lambda one: (one.entry.place.count("/"), one.entry.place)):
        entry = one.entry
        key = entry.resource_type, entry.url, entry.version
        if not entry.example and entry.url and first.setdefault(key, entry.place) != entry.place:
            what = f"It has the same url and version as {first[key]}."
            twice.append(
                SetAside(entry.place, what, "one resource for each url and version", "Remove one of them.")
            )
            continue
        kept.append(one)
    return kept, twice
