"""Choosing the version of a canonical resource, and saying in words by which rule.

`url|version` means that version; a shortened version (`4.0`) or one with a wildcard (`4.0.x`) means the newest that
begins so; no version means the newest. Source: https://hl7.org/fhir/R4/references.html#canonical (business versions)
and https://build.fhir.org/references.html#canonical (patterns). Above: every engine of `Definitions`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_PARTS: Final = re.compile(r"[.\-+_]")
_WILD: Final = frozenset({"x", "X", "*"})
# A release sorts after every label (`1.0.0` after `1.0.0-rc.2`), as in https://semver.org section 11.
_LABEL, _RELEASE, _NUMBER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Choice:
    """The version taken, by its place in the list given, and the rule in words."""

    position: int
    rule: str


def split(canonical: str) -> tuple[str, str]:
    """`url|version#fragment` -> url and version, without the fragment; the version is "" when none is named."""
    url, _, version = canonical.partition("|")
    return url.partition("#")[0], version.partition("#")[0]


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key: numbers as numbers, a pre-release before its release, no version before everything."""
    core, _, label = version.partition("+")[0].partition("-")
    if not version:
        return ()
    key = [_part(part) for part in _PARTS.split(core)]
    # Every release ends in the mark of a release, so that 1.0.0-rc < 1.0.0 < 1.0.0.1.
    key.append((_LABEL, 0, "") if label else (_RELEASE, 0, ""))
    return tuple(key + [_part(part) for part in label.split(".")] if label else key)


def choose(versions: Sequence[str], wanted: str) -> Choice | None:
    """The version to take of those known, or None when the wanted one is not among them."""
    if not wanted:
        return _newest(range(len(versions)), versions, "") if versions else None
    if wanted in versions:
        return Choice(versions.index(wanted), "the version that was named")
    begins = [i for i, version in enumerate(versions) if _begins(version, wanted)]
    return _newest(begins, versions, f" under {_stem(wanted)}") if begins else None


def _newest(positions: Sequence[int], versions: Sequence[str], which: str) -> Choice:
    best = max(positions, key=lambda i: version_key(versions[i]))
    if len(positions) > 1:
        return Choice(best, f"the newest of {len(positions)} versions{which}")
    return Choice(best, f"the only version{which}")


def _begins(version: str, wanted: str) -> bool:
    """Whether the version falls under a pattern such as `4.0`, `4.0.x` or `4.*`."""
    if not wanted[0].isdigit():
        return False
    stem = _stem(wanted)
    if not stem or any(part in _WILD for part in stem.split(".")):
        return False
    return version == stem or version.startswith(stem + ".")


def _stem(wanted: str) -> str:
    parts = wanted.split(".")
    while parts and parts[-1] in _WILD:
        parts.pop()
    return ".".join(parts)


def _part(part: str) -> tuple[int, int, str]:
    return (_NUMBER, int(part), "") if part.isdecimal() and len(part) < 18 else (_LABEL, 0, part)
