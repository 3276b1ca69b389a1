"""Which loaded package answers for which dependency, what a package can see, and who depends on whom. Pure.

Cycles are permitted and named; nothing here can run in circles. Source: FHIR NPM package specification (a version may
be shortened or end in `x`; a newer patch version serves). Above: `lookup`, `shelf`. Below: `account`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mihub.core.fhir.definitions.canonical import choose, version_key
from mihub.site.packages.account import Dependency
from mihub.site.packages.manifest import CORE_NAME, is_r4

CORE_LABEL: Final = f"{CORE_NAME}#4.0.1"
_ANY: Final = frozenset({"", "*", "x", "X", "latest", "current", "dev"})
_RANGE: Final = re.compile(r"([~^])?\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+].*)?")


@dataclass(slots=True)
class Graph:
    """Loaded packages (`name#version`) and what each asks for. `asks`: label to (name to version)."""

    asks: Mapping[str, Mapping[str, str]]
    _versions: dict[str, list[str]] = field(default_factory=dict)
    _contexts: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for label in self.asks:
            name, _, version = label.partition("#")
            self._versions.setdefault(name, []).append(version)

    def versions(self, name: str) -> list[str]:
        """Loaded versions of a package, newest last."""
        return sorted(self._versions.get(name, ()), key=version_key)

    def served(self, name: str, asked: str) -> Dependency:
        """Who answers for a dependency. R4 core is always there."""
        versions = self._versions.get(name, [])
        found, exact = _serving(versions, asked)
        if not found and name == CORE_NAME and (asked in _ANY or is_r4(asked.removesuffix(".x"))):
            return Dependency(name, asked, CORE_LABEL, exact=True)
        return Dependency(name, asked, f"{name}#{found}" if found else "", exact)

    def dependencies(self, label: str) -> tuple[Dependency, ...]:
        """What a package asks for, by name."""
        return tuple(self.served(name, asked) for name, asked in sorted(self.asks.get(label, {}).items()))

    def context(self, label: str) -> dict[str, int]:
        """What a package sees: itself (0) and the packages that answer for its dependencies, with their distance."""
        if label not in self.asks:
            return {}
        if label not in self._contexts:
            self._contexts[label] = self._distances(label)
        return self._contexts[label]

    def dependents(self, label: str) -> tuple[str, ...]:
        """Packages that ask for this one themselves."""
        return tuple(sorted(one for one in self.asks if one != label and label in self._below(one)))

    def cycle(self, label: str) -> tuple[str, ...]:
        """The other packages with which this one depends on itself; itself alone when it asks for itself."""
        below = set(self._below(label))
        if label in below:
            return (label,)
        return tuple(
            sorted(one for one in self.context(label) if one != label and label in self.context(one))
        )

    def _below(self, label: str) -> Iterable[str]:
        return (one.served_by for one in self.dependencies(label) if one.served_by in self.asks)

    def _distances(self, label: str) -> dict[str, int]:
        distance = {label: 0}
        waiting = deque([label])
        while waiting:
            here = waiting.popleft()
            for below in self._below(here):
                if below not in distance:
                    distance[below] = distance[here] + 1
                    waiting.append(below)
        return distance


def _serving(versions: list[str], asked: str) -> tuple[str, bool]:
    """The version that answers, "" for none, and whether it is what was asked for."""
    if asked in versions:
        return asked, True
    wanted = "" if asked in _ANY else asked
    found = choose(versions, wanted)
    if found is not None:
        return versions[found.position], True
    parts = _RANGE.fullmatch(asked)
    if parts is None:
        return "", False
    # `^1.2.3` permits every 1.x, all else the same minor version.
    whole = parts[2] if parts[1] == "^" else ".".join(filter(None, (parts[2], parts[3])))
    near = choose(versions, whole)
    return (versions[near.position], parts[1] is not None) if near is not None else ("", False)
