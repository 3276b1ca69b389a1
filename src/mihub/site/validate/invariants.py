"""A profile's conditions as checks: FHIRPath, with what can be decided at once decided at once, and never without end.

An expression that does not compile or fails is named once per place and the rest goes on. Source:
https://hl7.org/fhir/R4/conformance-rules.html#constraints. Below: `presence`, `core.fhir.fhirpath`. Above: `base`, `profile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import Element, Expression, FhirPathError, Limits, Meter, compile, r4  # noqa: A004
from mihub.core.fhir.fhirpath.scope import NO_HOOKS
from mihub.core.fhir.fhirpath.types import TypeInfo
from mihub.site.validate import natives
from mihub.site.validate.finding import Severity
from mihub.site.validate.names import model_type
from mihub.site.validate.presence import Quick, quick
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check

# How many times the time of one resource a whole Bundle may take.
_RESOURCES: Final = 15
# What is found must not depend on how busy the machine is: steps bound the work, the clock only what steps cannot see.
_BACKSTOP: Final = 60.0
# A condition gets three quarters of the steps that are left, so that one without end leaves some to those behind it.
_LEAST: Final = 100
_BEST_PRACTICE: Final = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"
# Decided by the shape checks themselves: an element with nothing in it, an extension with both or neither.
BUILT_IN: Final = frozenset({"ele-1", "ext-1"})


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition. `best_practice`: HL7 recommends it, nobody must."""

    key: str
    severity: Severity
    human: str
    expression: str
    source: str = ""
    best_practice: bool = False


def constraints_of(definition: Json) -> list[Constraint]:
    """The conditions an element definition carries; one without an expression cannot be checked and is left out."""
    found = []
    for row in definition.get("constraint") or ():
        expression = row.get("expression")
        if isinstance(expression, str) and expression.strip():
            best = any(
                e.get("url") == _BEST_PRACTICE and e.get("valueBoolean") for e in row.get("extension", ())
            )
            severity: Severity = "error" if row.get("severity") == "error" and not best else "warning"
            found.append(
                Constraint(str(row.get("key", "")), severity, str(row.get("human", "")), expression,
                           str(row.get("source", "")), best)
            )  # fmt: skip
    return found


def compiled(constraint: Constraint, type_name: str, steps: int, profile: str = "") -> Check:
    """The check of one condition on elements of a type (`Patient`, `Patient.contact`, `HumanName`, `code`)."""
    kind = model_type(type_name) or r4().untyped
    try:
        expression = compile(natives.meant(constraint.expression))
    except FhirPathError as error:
        return _named(constraint, error.what, profile)
    slow = _slow(constraint, expression, kind, steps, profile)
    native = natives.fast(constraint.expression)
    presence = quick(expression.tree, kind)
    if native is None and presence is None:
        return slow
    return _guarded(constraint, native, presence, slow, profile)


def _facts(constraint: Constraint) -> dict[str, str]:
    return {"human": constraint.human, "source": constraint.source}


def _named(constraint: Constraint, reason: str, profile: str) -> Check:
    def check(_: Any, where: Where, run: Run) -> None:
        run.add(f"invariant-not-run:{constraint.key}", where, "warning", profile, reason=reason)

    return check


def _guarded(
    constraint: Constraint, native: natives.Native | None, presence: Quick | None, slow: Check, profile: str
) -> Check:
    """Ask what is quick first; only what it leaves open is FHIRPath's."""
    rule, severity, facts = f"invariant:{constraint.key}", constraint.severity, _facts(constraint)
    if native is None and presence is not None:
        asked = presence

        def plain(value: Any, where: Where, run: Run) -> None:
            verdict = asked(value) if value.__class__ is dict else None
            if verdict is None:
                slow(value, where, run)
            elif not verdict:
                run.add(rule, where, severity, profile, **facts)

        return plain

    def check(value: Any, where: Where, run: Run) -> None:
        verdict = native(value, run) if native is not None and value.__class__ is dict else None
        if verdict is None and presence is not None and value.__class__ is dict:
            verdict = presence(value)
        if verdict is None:
            slow(value, where, run)
        elif not verdict:
            run.add(rule, where, severity, profile, **facts)

    return check


def _slow(constraint: Constraint, expression: Expression, kind: TypeInfo, steps: int, profile: str) -> Check:
    key, facts = constraint.key, _facts(constraint)

    def check(value: Any, where: Where, run: Run) -> None:
        left = min(steps - run.spent, steps * _RESOURCES - run.spent_before)
        if left < _LEAST:
            run.add(f"invariant-deadline:{key}", where, "warning", profile, steps=f"{steps:,}")
            return
        meter = Meter()
        try:
            verdict = _evaluate(
                expression, value, kind, run, Limits(steps=left * 3 // 4, seconds=_BACKSTOP), meter
            )
        except FhirPathError as error:
            run.add(f"invariant-not-run:{key}", where, "warning", profile, reason=error.what)
            return
        finally:
            run.spent += meter.steps
        if not verdict:
            run.add(f"invariant:{key}", where, constraint.severity, profile, **facts)

    return check


def _evaluate(
    expression: Expression, value: Any, kind: TypeInfo, run: Run, limits: Limits, meter: Meter
) -> bool:
    """As the Java validator counts: empty is a violation, one value that is no boolean is not."""
    start = value if value.__class__ is Element else Element(value, kind)
    if run.hooks is None:
        run.hooks = run.engine.hooks(run) if run.engine is not None else NO_HOOKS
    variables = {"resource": run.resource, "rootResource": run.root}
    found = expression.items(start, variables=variables, hooks=run.hooks, limits=limits, meter=meter)
    if len(found) != 1:
        return bool(found)
    item = found[0]
    plain = item.value if isinstance(item, Element) else item
    return plain is not False
