"""A request's Parameters as typed values: what $expand, $validate-code and $lookup share.

Unknown parameters are ignored, as the operations allow. A value set may bring parameters of its own; what the request says
wins. Source: https://hl7.org/fhir/R4/valueset-operation-expand.html, R5's, and the terminology ecosystem's additions.
Above: every operation. Below: `languages`, `versions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.errors import InvalidInput
from mihub.site.terminology.concepts import property_value
from mihub.site.terminology.issues import Refused, issue
from mihub.site.terminology.languages import Languages, parse
from mihub.site.terminology.versions import split

# Where a parameter `url|version` rules a version, and how.
_RULES: Final = {
    "system-version": ("default", False),
    "check-system-version": ("check", False),
    "force-system-version": ("force", False),
    "default-valueset-version": ("default", True),
    "check-valueset-version": ("check", True),
    "force-valueset-version": ("force", True),
}
_FLAGS: Final = {
    "activeOnly": "active_only",
    "excludeNested": "exclude_nested",
    "includeDesignations": "include_designations",
    "includeDefinition": "include_definition",
    "excludeNotForUI": "exclude_not_for_ui",
    "excludePostCoordinated": "exclude_post_coordinated",
    "lenient-display-validation": "lenient_display",
    "valueset-membership-only": "membership_only",
    "inferSystem": "infer_system",
    "abstract": "abstract",
    "versionsMatch": "versions_match",
}
_NUMBERS: Final = ("count", "offset", "limit")
_EXPANSION_PARAMETER: Final = (
    "http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter",
    "http://hl7.org/fhir/tools/StructureDefinition/valueset-expansion-parameter",
)


@dataclass(frozen=True, slots=True)
class VersionRule:
    """`mode`: default (when nothing else says), check (must be so), force (whatever else is said)."""

    url: str
    version: str
    mode: str
    of_value_set: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants. A flag is None when nobody said."""

    languages: Languages | None = None
    # From the Accept-Language header: counts where no displayLanguage is asked.
    header_languages: Languages | None = None
    # The language the value set is written in: counts where nobody asks.
    own_languages: Languages | None = None
    # The site's: what is shown where nobody asks, never what is demanded.
    site_languages: Languages | None = None
    rules: tuple[VersionRule, ...] = ()
    properties: tuple[str, ...] = ()
    designations: tuple[str, ...] = ()
    supplements: tuple[str, ...] = ()
    excluded_systems: tuple[str, ...] = ()
    text: str = ""
    count: int | None = None
    offset: int | None = None
    limit: int | None = None
    active_only: bool | None = None
    exclude_nested: bool | None = None
    include_designations: bool | None = None
    include_definition: bool | None = None
    exclude_not_for_ui: bool | None = None
    exclude_post_coordinated: bool | None = None
    lenient_display: bool | None = None
    membership_only: bool | None = None
    infer_system: bool | None = None
    abstract: bool | None = None
    versions_match: bool | None = None
    said: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def working_languages(self) -> Languages | None:
        """The languages a display is held against."""
        return self.languages or self.header_languages or self.own_languages

    @property
    def shown_languages(self) -> Languages | None:
        """The languages a display is chosen in."""
        return self.languages or self.header_languages or self.site_languages or self.own_languages

    def rules_for(self, url: str) -> tuple[VersionRule, ...]:
        """The version rules for one canonical."""
        return tuple(rule for rule in self.rules if rule.url == url)


def read(parameters: Resource, accept_language: str = "", site_languages: Languages | None = None) -> Asked:
    """Raises `InvalidInput` for values that can not be read, `Refused` for a bad language."""
    asked = Asked(site_languages=site_languages)
    if accept_language:
        asked = replace(asked, header_languages=_header(accept_language))
    for one in entries(parameters):
        asked = _see(asked, one.get("name", ""), value_of(one), overrule=True)
    return asked


def with_value_set(asked: Asked, value_set: Resource) -> Asked:
    """What the value set itself says on how to expand it, where the request does not say otherwise."""
    compose = value_set.get("compose") or {}
    for extension in compose.get("extension") or []:
        if extension.get("url") in _EXPANSION_PARAMETER:
            parts = {part.get("url"): property_value(part)[0] for part in extension.get("extension") or []}
            asked = _see(asked, str(parts.get("name", "")), parts.get("value"), overrule=False)
    for name in compose.get("property") or []:
        asked = _see(asked, "property", name, overrule=False)
    language = value_set.get("language")
    if language:
        asked = replace(asked, own_languages=_header(language))
    return asked


def entries(parameters: Resource) -> Iterator[Json]:
    """The entries of a Parameters resource. Raises `InvalidInput` for something else."""
    if parameters.get("resourceType") != "Parameters":
        raise InvalidInput("This operation takes Parameters.", next_step="Send a Parameters resource.")
    given = parameters.get("parameter") or []
    for one in given if isinstance(given, list) else [None]:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise InvalidInput(
                "A parameter has no name.", where="Parameters.parameter", rule="a list of objects with name"
            )
        yield one


def value_of(entry: Json) -> Any:
    """The value or the resource of one entry, or None."""
    return entry["resource"] if "resource" in entry else property_value(entry)[0]


def first(parameters: Resource, *names: str) -> Any:
    """The first value under one of these names, or None."""
    for name in names:
        for one in entries(parameters):
            if one.get("name") == name:
                return value_of(one)
    return None


def text(parameters: Resource, *names: str) -> str:
    """The same as text, "" when it is not there or something else."""
    value = first(parameters, *names)
    return value if isinstance(value, str) else ""


def _see(asked: Asked, name: str, value: Any, *, overrule: bool) -> Asked:
    if name in _RULES:
        mode, of_value_set = _RULES[name]
        url, version = split(str(value))
        if not version:
            raise InvalidInput("A version rule names no version.", where=name, rule="written url|version")
        return replace(asked, rules=(*asked.rules, VersionRule(url, version, mode, of_value_set)))
    many = {"property": "properties", "designation": "designations", "useSupplement": "supplements"}
    many["exclude-system"] = "excluded_systems"
    if name in many and isinstance(value, str):
        so_far = getattr(asked, many[name])
        return asked if value in so_far else _set(asked, many[name], (*so_far, value), name)
    if not overrule and name in asked.said:
        return asked
    if name in _FLAGS:
        return _set(asked, _FLAGS[name], value in (True, "true"), name)
    if name in _NUMBERS:
        return _set(asked, name, _number(name, value), name)
    if name in ("filter", "term"):
        return _set(asked, "text", str(value), name)
    return _set(asked, "languages", _languages(str(value)), name) if name == "displayLanguage" else asked


def _set(asked: Asked, field_name: str, value: Any, name: str) -> Asked:
    changes: dict[str, Any] = {field_name: value, "said": asked.said | {name}}
    return replace(asked, **changes)


def _number(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput("A number of the request can not be read.", where=name, rule="a number from 0 on")
    return value


def _languages(value: str) -> Languages:
    try:
        return parse(value)
    except InvalidInput as error:
        found = issue("error", "processing", "invalid-display", "INVALID_DISPLAY_NAME", language=value)
        raise Refused(found, status=400) from error


def _header(value: str) -> Languages | None:
    """A header that can not be read is no wish; it may come from anywhere."""
    try:
        return parse(value)
    except InvalidInput:
        return None
