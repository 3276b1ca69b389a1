"""Extensions by their address: known or not, allowed in this place or not, right inside or not.

Each address is looked up once. The content of a known extension is checked by its own profile, wherever it stands.
Source: https://hl7.org/fhir/R4/defining-extensions.html; severities as HL7's Java validator. Above: `base`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.fhirpath import Element, FhirPathError, compile, r4  # noqa: A004
from mihub.core.fhir.fhirpath.types import TypeInfo
from mihub.errors import MihubError
from mihub.site.validate.finding import Severity
from mihub.site.validate.names import model_type, shown_address, type_code
from mihub.site.validate.primitives import absolute
from mihub.site.validate.run import RESOURCE, Run, Where
from mihub.site.validate.shapes import Check
from mihub.site.validate.tree import Node

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine

# Addresses nobody knows are not remembered without end.
_MAX_UNKNOWN: Final = 5_000
_ANYWHERE: Final = frozenset({"Element", "Any", "*"})
_HL7: Final = ("http://hl7.org/fhir/StructureDefinition/", "http://terminology.hl7.org/")
# HL7's own contexts that are too narrow for HL7's own use; the Java validator widens them likewise.
_WIDENED: Final = frozenset(
    "http://hl7.org/fhir/StructureDefinition/" + name
    for name in (
        "structuredefinition-normative-version",
        "structuredefinition-standards-status",
        "capabilitystatement-expectation",
        "capabilitystatement-prohibited",
        "regex",
        "structuredefinition-fhir-type",
    )
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One extension definition. `anywhere`: no look at the place is needed. `check`: its profile."""

    url: str
    structure: Resource
    modifier: bool
    elements: frozenset[str]
    inside: frozenset[str]
    paths: tuple[str, ...]
    anywhere: bool
    conditions: tuple[str, ...]
    check: Check | None


