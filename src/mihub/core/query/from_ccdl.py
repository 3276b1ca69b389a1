"""From a cohort definition of the MII to a question: contexts become kinds of facts, units become tests.

What the tables do not know is refused with its place; nothing is dropped. Consent criteria that every person
must meet are also handed out, so that the consent gate can hold them. Below: `core.mii.ccdl`, `templates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from mihub.core.mii.ccdl import (
    AttributeFilter,
    Ccdl,
    CcdlCriterion,
    ComparatorFilter,
    ConceptFilter,
    RangeFilter,
    ReferenceFilter,
    TermCode,
    ValueFilter,
)
from mihub.core.query.facts import PERSON, PERSON_SYSTEM
from mihub.core.query.nodes import (
    AgeTest,
    And,
    AttributeTest,
    CodeMatch,
    ConceptTest,
    Criterion,
    LinkedTest,
    Node,
    Not,
    NumberTest,
    Or,
    QuantityTest,
    TimeTest,
)
from mihub.core.query.templates import Context, Templates, built_in
from mihub.core.query.units import quantity_test
from mihub.errors import NotSupported


@dataclass(frozen=True, slots=True)
class Cohort:
    """A question and the consent codes that its inclusion criteria demand of everybody."""

    node: Node
    consent_codes: frozenset[str]
    display: str


def from_ccdl(ccdl: Ccdl, templates: Templates | None = None) -> Cohort:
    """The question. Raises `NotSupported` with the JSON path of what has no meaning here."""
    table = templates or built_in()
    parts: list[Node] = [_any([_criterion(one, table) for one in group]) for group in ccdl.inclusion]
    if ccdl.exclusion:
        excluded = [_all([_criterion(one, table) for one in group]) for group in ccdl.exclusion]
        parts.append(Not(_any(excluded)))
    return Cohort(_all(parts), _demanded(ccdl, table), ccdl.display)


def _all(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _any(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _demanded(ccdl: Ccdl, table: Templates) -> frozenset[str]:
    """Codes of inclusion groups that are one consent criterion with one code."""
    alone = [group[0] for group in ccdl.inclusion if len(group) == 1 and len(group[0].term_codes) == 1]
    return frozenset(
        one.term_codes[0].code
        for one in alone
        if _context(one.context, one.path, table).kinds == ("consent",)
    )


def _criterion(source: CcdlCriterion, table: Templates) -> Criterion:
    context = _context(source.context, source.path, table)
    if context.kinds == (PERSON,) and _is_about_person(source, table):
        return _person(source, table)
    if context.kinds == (PERSON,):
        # Peers also ask for measurements under the context Patient; those are ordinary observations.
        context = table.contexts["Beobachtung"]
    return Criterion(
        kinds=context.kinds,
        codes=tuple(match for code in source.term_codes for match in _matches(code, table, descend=True)),
        value=None if source.value is None else _value(source.value, table),
        attributes=tuple(_attribute(one, source, context, table) for one in source.attributes),
        time=None if source.time is None else TimeTest(source.time.after, source.time.before),
        current=context.current,
        label=_label(source),
    )


def _context(code: TermCode, path: str, table: Templates) -> Context:
    context = table.contexts.get(code.code)
    if context is None:
        _refuse(f"{path}.context.code", "its context is not known here", ", ".join(sorted(table.contexts)))
    return context


def _is_about_person(source: CcdlCriterion, table: Templates) -> bool:
    return all((code.system, code.code) in table.age_codes | table.gender_codes for code in source.term_codes)


def _person(source: CcdlCriterion, table: Templates) -> Criterion:
    if source.attributes or source.time:
        _refuse(source.path, "a question about the person has no attribute and no time restriction", "")
    by_age = (source.term_codes[0].system, source.term_codes[0].code) in table.age_codes
    return Criterion(
        kinds=(PERSON,),
        codes=(CodeMatch(PERSON_SYSTEM, "birth-date" if by_age else "gender"),),
        value=_age(source, table) if by_age else _gender(source, table),
        label=_label(source),
    )


def _age(source: CcdlCriterion, table: Templates) -> AgeTest | None:
    if source.value is None:
        return None
    if isinstance(source.value, ConceptFilter):
        _refuse(f"{source.path}.valueFilter", "an age is a quantity", "")
    unit = table.age_units.get(source.value.unit or "")
    if unit is None:
        _refuse(f"{source.path}.valueFilter.unit", "its unit is no unit of age", ", ".join(table.age_units))
    return AgeTest(_tests(source.value), unit)


def _gender(source: CcdlCriterion, table: Templates) -> ConceptTest | None:
    if source.value is None:
        return None
    if not isinstance(source.value, ConceptFilter):
        _refuse(f"{source.path}.valueFilter", "a gender is a concept", "")
    codes = [table.gender_values.get(concept.code) for concept in source.value.concepts]
    if None in codes:
        _refuse(f"{source.path}.valueFilter", "it holds an unknown gender", ", ".join(table.gender_values))
    return ConceptTest(tuple(CodeMatch("", code) for code in codes if code))


def _value(source: ValueFilter, table: Templates) -> ConceptTest | QuantityTest:
    if isinstance(source, ConceptFilter):
        # Selected concepts are exact in every peer; only term codes take their children with them.
        return ConceptTest(tuple(match for code in source.concepts for match in _matches(code, table)))
    return quantity_test(_tests(source), source.unit, table.units)


def _tests(source: ComparatorFilter | RangeFilter) -> tuple[NumberTest, ...]:
    if isinstance(source, ComparatorFilter):
        return (NumberTest(source.comparator, source.value),)
    return NumberTest("ge", source.minimum), NumberTest("le", source.maximum)


def _attribute(
    source: AttributeFilter, owner: CcdlCriterion, context: Context, table: Templates
) -> AttributeTest:
    slot = context.attributes.get(source.attribute.code, "")
    component = None
    if not slot and source.attribute.system in table.component_systems:
        component = CodeMatch(source.attribute.system, source.attribute.code)
    if not slot and component is None:
        known = ", ".join(sorted(context.attributes)) or "none"
        _refuse(f"{owner.path}.attributeFilters", "an attribute is not known in its context", known)
    if isinstance(source.test, ReferenceFilter):
        linked = tuple(_criterion(one, table) for one in source.test.criteria)
        return AttributeTest(slot, component, LinkedTest(linked))
    return AttributeTest(slot, component, _value(source.test, table))


def _matches(code: TermCode, table: Templates, *, descend: bool = False) -> tuple[CodeMatch, ...]:
    prefix = descend and code.system in table.prefix_systems
    return tuple(CodeMatch(system, code.code, prefix) for system in table.names_of(code.system))


def _label(source: CcdlCriterion) -> str:
    return ", ".join(code.display or code.code for code in source.term_codes[:3])


def _refuse(where: str, why: str, known: str) -> NoReturn:
    raise NotSupported(
        f"The question can not be answered here: {why}.",
        where=where,
        rule="content/cohort/templates.yaml",
        next_step=f"Use one of: {known}." if known else "Remove this part of the criterion.",
    )
