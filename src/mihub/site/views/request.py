"""What a caller asks of $viewdefinition-run or $viewdefinition-export, read from Parameters or from the query.

Every spelling that the specification has had is understood (`viewReference`, `subjectReference` …); what is not known is
refused by name. Source: SQL on FHIR v2, OperationDefinition ViewDefinitionRun and ViewDefinitionExport.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.types import ID
from mihub.errors import InvalidInput, NotSupported

_RULE: Final = "SQL on FHIR v2, $viewdefinition-run and $viewdefinition-export"
_VIEW: Final = {
    "viewReference": "reference", "subjectReference": "reference", "viewCanonical": "reference",
    "subjectCanonical": "reference", "viewResource": "resource", "subjectResource": "resource",
}  # fmt: skip
_RUN: Final = frozenset({"_format", "header", "patient", "group", "_since", "_limit", "resource"})
_EXPORT: Final = frozenset({"_format", "header", "patient", "group", "_since", "clientTrackingId"})
_PARTS: Final = ("view", "subject")
_MOST_VIEWS: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """One view: its document, or a reference to it; `name` of its output. `where`: the place in the request."""

    name: str = ""
    reference: str = ""
    document: Resource | None = field(default=None, repr=False)
    where: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The whole request. `patients` and `groups` are ids; None when nobody asked for a filter."""

    views: tuple[Wanted, ...]
    form: str = ""
    header: bool = True
    patients: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    since: datetime | None = None
    limit: int | None = None
    resources: tuple[Resource, ...] | None = field(default=None, repr=False)
    tracking: str = ""

    @property
    def names(self) -> str:
        """The filters used, for the audit: names, never values."""
        used = {
            "patient": self.patients, "group": self.groups, "_since": self.since, "_limit": self.limit,
            "resource": self.resources,
        }  # fmt: skip
        return ",".join(name for name, value in used.items() if value is not None)


def run_asked(parameters: Iterable[tuple[str, Any]], *, reference: str = "") -> Asked:
    """A $run; `reference`: the view that the address names. Raises `InvalidInput`, `NotSupported`."""
    given = list(parameters)
    views = [_wanted(name, value, name) for name, value in given if name in _VIEW]
    _check_one(views, reference)
    if reference:
        views = [Wanted(reference=reference, where="the address")]
    return _asked(views, [(name, value) for name, value in given if name not in _VIEW], _RUN)


def export_asked(parameters: Iterable[tuple[str, Any]], *, reference: str = "") -> Asked:
    """An $export of one or more views. Raises `InvalidInput`, `NotSupported`."""
    given = list(parameters)
    views = [
        _part(value, f"{name}[{i}]")
        for i, (name, value) in enumerate((n, v) for n, v in given if n in _PARTS)
    ]
    single = [_wanted(name, value, name) for name, value in given if name in _VIEW]
    views += single
    if reference:
        _check_one(views, reference)
        views = [Wanted(reference=reference, where="the address")]
    if not views:
        raise InvalidInput("No view is named.", where="view", rule=_RULE, next_step="Send at least one view.")
    if len(views) > _MOST_VIEWS:
        raise InvalidInput(f"More than {_MOST_VIEWS} views are named.", where="view", next_step="Send fewer.")
    others = [(name, value) for name, value in given if name not in _VIEW and name not in _PARTS]
    return _asked(views, others, _EXPORT)


def of_parameters(resource: Resource) -> list[tuple[str, Any]]:
    """Names and values of a Parameters resource: primitives, references, resources, and parts as lists of these."""
    if resource.get("resourceType") != "Parameters":
        raise InvalidInput("The body is not a Parameters resource.", where="resourceType", rule=_RULE)
    return _pairs(resource.get("parameter", []))


def _pairs(listed: Any) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for i, each in enumerate(listed if isinstance(listed, list) else [None]):
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise InvalidInput("A parameter has no name.", where=f"parameter[{i}]", rule=_RULE)
        values = [value for key, value in each.items() if key.startswith("value") or key == "resource"]
        if "part" in each:
            values = [_pairs(each["part"])]
        if len(values) != 1:
            raise InvalidInput("A parameter has one value.", where=each["name"][:64], rule=_RULE)
        pairs.append((each["name"], values[0]))
    return pairs


