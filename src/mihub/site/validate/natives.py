"""Rules of data types that no expression states, and expressions that are decided faster without one.

What HL7's Java validator checks of a Coding or an Identifier beside their definitions. Never speaks of profiles.
Above: `base`, `invariants`. Below: `primitives`, `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.validate.primitives import absolute
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check

_EXT_1: Final = "Must have either extensions or value[x], not both"
# How the address of a code system or a naming system begins.
_SYSTEMS: Final = ("http:", "https:", "urn:")
# An object, and the run around it -> whether the condition holds; None where only FHIRPath can tell.
Native = Callable[[Any, Run], bool | None]
# Judges a code of a known system: (system, code, the Coding, place, run).
CodingTest = Callable[[str, str, Json, Where, Run], None]


def of_type(name: str, coding: CodingTest, best_practice: bool) -> list[Check]:
    """The extra rules of a type."""
    if name == "Coding":
        return [_coding(coding)]
    if name in _QUANTITIES:
        return [_quantity(coding)]
    if name == "Observation":
        return [_observation] if best_practice else []
    return [_RULES[name]] if name in _RULES else []


_QUANTITIES: Final = frozenset(
    {"Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "Money"}
)
_BARE: Final[Json] = {}


def _quantity(test: CodingTest) -> Check:
    def check(value: Json, where: Where, run: Run) -> None:
        code, system = value.get("code"), value.get("system")
        if code.__class__ is str and system.__class__ is str and system.startswith(_SYSTEMS):
            test(system, code, _BARE, where, run)

    return check


def _observation(value: Json, where: Where, run: Run) -> None:
    """What HL7 recommends for every observation."""
    if "subject" not in value:
        run.add("best-practice", where, "warning", element="subject")
    if "performer" not in value:
        run.add("best-practice", where, "warning", element="performer")
    if not any(key.startswith(("effective", "_effective")) for key in value):
        run.add("best-practice", where, "warning", element="effective[x]")


def _attachment(value: Json, where: Where, run: Run) -> None:
    data, size = value.get("data"), value.get("size")
    if data.__class__ is str and size.__class__ is int:
        bare = "".join(data.split())
        if len(bare) % 4 == 0 and len(bare) // 4 * 3 - bare[-2:].count("=") != size:
            run.add("attachment-size", where)
    elif data is None and "url" not in value and not {"contentType", "language", "extension"} & value.keys():
        run.add("attachment-empty", where, "warning")


def _identifier(value: Json, where: Where, run: Run) -> None:
    system = value.get("system")
    if system.__class__ is not str:
        return
    if not system.startswith((*_SYSTEMS, "ldap:")):
        run.add("identifier-system-relative", where)
    if system == "urn:ietf:rfc:3986":
        own = value.get("value")
        if own.__class__ is str and not absolute(own):
            run.add("identifier-value-relative", where)


def _extension(value: Json, where: Where, run: Run) -> None:
    """ext-1: extensions or a value, never both, never neither."""
    has_value = False
    for key in value:
        if key[:5] == "value" or key[:6] == "_value":
            has_value = True
            break
    if has_value is ("extension" in value):
        run.add("invariant:ext-1", where, human=_EXT_1, source="")


def _coding(test: CodingTest) -> Check:
    def check(value: Json, where: Where, run: Run) -> None:
        code = value.get("code")
        if code.__class__ is not str:
            return
        system = value.get("system")
        if system.__class__ is not str:
            run.add("code-system-missing", where, "warning")
        elif not system.startswith(_SYSTEMS):
            run.add("code-system-relative", where)
        else:
            test(system, code, value, where, run)

    return check


_RULES: Final[dict[str, Check]] = {
    "Identifier": _identifier,
    "Extension": _extension,
    "Attachment": _attachment,
}


def _reference(value: Any, run: Run) -> bool | None:
    """ref-1: a fragment names a contained resource of the root."""
    reference = value.get("reference")
    if reference.__class__ is not str or reference[:1] != "#" or reference == "#":
        return True
    inner = run.root.get("contained")
    return any(
        one.__class__ is dict and one.get("id") == reference[1:]
        for one in (inner if inner.__class__ is list else ())
    )


def _period(value: Any, _: Run) -> bool | None:
    """per-1 for two moments written alike; others are FHIRPath's business."""
    start, end = value.get("start"), value.get("end")
    if start is None or end is None:
        return None if "_start" in value or "_end" in value else True
    if start.__class__ is not str or end.__class__ is not str or len(start) != len(end):
        return None
    # Same length, and both a whole day or both in the same zone: text order is time order.
    if len(start) == 10 or (len(start) in (20, 25) and start[19:] == end[19:]):
        return start <= end
    return None


