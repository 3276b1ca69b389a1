"""$translate: a code into other code systems, along the concept maps that are known; also against their direction.

Understands R4's and R5's maps and requests; the answer speaks the request's language (`equivalence` and `source`, or
`relationship` and `originMap`). Source: https://hl7.org/fhir/R4/conceptmap-operation-translate.html. Above: `terminology`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.errors import InvalidInput
from mihub.site.terminology import shape
from mihub.site.terminology.answers import parameter
from mihub.site.terminology.asked import first, text
from mihub.site.terminology.issues import Issue, Refused
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.versions import join, matches, split

_TO_R4: Final = {
    "equivalent": "equivalent",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "related-to": "relatedto",
    "not-related-to": "disjoint",
}
_TO_R5: Final = {
    "equal": "equivalent",
    "equivalent": "equivalent",
    "wider": "source-is-narrower-than-target",
    "subsumes": "source-is-narrower-than-target",
    "narrower": "source-is-broader-than-target",
    "specializes": "source-is-broader-than-target",
    "inexact": "related-to",
    "relatedto": "related-to",
    "disjoint": "not-related-to",
}
_MODERN: Final = (
    "sourceCode",
    "sourceCoding",
    "sourceCodeableConcept",
    "targetCode",
    "targetCoding",
    "targetCodeableConcept",
)
_TARGETS: Final = ("targetCode", "targetCoding", "targetCodeableConcept")
_NO_MATCH: Final = frozenset({"unmatched", "disjoint"})
_CHAIN: Final = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """One code to translate. `reverse`: it is a target and its sources are wanted. `modern`: asked in R5's words."""

    system: str
    code: str
    version: str = ""
    target_system: str = ""
    source_set: str = ""
    target_set: str = ""
    map_url: str = ""
    reverse: bool = False
    modern: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One translation. `equivalence` in R4's words."""

    equivalence: str
    target: Json
    source: Json
    map: str
    comment: str = ""


def translate(parameters: Resource, sources: Sources) -> Resource:
    """All matches of all maps that fit. Raises `InvalidInput`, `Refused` for an unknown map."""
    wanted = list(_wanted(parameters))
    if not wanted:
        raise InvalidInput(
            "This operation needs a code and its system, a coding or a CodeableConcept.", where="code"
        )
    maps = list(_maps(parameters, sources, wanted[0]))
    matches_found: list[Match] = []
    for one in wanted:
        for concept_map in maps:
            for match in _translated(concept_map, one, maps, 0):
                if match not in matches_found:
                    matches_found.append(match)
    good = any(one.equivalence not in _NO_MATCH for one in matches_found)
    out = [parameter("result", "Boolean", good)]
    if not good:
        out.append(parameter("message", "String", "No translation is known for this code"))
    out += [_match(one, wanted[0]) for one in matches_found]
    return {"resourceType": "Parameters", "parameter": out}


def _wanted(parameters: Resource) -> Iterator[Wanted]:
    modern = any(first(parameters, name) is not None for name in _MODERN)
    reverse = first(parameters, "reverse") in (True, "true") or first(parameters, *_TARGETS) is not None
    target = (
        text(parameters, "sourceSystem")
        if reverse and modern
        else text(parameters, "targetSystem", "targetsystem")
    )
    rest = {
        "target_system": target,
        "source_set": text(parameters, "source", "sourceScope"),
        "target_set": text(parameters, "target", "targetScope"),
        "map_url": join(text(parameters, "url"), text(parameters, "conceptMapVersion")),
    }
    for one in _codings(parameters, backwards=reverse and modern):
        if one.get("code") and one.get("system"):
            version = one.get("version", "")
            yield Wanted(one["system"], one["code"], version, reverse=reverse, modern=modern, **rest)


def _codings(parameters: Resource, *, backwards: bool) -> list[Json]:
    """What is to be translated, whichever way it was sent; `backwards`: in R5's words for a target."""
    end = "target" if backwards else "source"
    concept = first(parameters, "codeableConcept", f"{end}CodeableConcept")
    coding = first(parameters, "coding", f"{end}Coding")
    if isinstance(concept, dict) and isinstance(concept.get("coding"), list):
        return [shape.check(one) for one in concept["coding"] if isinstance(one, dict)]
    if isinstance(coding, dict):
        return [shape.check(coding)]
    names = ("code", "system") if not backwards else ("targetCode", "targetSystem")
    code = text(parameters, f"{end}Code", names[0])
    system = text(parameters, f"{end}System", names[1])
    return [{"code": code, "system": system, "version": text(parameters, "version")}]