class Extensions:
    """The definitions by address."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rules: dict[str, Rule | None] = {}
        self._places: dict[str, frozenset[str]] = {}

    def check(self, owner: str, modifier: bool) -> Check:
        """The check of one extension in an element of type `owner`."""
        rules, read, inside = self._rules, self._read, owner == "Extension"
        base: Check | None = None

        def check(value: Json, where: Where, run: Run) -> None:
            nonlocal base
            if base is None:
                base = self._engine.type_check("Extension")
            if base is not None:
                base(value, where, run)
            url = value.get("url")
            if url.__class__ is not str:
                return
            rule = rules[url] if url in rules else read(url)
            if rule is None:
                self._unknown(url, inside, modifier, where, run)
                return
            if rule.modifier is not modifier:
                run.add(
                    "extension-modifier-wanted" if rule.modifier else "extension-modifier-not-allowed",
                    where, "error", url=url,
                )  # fmt: skip
            if not rule.anywhere and owner not in rule.elements:
                self._placed(rule, where, run)
            if rule.conditions:
                self._conditions(rule, where, run)
            if rule.check is not None:
                rule.check(value, where, run)

        return check

    def _unknown(self, url: str, inside: bool, modifier: bool, where: Where, run: Run) -> None:
        if not absolute(url):
            if not inside:
                run.add("extension-url", where)
            return
        facts = {"url": shown_address(url)}
        if "|" in url:
            run.add("extension-url-version", where, "error", **facts)
        elif modifier:
            run.add("extension-modifier-unknown", where, "error", **facts)
        else:
            known = self._engine.broken.get(url, "")
            severity: Severity = "warning" if url.startswith(_HL7) or known else "information"
            run.add("extension-unknown", where, severity, **facts)

    def _read(self, url: str) -> Rule | None:
        engine = self._engine
        with engine.lock:
            if url in self._rules:
                return self._rules[url]
            made = self._made(url) if absolute(url) and "|" not in url else None
            if made is not None or len(self._rules) < _MAX_UNKNOWN:
                self._rules[url] = made
            return made

    def _made(self, url: str) -> Rule | None:
        try:
            found = self._engine.definitions.structure(url)
        except MihubError as error:
            self._engine.broken[url] = error.what
            return None
        if found is None or found.resource.get("type") != "Extension":
            return None
        structure = found.resource
        root = self._engine.tree(url)
        rows = [row for row in structure.get("context") or () if isinstance(row, dict)]
        by_type: dict[str, set[str]] = {"element": set(), "extension": set(), "fhirpath": set()}
        for row in rows:
            expression = str(row.get("expression", ""))
            by_type.setdefault(str(row.get("type")), set()).add(expression.rpartition("#")[2] or expression)
        elements = frozenset(by_type["element"])
        return Rule(
            url,
            structure,
            bool(root is not None and root.definition.get("isModifier")),
            elements,
            frozenset(by_type["extension"]),
            tuple(sorted(by_type["fhirpath"])),
            bool(elements & _ANYWHERE) or not rows or url in _WIDENED,
            tuple(c for c in structure.get("contextInvariant") or () if isinstance(c, str)),
            self._engine.profiles.of_extension(url, root),
        )

    def _placed(self, rule: Rule, where: Where, run: Run) -> None:
        """Whether the extension may stand here, by every way a context can name the place."""
        owner = where[0]
        if owner is None:
            return
        names = self.names_of(owner, run)
        if not names.isdisjoint(rule.elements):
            return
        value = value_at(owner, run)
        if rule.inside and isinstance(value, dict) and value.get("url") in rule.inside:
            return
        if rule.paths and _among(rule.paths, value, run):
            return
        contexts = sorted(rule.elements | rule.inside | set(rule.paths))
        run.add("extension-context", where, "error", url=rule.url, contexts=", ".join(contexts))

    def names_of(self, where: Where, run: Run) -> frozenset[str]:
        """All names of a place: `Patient.name`, `HumanName`, `Element` ..., for resources their base types too."""
        steps = steps_to(where)
        root = str(run.resource.get("resourceType"))
        key = ".".join((root, *steps))
        names = self._places.get(key)
        if names is None:
            names = self._walk(root, steps)
            if len(self._places) < _MAX_UNKNOWN:
                self._places[key] = names
        return names

    def _walk(self, root: str, steps: list[str]) -> frozenset[str]:
        names = set(_ancestry(model_type(root)))
        node = self._engine.type_tree(root)
        top = node
        for step in steps:
            stem = step.partition(".ofType(")[0]
            code = step[len(stem) + 8 : -1]
            names = {f"{name}.{part}" for name in names for part in _spellings(stem, code)}
            if node is not None and not node.children:
                node = self._inner(node, top)
            child = None if node is None else node.children.get(stem) or node.children.get(f"{stem}[x]")
            kind = code or (type_code(child.types[0]) if child is not None and child.types else "")
            names |= set(_ancestry(model_type(kind)))
            node = child
            if code or (child is not None and not child.children and kind):
                node = self._engine.type_tree(kind)
        return frozenset(names)

    def _inner(self, node: Node, top: Node | None) -> Node:
        reference = node.definition.get("contentReference")
        if isinstance(reference, str) and top is not None:
            for one in top.walk():
                if one.path == reference.rpartition("#")[2]:
                    return one
        return node

    def _conditions(self, rule: Rule, where: Where, run: Run) -> None:
        """contextInvariant: conditions on the element that bears the extension."""
        owner = value_at(where[0], run) if where[0] is not None else None
        if not isinstance(owner, dict):
            return
        for text in rule.conditions:
            try:
                kind = model_type(str(owner.get("resourceType", ""))) or r4().untyped
                verdict = compile(text).test(
                    Element(owner, kind), variables={"resource": run.resource, "rootResource": run.root}
                )
            except FhirPathError as error:
                run.add("invariant-not-run:context", where, "warning", rule.url, reason=error.what)
                continue
            if verdict is not True:
                run.add("extension-context-invariant", where, "error", url=rule.url, expression=text)


def _spellings(stem: str, code: str) -> tuple[str, ...]:
    if not code:
        return (stem,)
    return (stem, f"{stem}[x]", stem + code[:1].upper() + code[1:])


def _ancestry(kind: TypeInfo | None) -> list[str]:
    names = []
    while kind is not None:
        names.append(kind.name)
        kind = kind.base
    return names


def steps_to(where: Where) -> list[str]:
    """The names from the nearest resource down to a place."""
    steps: list[str] = []
    step: Where | None = where
    while step is not None and step[0] is not None and not boundary(step):
        steps.append(step[1])
        step = step[0]
    return steps[::-1]


def boundary(where: Where) -> bool:
    """Whether a new resource begins here."""
    return where[1] == "contained" or where[2] == RESOURCE


def value_at(where: Where | None, run: Run) -> Any:
    """The JSON at a place, from the nearest resource; None when it is a primitive with extensions only."""
    if where is None:
        return None
    value: Any = run.resource
    chain: list[Where] = []
    step: Where | None = where
    while step is not None and step[0] is not None and not boundary(step):
        chain.append(step)
        step = step[0]
    for _, name, index in reversed(chain):
        stem, _, code = name.partition(".ofType(")
        key = stem + code[:1].upper() + code[1:-1] if code else stem
        value = value.get(key) if isinstance(value, dict) else None
        if index >= 0:
            value = value[index] if isinstance(value, list) and index < len(value) else None
    return value


def _among(paths: tuple[str, ...], value: Any, run: Run) -> bool:
    """Whether an element is one of those that a context's expression selects."""
    for text in paths:
        try:
            found = compile(text).items(run.resource)
        except FhirPathError:
            continue
        if any(isinstance(item, Element) and item.value is value and value is not None for item in found):
            return True
    return False
