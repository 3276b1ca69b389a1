"""Which profiles, tags and security labels are in use: read from the index, which has a row for each. Above: both engines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mihub.core.policy.restriction import Restriction
from mihub.site.store.history import speaks
from mihub.site.store.noting import notes_of_search
from mihub.site.store.protocol import Labels, Note

# The search parameters whose rows are labels.
PROFILE, TAG, SECURITY = NAMES = ("_profile", "_tag", "_security")


def labels_of(rows: Iterable[tuple[Any, ...]], kinds: Mapping[int, str]) -> Labels:
    """From rows of the index: parameter, system (or type of a link), code (or URL), and more that is not looked at."""
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in NAMES}
    for param, system, code, *_ in rows:
        if param in kinds:
            found[kinds[param]].add((system, code))
    profiles = tuple(sorted(url for _, url in found[PROFILE]))
    return Labels(profiles, tuple(sorted(found[TAG])), tuple(sorted(found[SECURITY])))


def notes_of_labels(resource_type: str, within: Restriction) -> list[Note]:
    """One line; no patient is named, for none is shown."""
    return notes_of_search("meta", resource_type, [], 0, "", allowed=speaks(within, resource_type))
