"""Versions of canonical resources: does one satisfy a request (`1.0.x`), which is the newest.

A request without a wildcard means exactly that version: `1` is not `1.0.0`. Source: https://hl7.org/fhir/R5/references.html#canonical-matching
and the terminology ecosystem's version tests. Below: `core.fhir.definitions`.
"""

from __future__ import annotations

from collections.abc import Iterable

from mihub.core.fhir.definitions.canonical import version_key

_SNOMED = "http://snomed.info/"
_INTERNATIONAL = "http://snomed.info/sct/900000000000207008"
_ANY = frozenset({"x", "X", "*"})


def is_pattern(asked: str) -> bool:
    """Whether the version asked for leaves a part open."""
    return any(part in _ANY for part in asked.split(".")) or asked.endswith("?")


def matches(asked: str, version: str) -> bool:
    """Whether `version` is what was asked for; nothing asked takes any."""
    if not asked or asked == version:
        return True
    if asked.startswith(_SNOMED):
        # An edition without a date is any release of it; every edition holds the international one.
        return version.startswith(
            (f"{asked}/version/", _SNOMED) if asked == _INTERNATIONAL else f"{asked}/version/"
        )
    if asked.endswith("?"):
        return version == asked[:-1] or version.startswith(asked[:-1])
    wanted, given = asked.split("."), version.split(".")
    if not any(part in _ANY for part in wanted):
        return False
    if wanted[-1] == "*" and len(given) > len(wanted):
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(a in _ANY or a == b for a, b in zip(wanted, given, strict=True))


def newest(versions: Iterable[str]) -> str:
    """The newest, "" when there is none."""
    return max(versions, key=version_key, default="")


def listed(versions: Iterable[str]) -> str:
    """As a sentence names them: `1.0.0 or 1.2.0`, `1, 2 and 3`."""
    items = sorted(set(versions))
    if len(items) < 3:
        return " or ".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def split(canonical: str) -> tuple[str, str]:
    """`url|version` -> (url, version); the version is "" when none is named."""
    url, _, version = canonical.partition("|")
    return url, version


def join(url: str, version: str) -> str:
    """(url, version) -> `url|version`, or the url alone."""
    return f"{url}|{version}" if version else url
