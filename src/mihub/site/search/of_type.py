"""The search parameters of one type, worked out from what is published: what each selects, and which share their rows.

Above: `catalogue`. Below: `parameter`, `composites`, `paths`, `published`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mihub.core.fhir.fhirpath import Expression, FhirPathError
from mihub.site.search.composites import Focus, focuses
from mihub.site.search.parameter import VALUE_TYPES, Gathering, Parameter, Part, Reading
from mihub.site.search.paths import Selection, Way, select
from mihub.site.search.published import Published
from mihub.site.store.rows import parameter_id

# By the path of an element: the way to it, and by number what is read from each.
_Gathered = dict[str, tuple[Way, dict[int, tuple[Parameter, tuple[Way, ...]]]]]


@dataclass(frozen=True, slots=True)
class OfType:
    """Everything of one type: its parameters by name, what to read for them, and element by element for composites."""

    parameters: Mapping[str, Parameter]
    readings: tuple[Reading, ...]
    gatherings: tuple[Gathering, ...]


@dataclass(frozen=True, slots=True)
class _Selected:
    source: Published
    ways: tuple[Way, ...]
    evaluated: tuple[Expression, ...]
    only: frozenset[str]

    @property
    def parts(self) -> frozenset[str]:
        return frozenset(way.text for way in self.ways) | {one.text for one in self.evaluated}

    @property
    def path(self) -> str:
        return " | ".join([*(way.text for way in self.ways), *(one.text for one in self.evaluated)])


def of_type(resource_type: str, sources: Iterable[Published]) -> OfType:
    """The parameters of one type; what can not be read is not among them."""
    listed = list(sources)
    composites = [
        (one, found) for one in listed if one.kind == "composite" and (found := _focuses(one, resource_type))
    ]
    selected = [each for each in (_selected(resource_type, one) for one in listed) if each is not None]
    chosen = [*selected, *_whole_parts(resource_type, composites)]
    readings: dict[int, Reading] = {}
    parameters: dict[str, Parameter] = {}
    unnamed: dict[tuple[str, str], Parameter] = {}
    for one in chosen:
        covering = _covering(one, chosen)
        parameter = _parameter(resource_type, one, covering)
        if parameter.name:
            parameters[parameter.name] = parameter
        else:
            unnamed[parameter.kind, one.path] = parameter
        if covering == [one]:
            reading = Reading(parameter.index, parameter, one.ways, one.evaluated)
            readings.setdefault(parameter.index, reading)
    gathered: _Gathered = {}
    for source, found in composites:
        alternatives = tuple(_parts(resource_type, source, focus, unnamed, gathered) for focus in found)
        parameters[source.name] = Parameter(
            resource_type, source.name, "composite", source.expression, frozenset(), (), url=source.url,
            composite=alternatives,
        )  # fmt: skip
    gatherings = tuple(Gathering(way, tuple(parts.values())) for way, parts in gathered.values())
    return OfType(parameters, tuple(readings.values()), gatherings)


def _parameter(resource_type: str, one: _Selected, covering: list[_Selected]) -> Parameter:
    source = one.source
    indexes = tuple(parameter_id(resource_type, f"{each.source.kind} {each.path}") for each in covering)
    return Parameter(
        resource_type, source.name, source.kind, one.path, one.only or source.targets, indexes, one.only, source.url
    )  # fmt: skip


def _whole_parts(resource_type: str, composites: list[tuple[Published, list[Focus]]]) -> list[_Selected]:
    """Parts that are read from the resource itself: parameters without a name."""
    found = {
        (part.kind, part.path): _Selected(
            Published(resource_type, "", part.kind, part.expression, part.targets), part.ways, (), frozenset()
        )
        for _, focuses_found in composites for focus in focuses_found for part in focus.parts if part.whole
    }  # fmt: skip
    return list(found.values())


def _focuses(source: Published, resource_type: str) -> list[Focus]:
    try:
        return focuses(source, resource_type)
    except FhirPathError:
        return []


def _parts(
    resource_type: str,
    source: Published,
    focus: Focus,
    unnamed: Mapping[tuple[str, str], Parameter],
    gathered: _Gathered,
) -> tuple[Part, ...]:
    parts: list[Part] = []
    for one in focus.parts:
        if one.whole or focus.way is None:
            parts.append(Part(replace(unnamed[one.kind, one.path], name=source.name), together=False))
            continue
        path = f"{focus.path}: {one.path}"
        index = parameter_id(resource_type, f"{one.kind} {path}")
        parameter = Parameter(resource_type, source.name, one.kind, path, one.targets, (index,))
        _, inside = gathered.setdefault(focus.path, (focus.way, {}))
        inside[index] = (parameter, one.ways)
        parts.append(Part(parameter, together=True))
    return tuple(parts)


def _selected(resource_type: str, source: Published) -> _Selected | None:
    if source.kind == "composite":
        return None
    try:
        selection: Selection = select(source.expression, resource_type)
    except FhirPathError:
        return None
    accepted = VALUE_TYPES[source.kind]
    ways = tuple(way for way in selection.ways if any(way.type.is_a(name) for name in accepted))
    if not ways and not selection.evaluated:
        return None
    return _Selected(source, ways, selection.evaluated, selection.targets)


def _covering(one: _Selected, chosen: list[_Selected]) -> list[_Selected]:
    """Smaller parameters of the same kind that have all its rows; itself when there are none."""
    if one.source.kind == "reference" or len(one.parts) < 2:
        return [one]
    smaller = [each for each in chosen if each.source.kind == one.source.kind and each.parts < one.parts]
    found: list[_Selected] = []
    covered: frozenset[str] = frozenset()
    for each in sorted(smaller, key=lambda each: -len(each.parts)):
        if not each.parts <= covered:
            found.append(each)
            covered |= each.parts
    return found if covered == one.parts else [one]
