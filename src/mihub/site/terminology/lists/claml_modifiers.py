"""Unfolds the modifiers of a ClaML file: a category and the list of its further places become codes of their own.

As BfArM's metadata has them: the code is the category's code with the modifier's, the title both titles with a colon. A
modifier whose classes exclude places of another one builds upon that other one (`excludeOnPrecedingModifier`).
Above: `claml`. Source: EN ISO 13120, ModifiedBy and ValidModifierClass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mihub.site.terminology.lists.entry import Entry

if TYPE_CHECKING:
    from mihub.site.terminology.lists.claml_classes import Class

_EXCLUDES: Final = "excludeOnPrecedingModifier"


@dataclass(frozen=True, slots=True)
class ModifiedBy:
    """A class is modified by this modifier; `valid`: only by these of its places, empty means all."""

    modifier: str
    valid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a modifier. `after`: not directly after these (modifier, place)."""

    code: str
    label: str
    properties: tuple[tuple[str, str], ...]
    after: frozenset[tuple[str, str]]


@dataclass(slots=True)
class Modifiers:
    """All modifiers of a file, by name, with their places in the file's order."""

    places: dict[str, dict[str, Place]] = field(default_factory=dict)

    def add(self, modifier: str, code: str, label: str, properties: tuple[tuple[str, str], ...]) -> None:
        """One more place of a modifier."""
        after = frozenset(
            (parts[0], parts[1])
            for name, value in properties
            if name == _EXCLUDES and len(parts := value.split()) == 2
        )
        kept = tuple(pair for pair in properties if pair[0] != _EXCLUDES and all(pair))
        self.places.setdefault(modifier, {})[code] = Place(code, label, kept, after)

    def builds_upon(self, modifier: str) -> set[str]:
        """The modifiers that its places exclude, which therefore come before it."""
        return {name for place in self.places.get(modifier, {}).values() for name, _ in place.after}


@dataclass(frozen=True, slots=True)
class _Stem:
    """A code that the next modifier adds to. `chosen`: the place that made it."""

    code: str
    label: str
    chosen: tuple[str, str] | None


def unfolded(
    classes: Mapping[str, Class], modifiers: Modifiers, missing: Callable[[str, str], None]
) -> Iterator[Entry]:
    """The codes that modifiers make and no class has. `missing` is told of modifiers that the file does not define."""
    made: set[str] = set()
    for code, one in _modified(classes, modifiers):
        stems = [_Stem(code, one.label, None)]
        for modified in _ordered(one.modified_by, modifiers):
            if modified.modifier not in modifiers.places:
                missing(code, modified.modifier)
                continue
            following: list[_Stem] = []
            for stem in stems:
                for place in _allowed(modified, modifiers, stem):
                    entry = _entry(stem, place, one)
                    following.append(_Stem(entry.code, entry.display, (modified.modifier, place.code)))
                    if entry.code not in classes and entry.code not in made:
                        made.add(entry.code)
                        yield entry
            stems = following or stems


def _modified(classes: Mapping[str, Class], modifiers: Modifiers) -> Iterator[tuple[str, Class]]:
    """Classes with the modifiers that hold for them: their own, or those of a category above whose places begin no new level."""
    for code, one in classes.items():
        if not one.modified_by:
            continue
        below = (
            [child for child in classes.values() if code in child.parents]
            if one.children and "." not in code
            else []
        )
        places = (place for by in one.modified_by for place in modifiers.places.get(by.modifier, ()))
        if below and not any(place.startswith(".") for place in places):
            for child in below:
                if not child.children and not child.modified_by and "." in child.code:
                    child.modified_by = list(one.modified_by)
                    yield child.code, child
        else:
            yield code, one


def _ordered(modified_by: list[ModifiedBy], modifiers: Modifiers) -> list[ModifiedBy]:
    names = {by.modifier for by in modified_by}
    return sorted(modified_by, key=lambda by: len(modifiers.builds_upon(by.modifier) & names))


def _allowed(modified: ModifiedBy, modifiers: Modifiers, stem: _Stem) -> Iterator[Place]:
    for code, place in modifiers.places[modified.modifier].items():
        if (not modified.valid or code in modified.valid) and stem.chosen not in place.after:
            yield place


def _entry(stem: _Stem, place: Place, one: Class) -> Entry:
    own = {name for name, _ in place.properties}
    inherited = tuple(pair for pair in one.properties if pair[0] not in own and all(pair))
    return Entry(
        code=stem.code + place.code,
        display=f"{stem.label}: {place.label}",
        parents=(stem.code,),
        properties=inherited + place.properties,
    )