def _check_one(views: list[Wanted], reference: str) -> None:
    if len(views) != (0 if reference else 1):
        raise InvalidInput(
            "The address names the view already."
            if reference
            else f"One view is needed; there are {len(views)}.",
            where="viewReference, viewCanonical, viewResource",
            rule=_RULE,
            next_step="Leave it out." if reference else "Send exactly one of them.",
        )


def _part(value: Any, where: str) -> Wanted:
    if not isinstance(value, list):
        raise InvalidInput("The parameter has parts.", where=where, rule=_RULE)
    names = [text for name, text in value if name == "name"]
    views = [_wanted(name, each, f"{where}.{name}") for name, each in value if name in _VIEW]
    unknown = [name for name, _ in value if name != "name" and name not in _VIEW]
    if unknown:
        raise _unsupported(unknown[0])
    if len(views) != 1 or len(names) > 1 or not all(isinstance(name, str) for name in names):
        raise InvalidInput("One view and at most one name are needed.", where=where, rule=_RULE)
    return Wanted(names[0] if names else "", views[0].reference, views[0].document, where)


def _wanted(name: str, value: Any, where: str) -> Wanted:
    if _VIEW[name] == "resource":
        if not isinstance(value, dict):
            raise InvalidInput("The parameter is a resource.", where=where, rule=_RULE)
        return Wanted(document=value, where=where)
    return Wanted(reference=_reference(value, where), where=where)


def _asked(views: list[Wanted], others: list[tuple[str, Any]], known: frozenset[str]) -> Asked:
    found: dict[str, list[Any]] = {}
    for name, value in others:
        if name not in known:
            raise _unsupported(name)
        found.setdefault(name, []).append(value)
    for name in ("_format", "header", "_since", "_limit", "clientTrackingId"):
        if len(found.get(name, [])) > 1:
            raise InvalidInput("The parameter comes more than once.", where=name, rule=_RULE)
    first = {name: values[0] for name, values in found.items()}
    return Asked(
        views=tuple(views),
        form=_text(first, "_format"),
        header=_boolean(first, "header"),
        patients=_ids(found, "patient", "Patient"),
        groups=_ids(found, "group", "Group"),
        since=_moment(first),
        limit=_limit(first),
        resources=_resources(found.get("resource")),
        tracking=_text(first, "clientTrackingId"),
    )


def _unsupported(name: str) -> NotSupported:
    return NotSupported(
        "A parameter is not supported here.",
        where=name[:64],
        rule="docs/reference/views.md",
        next_step="Leave it out.",
    )


def _reference(value: Any, where: str) -> str:
    text = value.get("reference") if isinstance(value, dict) else value
    if not isinstance(text, str) or not text:
        raise InvalidInput("The parameter is a reference.", where=where, rule=_RULE)
    return text


def _ids(found: dict[str, list[Any]], name: str, kind: str) -> tuple[str, ...] | None:
    if name not in found:
        return None
    ids = []
    for value in found[name]:
        key = _reference(value, name).removeprefix(f"{kind}/")
        if not ID.fullmatch(key):
            raise InvalidInput(
                "The parameter is a reference to a resource of this site.", where=name, rule=f"{kind}/id"
            )
        ids.append(key)
    return tuple(dict.fromkeys(ids))


def _text(first: dict[str, Any], name: str) -> str:
    value = first.get(name, "")
    if not isinstance(value, str) or len(value) > 500:
        raise InvalidInput("The parameter is a text.", where=name, rule=_RULE)
    return value


def _boolean(first: dict[str, Any], name: str) -> bool:
    value = first.get(name, True)
    named = {"true": True, "false": False}
    if isinstance(value, str) and value in named:
        return named[value]
    if not isinstance(value, bool):
        raise InvalidInput("The parameter is true or false.", where=name, rule=_RULE)
    return value


def _moment(first: dict[str, Any]) -> datetime | None:
    value = first.get("_since")
    if value is None:
        return None
    try:
        # In a query a plus sign may have become a space.
        moment = datetime.fromisoformat(str(value).replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput("The parameter is a moment with its zone.", where="_since", rule="FHIR instant")
    return moment


def _limit(first: dict[str, Any]) -> int | None:
    value = first.get("_limit")
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput("The parameter is a whole number, 0 or more.", where="_limit", rule=_RULE)
    return value


def _resources(given: list[Any] | None) -> tuple[Resource, ...] | None:
    if given is None:
        return None
    for value in given:
        if not isinstance(value, dict):
            raise InvalidInput("The parameter is a resource.", where="resource", rule=_RULE)
    return tuple(given)
