"""$lookup and $subsumes: what a code system says about one code, and how two of its codes relate.

Source: https://hl7.org/fhir/R4/codesystem-operation-lookup.html, https://hl7.org/fhir/R4/codesystem-operation-subsumes.html.
Above: `terminology`. Below: `sources`, `displays`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mihub.core.fhir import Json, Resource
from mihub.errors import InvalidInput, NotFound
from mihub.site.terminology import shape
from mihub.site.terminology.answers import parameter
from mihub.site.terminology.asked import Asked, first, text
from mihub.site.terminology.displays import Displays, Said
from mihub.site.terminology.issues import Refused, issue
from mihub.site.terminology.preparation import check_supplements
from mihub.site.terminology.protocol import CodeSystemProvider, Concept
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.version_rules import ruled


def lookup(parameters: Resource, sources: Sources, asked: Asked) -> Resource:
    """Everything that was asked for about one code. Raises `NotFound`, `Refused`."""
    check_supplements(list(asked.supplements), sources)
    system, code = _coding(parameters, sources, asked, "code", "coding")
    concept = system.concept(code)
    if concept is None:
        raise NotFound("The code system does not have this code.", where="code")
    meta = system.metadata
    displays = Displays.of(concept, meta)
    shown = displays.preferred(asked.shown_languages)
    out = [
        parameter("name", "String", meta.name or meta.title or meta.url),
        parameter("code", "Code", code),
        parameter("system", "Uri", meta.url),
        *([parameter("version", "String", meta.version)] if meta.version else []),
        parameter("display", "String", shown.value if shown else code),
        *([parameter("definition", "String", concept.definition)] if concept.definition else []),
        parameter("abstract", "Boolean", concept.abstract),
        *(_designation(said) for said in displays.said if _asks(asked, "designation")),
        *_properties(system, concept, asked),
        *(parameter("used-supplement", "Canonical", one) for one in getattr(system, "supplements", ())),
    ]
    return {"resourceType": "Parameters", "parameter": out}


def subsumes(parameters: Resource, sources: Sources, asked: Asked) -> Resource:
    """`outcome`: equivalent, subsumes, subsumed-by, not-subsumed. Raises `NotFound`, `InvalidInput`, `Refused`."""
    system, a = _coding(parameters, sources, asked, "codeA", "codingA")
    other, b = _coding(parameters, sources, asked, "codeB", "codingB")
    if system.metadata.url != other.metadata.url:
        raise InvalidInput("Two codes of different code systems do not relate.", where="codingB.system")
    return {"resourceType": "Parameters", "parameter": [parameter("outcome", "Code", relation(system, a, b))]}


def relation(system: CodeSystemProvider, a: str, b: str) -> str:
    """How `a` relates to `b`, in the words of $subsumes."""
    if a == b:
        return "equivalent"
    if system.subsumes(a, b):
        return "subsumes"
    return "subsumed-by" if system.subsumes(b, a) else "not-subsumed"


def _coding(
    parameters: Resource, sources: Sources, asked: Asked, code_name: str, coding_name: str
) -> tuple[CodeSystemProvider, str]:
    """The code system and the code as it writes it."""
    coding = first(parameters, coding_name)
    if not isinstance(coding, dict):
        coding = {
            "system": text(parameters, "system"),
            "version": text(parameters, "version"),
            "code": text(parameters, code_name),
        }
    shape.check(coding)
    url, code = coding.get("system", ""), coding.get("code", "")
    if not url or not code:
        raise InvalidInput("This operation needs a code and its system.", where=code_name)
    version = ruled(asked, url, coding.get("version") or text(parameters, "version"))
    system = sources.code_system(url, version)
    if system is None:
        found = issue("error", "not-found", "not-found", "UNKNOWN_CODESYSTEM", system=url)
        raise Refused(found, status=404, unknown_system=url)
    normal = system.normal(code)
    if normal is None:
        facts = {"code": code, "system": url, "version": system.metadata.version}
        message = "Unknown_Code_in_Version" if facts["version"] else "Unknown_Code_in"
        raise Refused(issue("error", "not-found", "invalid-code", message, "code", **facts), status=404)
    return system, normal


def _asks(asked: Asked, name: str) -> bool:
    return not asked.properties or name in asked.properties or "*" in asked.properties


def _designation(said: Said) -> Json:
    parts = [parameter("language", "Code", said.language)] if said.language else []
    if said.use:
        parts.append(parameter("use", "Coding", said.use))
    parts.append(parameter("value", "String", said.value))
    if said.source:
        parts.append(parameter("source", "Canonical", said.source))
    return {"name": "designation", "part": parts}


def _properties(system: CodeSystemProvider, concept: Concept, asked: Asked) -> Iterator[Json]:
    if _asks(asked, "inactive") and not any(one.code == "inactive" for one in concept.properties):
        yield _property("inactive", "boolean", concept.inactive)
    everything = "*" in asked.properties
    for name, codes in (("parent", system.parents(concept.code)), ("child", system.children(concept.code))):
        if everything or name in asked.properties:
            for code in codes:
                other = system.concept(code)
                yield _property(name, "code", code, other.display if other else "")
    for one in concept.properties:
        if (everything or one.code in asked.properties) and one.code not in ("parent", "child"):
            yield _property(one.code, one.type, one.value, one.description)


def _property(code: str, kind: str, value: Any, description: str = "") -> Json:
    parts = [parameter("code", "Code", code), parameter("value", kind[0].upper() + kind[1:], value)]
    if description:
        parts.append(parameter("description", "String", description))
    return {"name": "property", "part": parts}
