"""One code of an expansion as JSON: display, designations, properties, status, extensions. Form of R5; `r4` rewrites it.

Source: https://hl7.org/fhir/R5/valueset.html#expansion and the extensions the terminology ecosystem carries over.
Above: `expand`. Below: `displays`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.concepts import CONCEPT_PROPERTIES, STANDARDS_STATUS, property_value
from mihub.site.terminology.displays import PREFERRED, Displays, Said
from mihub.site.terminology.entries import Entry
from mihub.site.terminology.protocol import Concept, Metadata

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
# Extensions that become properties: address -> (property, its address, type).
_AS_PROPERTY: Final = {
    f"{_BASE}codesystem-label": ("label", "label", "String"),
    f"{_BASE}valueset-label": ("label", "label", "String"),
    f"{_BASE}codesystem-conceptOrder": ("order", "order", "Decimal"),
    f"{_BASE}valueset-conceptOrder": ("order", "order", "Decimal"),
    f"{_BASE}itemWeight": ("weight", "itemWeight", "Decimal"),
}
_FROM_SYSTEM: Final = frozenset(
    f"{_BASE}{name}"
    for name in ("coding-sctdescid", "rendering-style", "rendering-xhtml", "codesystem-alternate")
)
_FROM_VALUE_SET: Final = frozenset(
    f"{_BASE}{name}"
    for name in (
        "valueset-deprecated",
        "valueset-concept-definition",
        "valueset-supplement",
        "coding-sctdescid",
        "rendering-style",
        "rendering-xhtml",
    )
) | {STANDARDS_STATUS}
_ON_DESIGNATION: Final = frozenset(
    {f"{_BASE}coding-sctdescid", f"{_BASE}rendering-style", f"{_BASE}rendering-xhtml", STANDARDS_STATUS}
)
_LANGUAGE_SYSTEM: Final = "urn:ietf:bcp:47"


class Contents:
    """Writes entries; `defined` collects the properties that were used."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.defined: dict[str, Json] = {}

    def flat(self, entries: Iterable[Entry]) -> list[Json]:
        """One after the other."""
        return [self._one(entry) for entry in entries]

    def nested(self, entries: Iterable[Entry]) -> list[Json]:
        """Each under its parent."""
        top: list[Json] = []
        written: dict[int, Json] = {}
        for entry in entries:
            one = written[id(entry)] = self._one(entry)
            above = written.get(id(entry.above)) if entry.above is not None else None
            top.append(one) if above is None else above.setdefault("contains", []).append(one)
        return top

    def _one(self, entry: Entry) -> Json:
        if entry.stored is not None:
            return {name: value for name, value in entry.stored.items() if name != "contains"}
        one: Json = {"system": entry.system}
        provider = entry.provider
        concept = provider.concept(provider.normal(entry.code) or "") if provider is not None else None
        if provider is None or concept is None:
            concept, system = Concept(entry.code), Metadata(entry.system)
        else:
            system = provider.metadata
        if concept.abstract:
            one["abstract"] = True
        if concept.inactive:
            one["inactive"] = True
        if entry.tells_version:
            one["version"] = entry.version
        one["code"] = entry.code
        self._say(one, entry, concept, system)
        self._properties(one, entry, concept, system)
        self._extensions(one, entry, concept)
        return one

    def _say(self, one: Json, entry: Entry, concept: Concept, system: Metadata) -> None:
        displays = Displays.of(concept, system)
        if entry.reference is not None:
            displays.add_reference(entry.reference, entry.language)
            if entry.reference.get("display"):
                # What the value set says itself is what its authors want to be seen.
                displays.said.insert(0, displays.said.pop(_last_own(displays)))
        shown = displays.preferred(self._asked.shown_languages)
        if shown is not None:
            one["display"] = shown.value
        if self._asked.include_designations:
            designations = [_designation(said) for said in self._designations(displays, shown)]
            if designations:
                one["designation"] = designations

    def _designations(self, displays: Displays, shown: Said | None) -> Iterator[Said]:
        for said in displays.said:
            if said is shown or not self._fits(said):
                continue
            if shown is not None and said.own and said.value == shown.value:
                continue
            yield said

    def _fits(self, said: Said) -> bool:
        if not self._asked.designations:
            return True
        for wanted in self._asked.designations:
            system, _, code = wanted.partition("|")
            if system == _LANGUAGE_SYSTEM and said.language == code:
                return True
            if said.use is not None and (said.use.get("system"), said.use.get("code")) == (system, code):
                return True
        return False

    def _properties(self, one: Json, entry: Entry, concept: Concept, system: Metadata) -> None:
        if concept.status:
            self._set(one, "status", CONCEPT_PROPERTIES + "status", "Code", concept.status)
        references = entry.reference.get("extension") or [] if entry.reference is not None else []
        for extension in (*concept.extension, *references):
            target = _AS_PROPERTY.get(extension.get("url", ""))
            value = property_value(extension)[0]
            if target is not None and value is not None:
                self._set(one, target[0], CONCEPT_PROPERTIES + target[1], target[2], value)
        for name in self._asked.properties:
            if name == "definition" and concept.definition:
                self._set(one, name, CONCEPT_PROPERTIES + name, "String", concept.definition)
            for found in concept.properties:
                if found.code == name or name == "*":
                    self._set(
                        one,
                        found.code,
                        found.uri or _uri(system, found.code),
                        found.type,
                        found.value,
                        many=True,
                    )

    def _set(self, one: Json, code: str, uri: str, kind: str, value: Any, *, many: bool = False) -> None:
        definition = self.defined.setdefault(code, {"code": code})
        if uri:
            definition["uri"] = uri
        name = "value" + kind[0].upper() + kind[1:]
        values: list[Json] = one.setdefault("property", [])
        if not many:
            values[:] = [other for other in values if other["code"] != code]
        if {"code": code, name: value} not in values:
            values.append({"code": code, name: value})

    def _extensions(self, one: Json, entry: Entry, concept: Concept) -> None:
        found = [extension for extension in concept.extension if extension.get("url") in _FROM_SYSTEM]
        if entry.reference is not None:
            own = entry.reference.get("extension") or []
            found += [extension for extension in own if extension.get("url") in _FROM_VALUE_SET]
        if found:
            one["extension"] = found


def _last_own(displays: Displays) -> int:
    return max(place for place, said in enumerate(displays.said) if said.own)


def _designation(said: Said) -> Json:
    one: Json = {"language": said.language, "use": said.use, "value": said.value}
    kept = [extension for extension in said.extension if extension.get("url") in _ON_DESIGNATION]
    if said.own and said.use is None:
        one["use"] = PREFERRED
    if kept:
        one["extension"] = kept
    return {name: value for name, value in one.items() if value}


def _uri(system: Metadata, code: str) -> str:
    return next((one.uri for one in system.properties if one.code == code), "")
