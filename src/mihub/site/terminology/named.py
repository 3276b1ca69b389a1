"""The value set or code system a request is about: brought along, named by its address, or implied.

Above: `terminology`. Below: `sources`, `implicit`, `version_rules`.
"""

from __future__ import annotations

from mihub.core.fhir import Resource
from mihub.site.terminology import shape
from mihub.site.terminology.asked import Asked, first, text
from mihub.site.terminology.coded import Coded
from mihub.site.terminology.issues import Issue, Refused, issue, refused
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.version_rules import ruled
from mihub.site.terminology.versions import join


def value_set_of(parameters: Resource, sources: Sources, asked: Asked) -> Resource:
    """The value set a request brings or names. Raises `Refused`."""
    given = first(parameters, "valueSet")
    if isinstance(given, dict):
        return shape.check(given)
    url = text(parameters, "url", "context")
    if not url:
        found = Issue(
            "error",
            "invalid",
            "",
            "",
            "No ValueSet specified - provide url parameter or valueSet resource",
        )
        raise Refused(found, status=400)
    url, _, version = url.partition("|")
    version = ruled(asked, url, text(parameters, "valueSetVersion") or version)
    found_set = sources.value_set(join(url, version))
    if found_set is None:
        raise refused("not-found", "not-found", "Unable_to_resolve_value_Set_", value_set=join(url, version))
    return found_set


def code_system_of(parameters: Resource, sources: Sources, asked: Asked, what: Coded) -> CodeSystemProvider:
    """The code system a request brings or names. Raises `Refused`."""
    given = first(parameters, "codeSystem")
    if isinstance(given, dict):
        sources = Sources(sources.shelf, [given], asked.supplements)
    coding = what.codings[0]
    url = text(parameters, "url") or (given or {}).get("url", "") or coding.get("system", "")
    if not url:
        found = issue(
            "warning", "invalid", "invalid-data", "Coding_has_no_system__cannot_validate", what.path(0)
        )
        raise Refused(found, as_result=True)
    pinned = text(parameters, "version") or ("" if text(parameters, "url") else coding.get("version", ""))
    version = ruled(asked, url, pinned)
    where = f"{what.path(0)}.system" if what.path(0) else "system"
    system = sources.any_code_system(url, version)
    if system is not None and system.metadata.content == "supplement":
        name = join(system.metadata.url, system.metadata.version)
        found = issue("error", "invalid", "invalid-data", "CODESYSTEM_CS_NO_SUPPLEMENT", where, system=name)
        raise Refused(found, as_result=True)
    if system is None:
        raise _unknown_system(sources, url, version, where)
    return system


def _unknown_system(sources: Sources, url: str, version: str, where: str) -> Refused:
    if sources.value_set(url) is not None:
        found = issue(
            "error", "invalid", "invalid-data", "Terminology_TX_System_ValueSet2", where, system=url
        )
        return Refused(found, as_result=True)
    versions = sources.versions(url)
    message = "UNKNOWN_CODESYSTEM"
    if version:
        message = "UNKNOWN_CODESYSTEM_VERSION" if versions else "UNKNOWN_CODESYSTEM_VERSION_NONE"
    facts = {"system": url, "version": version, "versions": " or ".join(versions)}
    found = issue("error", "not-found", "not-found", message, where, **facts)
    return Refused(found, as_result=True, unknown_system=join(url, version if versions else ""))
