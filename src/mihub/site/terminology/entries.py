"""The entries of an expansion, where they come from when nobody composes them, and the refusals of composing.

Above: `compose`, `contains`, `expand`. Below: `issues`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.issues import Refused, issue, refused
from mihub.site.terminology.preparation import canonical, operator
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.version_rules import ruled
from mihub.site.terminology.versions import newest, split

Key = tuple[str, str, str]
UNCLOSED: Final = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"


@dataclass(slots=True, eq=False)
class Entry:
    """One code of an expansion. `above`: the entry it hangs under; `stored`: as a shipped expansion has it."""

    system: str
    version: str
    code: str
    provider: CodeSystemProvider | None = None
    reference: Json | None = None
    language: str = ""
    above: Entry | None = None
    stored: Json | None = None
    # Whether one code system comes in several versions, so that the version must be said.
    tells_version: bool = False


@dataclass(slots=True)
class Notes:
    """What the answer has to say besides the codes."""

    parameters: dict[tuple[str, str], None] = field(default_factory=dict)
    nested: bool = True
    # Code systems of which only a part is here.
    unclosed: set[str] = field(default_factory=set)
    versions_match: bool = False

    def add(self, name: str, value: str) -> None:
        """An `expansion.parameter` with an address."""
        self.parameters[(name, value)] = None


def as_listed(value_set: Resource, include: Json) -> Iterator[Entry]:
    language = value_set.get("language", "")
    for reference in include["concept"]:
        if isinstance(reference.get("code"), str):
            version = include.get("version", "")
            yield Entry(include["system"], version, reference["code"], reference=reference, language=language)


def stored(value_set: Resource) -> Iterator[Entry]:
    """The codes of an expansion that came with the value set."""
    stack: list[tuple[Json, Entry | None]] = [
        (one, None) for one in reversed((value_set.get("expansion") or {}).get("contains") or [])
    ]
    while stack:
        raw, above = stack.pop()
        entry = Entry(
            raw.get("system", ""), raw.get("version", ""), raw.get("code", ""), above=above, stored=raw
        )
        stack.extend((inner, entry) for inner in reversed(raw.get("contains") or []))
        if entry.code:
            yield entry


def newest_first(includes: Sequence[Json]) -> list[Json]:
    """The newest version of one code system first; else as written."""
    versions = {one["version"] for one in includes if one.get("version")}
    ranks: dict[str, int] = {}
    while versions:
        latest = newest(versions)
        ranks[latest] = len(ranks)
        versions.discard(latest)
    systems = {one.get("system") for one in includes}
    if len(systems) != 1 or len(ranks) < 2:
        return list(includes)
    return sorted(includes, key=lambda one: ranks.get(one.get("version", ""), -1))


def missing_import(asked: Asked, address: str) -> Refused:
    """An imported value set that nobody knows."""
    url, pinned = split(address)
    version = ruled(asked, url, pinned)
    message = "VS_EXP_IMPORT_UNK_PINNED" if version else "VS_EXP_IMPORT_UNK"
    return refused("not-found", "not-found", message, value_set=url, version=version)


def too_costly(value_set: Resource, most: int) -> Refused:
    """More codes than can be listed in one answer."""
    return refused("too-costly", "", "VALUESET_TOO_COSTLY", value_set=canonical(value_set), count=f">{most}")


def no_value(system: str, raw: Json, where: str) -> Refused:
    """A filter that filters by nothing."""
    facts = {"system": system, "property": raw.get("property", ""), "op": operator(raw)}
    message = "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE"
    return Refused(issue("error", "invalid", "vs-invalid", message, where, **facts), status=400)
