"""The builder's form: names of its fields, reading what a browser sent, and the small steps of its buttons.

Every button sends the whole form, so the page needs no JavaScript and no server state. Field names:
`{side}-{group}-{line}- {field}`, counted from 0. Reading is tolerant; `check` says what is missing before
a cohort is asked. Below: `cohort`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import FormData

from mihub.portals.research.cohort import (
    COMPARISONS,
    DATED,
    KINDS,
    MOST_GROUPS,
    MOST_LINES,
    NUMERIC,
    Cohort,
    Groups,
    Kind,
    Line,
    Side,
)
from mihub.portals.shell.forms import FormErrors

SIDES: Final[tuple[Side, ...]] = ("in", "ex")
CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-/:_]{0,79}")
_STEP: Final = re.compile(r"(add|drop|find|code):(in|ex):(\d{1,2})(?::(\d{1,2}))?(?::(.+))?")


def read_cohort(sent: FormData, errors: FormErrors) -> Cohort:
    """The cohort as typed; what can not be read is left out of the value and stands in `errors`."""
    return Cohort(
        title=errors.text(sent, "title", limit=120),
        include=_groups(sent, "in", errors),
        exclude=_groups(sent, "ex", errors),
    )


def to_fields(cohort: Cohort) -> dict[str, str | list[str]]:
    """The form's fields for a cohort: what a browser would send back unchanged."""
    fields: dict[str, str | list[str]] = {"title": cohort.title}
    for side in SIDES:
        for at, group in enumerate(cohort.groups(side)):
            for place, line in enumerate(group):
                fields.update(_line_fields(f"{side}-{at}-{place}", line))
    return fields


def step(cohort: Cohort, act: str, sent: Mapping[str, object]) -> Cohort:
    """What one button does: add a line of the chosen kind, drop a line, take a code; any other act changes
    nothing."""
    match = _STEP.fullmatch(act)
    if match is None:
        return cohort
    name, side, group, place = match[1], _side(match[2]), int(match[3]), int(match[4] or 0)
    if name == "add":
        kind = _kind(str(sent.get(f"new-{side}-{group}", "")))
        return cohort.with_line(side, group, new_line(kind)) if kind else cohort
    if name == "drop":
        return cohort.without_line(side, group, place)
    if name == "code" and match[5] and CODE.fullmatch(match[5]):
        return cohort.with_code(side, group, place, match[5])
    return cohort


def searched(act: str) -> tuple[Side, int, int] | None:
    """The line whose code search was pressed; None for any other act."""
    match = _STEP.fullmatch(act)
    if match is None or match[1] != "find":
        return None
    return _side(match[2]), int(match[3]), int(match[4] or 0)


def new_line(kind: Kind) -> Line:
    """An empty line of a kind, with the comparison most asked for."""
    return Line(kind, comparison="ge") if kind == "age" else Line(kind)


def check(cohort: Cohort, errors: FormErrors) -> None:
    """What is missing before the cohort can be asked."""
    if not cohort.include:
        errors.add("include", "research.form.no_include")
    for side in SIDES:
        for at, group in enumerate(cohort.groups(side)):
            for place, line in enumerate(group):
                _check_line(line, f"{side}-{at}-{place}", errors)


def _check_line(line: Line, prefix: str, errors: FormErrors) -> None:
    if line.kind != "age" and not line.codes:
        errors.add(f"{prefix}-codes", "research.form.no_code")
    if line.kind == "age" and not line.comparison:
        errors.add(f"{prefix}-comparison", "shell.form.choose")
    if line.comparison and line.value is None:
        errors.add(f"{prefix}-value", "shell.form.required")
    if line.comparison == "between":
        if line.upper is None:
            errors.add(f"{prefix}-upper", "shell.form.required")
        elif line.value is not None and line.upper < line.value:
            errors.add(f"{prefix}-upper", "research.form.upper_too_small")
    if line.after and line.before and line.before < line.after:
        errors.add(f"{prefix}-before", "research.form.before_too_early")


def _groups(sent: FormData, side: Side, errors: FormErrors) -> Groups:
    groups = []
    for at in range(MOST_GROUPS):
        found = [_line(sent, f"{side}-{at}-{place}", errors) for place in range(MOST_LINES)]
        lines = tuple(line for line in found if line is not None)
        if lines:
            groups.append(lines)
    return tuple(groups)


def _line(sent: FormData, prefix: str, errors: FormErrors) -> Line | None:
    kind = _kind(str(sent.get(f"{prefix}-kind", "")))
    if kind is None:
        return None
    numeric, dated = kind in NUMERIC, kind in DATED
    comparison = errors.choice(sent, f"{prefix}-comparison", COMPARISONS, required=False) if numeric else ""
    return Line(
        kind=kind,
        codes=_codes(sent, prefix, kind, errors),
        comparison=comparison,
        value=errors.number(sent, f"{prefix}-value") if comparison else None,
        upper=errors.number(sent, f"{prefix}-upper") if comparison == "between" else None,
        unit=errors.text(sent, f"{prefix}-unit", limit=40) if comparison and kind == "lab" else "",
        after=errors.day(sent, f"{prefix}-after") if dated else None,
        before=errors.day(sent, f"{prefix}-before") if dated else None,
    )


def _codes(sent: FormData, prefix: str, kind: Kind, errors: FormErrors) -> tuple[str, ...]:
    if kind == "age":
        return ()
    typed = [value for value in sent.getlist(f"{prefix}-codes") if isinstance(value, str)]
    words = [word for value in typed for word in re.split(r"[\s,;]+", value) if word]
    if any(not CODE.fullmatch(word) for word in words):
        errors.add(f"{prefix}-codes", "research.form.not_a_code")
    return tuple(dict.fromkeys(word for word in words if CODE.fullmatch(word)))


def _line_fields(prefix: str, line: Line) -> dict[str, str | list[str]]:
    fields: dict[str, str | list[str]] = {f"{prefix}-kind": line.kind}
    if line.kind == "sex":
        fields[f"{prefix}-codes"] = list(line.codes)
    elif line.kind != "age":
        fields[f"{prefix}-codes"] = " ".join(line.codes)
    if line.kind in NUMERIC:
        fields[f"{prefix}-comparison"] = line.comparison
        fields[f"{prefix}-value"] = "" if line.value is None else str(line.value)
        fields[f"{prefix}-upper"] = "" if line.upper is None else str(line.upper)
    if line.kind == "lab":
        fields[f"{prefix}-unit"] = line.unit
    for name, day in (("after", line.after), ("before", line.before)):
        if day is not None:
            fields[f"{prefix}-{name}-day"] = str(day.day)
            fields[f"{prefix}-{name}-month"] = str(day.month)
            fields[f"{prefix}-{name}-year"] = str(day.year)
    return fields


def _kind(text: str) -> Kind | None:
    return next((kind for kind in KINDS if kind == text), None)


def _side(text: str) -> Side:
    return "ex" if text == "ex" else "in"