def _maps(parameters: Resource, sources: Sources, wanted: Wanted) -> Iterator[Resource]:
    given = first(parameters, "conceptMap")
    if isinstance(given, dict):
        yield shape.check(given)
        return
    url, version = split(wanted.map_url)
    found = False
    for one in sources.concept_maps():
        if url and (one.get("url") != url or not matches(version, one.get("version", ""))):
            continue
        if not url and not _scope_fits(one, wanted):
            continue
        found = True
        yield one
    if url and not found:
        text_found = f"A definition for the ConceptMap '{wanted.map_url}' could not be found"
        raise Refused(Issue("error", "not-found", "not-found", "", text_found), status=404)


def _scope_fits(concept_map: Resource, wanted: Wanted) -> bool:
    for asked, names in (
        (wanted.source_set, ("sourceUri", "sourceCanonical", "sourceScopeUri", "sourceScopeCanonical")),
        (wanted.target_set, ("targetUri", "targetCanonical", "targetScopeUri", "targetScopeCanonical")),
    ):
        scope = next((concept_map[name] for name in names if concept_map.get(name)), "")
        if asked and split(scope)[0] != split(asked)[0]:
            return False
    return True


def _translated(concept_map: Resource, wanted: Wanted, maps: list[Resource], depth: int) -> Iterator[Match]:
    name = join(concept_map.get("url", ""), concept_map.get("version", ""))
    for group in concept_map.get("group") or []:
        here, there = _ends(group, wanted)
        if here != wanted.system or (wanted.target_system and there not in ("", wanted.target_system)):
            continue
        if wanted.reverse:
            yield from _backwards(group, wanted, name)
            continue
        element = next((one for one in group.get("element") or [] if one.get("code") == wanted.code), None)
        if element is not None:
            yield from _forwards(group, element, wanted, name)
        else:
            yield from _unmapped(group, wanted, name, maps, depth)


def _ends(group: Json, wanted: Wanted) -> tuple[str, str]:
    source, target = split(group.get("source", ""))[0], split(group.get("target", ""))[0]
    return (target, source) if wanted.reverse else (source, target)


def _forwards(group: Json, element: Json, wanted: Wanted, name: str) -> Iterator[Match]:
    source = _coding(group, "source", wanted.code, element.get("display", ""))
    if element.get("noMap"):
        yield Match("unmatched", {}, source, name)
    for target in element.get("target") or []:
        concept = _coding(group, "target", target.get("code", ""), target.get("display", ""))
        yield Match(
            equivalence(target),
            concept if target.get("code") else {},
            source,
            name,
            target.get("comment", ""),
        )


def _backwards(group: Json, wanted: Wanted, name: str) -> Iterator[Match]:
    for element in group.get("element") or []:
        for target in element.get("target") or []:
            if target.get("code") == wanted.code:
                source = _coding(group, "source", element.get("code", ""), element.get("display", ""))
                yield Match(equivalence(target), _coding(group, "target", wanted.code, ""), source, name)


def _unmapped(group: Json, wanted: Wanted, name: str, maps: list[Resource], depth: int) -> Iterator[Match]:
    unmapped = group.get("unmapped") or {}
    mode = unmapped.get("mode")
    source = _coding(group, "source", wanted.code, "")
    if mode in ("provided", "use-source-code"):
        word = _TO_R4.get(unmapped.get("relationship", ""), "equivalent")
        yield Match(word, _coding(group, "target", wanted.code, ""), source, name)
    elif mode == "fixed" and unmapped.get("code"):
        word = _TO_R4.get(unmapped.get("relationship", ""), "inexact")
        yield Match(
            word, _coding(group, "target", unmapped["code"], unmapped.get("display", "")), source, name
        )
    elif mode == "other-map" and depth < _CHAIN:
        url, version = split(unmapped.get("url") or unmapped.get("otherMap") or "")
        for other in maps:
            if other.get("url") == url and matches(version, other.get("version", "")):
                yield from _translated(other, wanted, maps, depth + 1)


def _coding(group: Json, end: str, code: str, display: str) -> Json:
    url, version = split(group.get(end, ""))
    version = version or group.get(f"{end}Version", "")
    found = {"system": url, "version": version, "code": code, "display": display}
    return {name: value for name, value in found.items() if value}


def equivalence(target: Json) -> str:
    """A target's relation in R4's words."""
    if target.get("equivalence"):
        return str(target["equivalence"])
    return _TO_R4.get(target.get("relationship", ""), "relatedto")


def _match(one: Match, wanted: Wanted) -> Json:
    concept = one.source if wanted.reverse and not wanted.modern else one.target
    parts = [parameter("equivalence", "Code", one.equivalence)]
    if wanted.modern and one.equivalence in _TO_R5:
        parts.append(parameter("relationship", "Code", _TO_R5[one.equivalence]))
    if concept:
        parts.append(parameter("concept", "Coding", concept))
    if wanted.modern and wanted.reverse:
        parts.append(parameter("source", "Coding", one.source))
    if one.map:
        parts.append(
            parameter("originMap", "Canonical", one.map)
            if wanted.modern
            else parameter("source", "Uri", one.map)
        )
    return {"name": "match", "part": parts}