def _own_code(value: Any, run: Run) -> bool | None:
    """obs-7: with a value of its own, an observation has no component of the same code."""
    components = value.get("component")
    if components.__class__ is not list or not any(key.startswith("value") for key in value):
        return None
    own = _codings(run.resource.get("code"))
    if run.resource is not value or own is None:
        return None
    for one in components:
        codings = _codings(one.get("code")) if one.__class__ is dict else None
        if codings is None:
            return None
        if any(coding in own for coding in codings):
            return False
    return True


def _codings(concept: Any) -> list[Any] | None:
    """The codings of a concept of the right shape."""
    found = concept.get("coding", []) if concept.__class__ is dict else None
    return found if found.__class__ is list else None


def _history(value: Any, _: Run) -> bool | None:
    """bdl-8: no address of a version."""
    url = value.get("fullUrl")
    return "/_history/" not in url if url.__class__ is str else None


def _narrative(_: Any, __: Run) -> bool | None:
    """htmlChecks() is done on the text itself, in `xhtml`."""
    return True


def _contained(value: Any, _: Run) -> bool | None:
    """What holds wherever nothing is contained."""
    return None if "contained" in value else True


def _referred_to(value: Any, _: Run) -> bool | None:
    """dom-3: each contained resource is referred to, or refers to its container.

    R4's expression asks for references, canonicals, uris and urls; any text `#id` counts here.
    """
    inner = value.get("contained")
    if inner.__class__ is not list:
        return True
    fragments = set(_fragments(value))
    for one in inner:
        if one.__class__ is dict and f"#{one.get('id')}" not in fragments and "#" not in set(_fragments(one)):
            return False
    return True


def _fragments(value: Any) -> Iterator[str]:
    """Every text that begins with `#`."""
    rest = [value]
    while rest:
        node = rest.pop()
        if node.__class__ is dict:
            rest += node.values()
        elif node.__class__ is list:
            rest += node
        elif node.__class__ is str and node[:1] == "#":
            yield node


# Expression, as R4 words it -> the same for a JSON object, None where only FHIRPath can tell.
BY_EXPRESSION: Final[dict[str, Native]] = {
    "reference.startsWith('#').not() or (reference.substring(1).trace('url') in "
    "%rootResource.contained.id.trace('ids'))": _reference,
    "start.hasValue().not() or end.hasValue().not() or (start <= end)": _period,
    "htmlChecks()": _narrative,
    "fullUrl.contains('/_history/').not()": _history,
    "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()": _own_code,
    "contained.contained.empty()": _contained,
    "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()": _contained,
    "contained.meta.security.empty()": _contained,
}


# Conditions that R4 published with a slip; what they were meant to say, as later versions and other validators read them.
_MEANT: Final = {
    "probability is decimal implies (probability as decimal) <= 100": "probability.empty() or "
    "((probability is decimal) implies ((probability as decimal) <= 100))",
    "enableWhen.count() > 2 implies enableBehavior.exists()": "enableWhen.count() >= 2 implies "
    "enableBehavior.exists()",
    "generated='generated' implies source.empty()": "generation='generated' implies source.empty()",
    "fullUrl.contains('/_history/').not()": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
    "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')": "name.exists() implies "
    "name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')",
}


def meant(expression: str) -> str:
    """The expression without the slips of its publication."""
    return _MEANT.get(expression, expression)


def fast(expression: str) -> Native | None:
    """The quick answer for an expression, by its text."""
    if expression.startswith("contained.where(") and ".trace('unmatched', id).empty()" in expression:
        return _referred_to
    return BY_EXPRESSION.get(expression)
