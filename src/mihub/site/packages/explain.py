"""`mihub packages why`: every resource a canonical could mean, the one it means, and near misses by name.

Above: `shelf`. Below: `lookup`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir.definitions.canonical import split
from mihub.site.packages.account import Candidate, Why
from mihub.site.packages.lookup import Lookup, Shelved

_MAX_HINTS: Final = 5


def why(lookup: Lookup, canonical: str, asked_from: str) -> Why:
    """How a canonical resolves. `rule` is "" when nothing on the shelf answers."""
    answer = lookup.answer(canonical, "", asked_from)
    chosen = answer.shelved if answer is not None else None
    candidates = tuple(
        _candidate(lookup, one, chosen, answer.rule if answer is not None else "", split(canonical)[1])
        for one in lookup.candidates(canonical, "", asked_from)
    )
    hints = tuple(_hints(lookup, canonical)) if chosen is None else ()
    return Why(canonical, asked_from, answer.rule if answer is not None else "", candidates, hints)


def _candidate(lookup: Lookup, one: Shelved, chosen: Shelved | None, rule: str, wanted: str) -> Candidate:
    known, wins = one.known, one == chosen
    return Candidate(
        resource_type=known.resource_type,
        url=known.url,
        version=known.version,
        package=known.package,
        place=one.place,
        built_in=one.built_in,
        wins=wins,
        reason=rule if wins else _lost(one, chosen, wanted),
        dependents=lookup.graph().dependents(known.package),
    )


def _lost(one: Shelved, chosen: Shelved | None, wanted: str) -> str:
    if chosen is None:
        return f"not the version that was named ({wanted})"
    if one.built_in:
        return "the program's own R4 core comes after loaded packages"
    if chosen.built_in:
        same = one.known.package == chosen.known.package
        return "the same as the program's own R4 core" if same else "a base type of R4 is the program's own"
    if one.known.version == chosen.known.version:
        return f"the same version as in {chosen.known.package}"
    return f"another version than {chosen.known.version or 'the one without version'}"


def _hints(lookup: Lookup, canonical: str) -> list[str]:
    url = split(canonical)[0]
    rows = lookup.database.read(
        "SELECT package.name || '#' || package.version, resource.place FROM resource"
        " JOIN package ON package.id = resource.package WHERE resource.url = ? AND resource.example = 1 LIMIT ?",
        [url, _MAX_HINTS],
    )
    hints = [f"{place} in {package} is an example, not a definition." for package, place in rows]
    return hints + [f"Did you mean {near}?" for near in _near(lookup, url)]


def _near(lookup: Lookup, url: str) -> list[str]:
    """Addresses with the same last word, in any case; or the same but for its end or its scheme."""
    last = url.rstrip("/").rpartition("/")[2]
    if not last:
        return []
    pattern = "%/" + last.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = lookup.database.read(
        "SELECT DISTINCT url FROM resource WHERE example = 0 AND url LIKE ? ESCAPE '\\' ORDER BY url LIMIT ?",
        [pattern, _MAX_HINTS],
    )
    return [near for (near,) in rows if near != url]
