"""docs/reference/snapshots.md: package by package how many elements agree, and each class of differences with its judgement.

Written by `tools/snapshots_page.py`, held to the program by `tests/conformance/test_snapshots.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from mihub.apps.conformance.snapshots.judging import JUDGEMENTS, judgement, refused_reason
from mihub.apps.conformance.snapshots.run import Case

_HEAD: Final = """# Snapshots: generated against published

Written by `tools/snapshots_page.py`. Every StructureDefinition that other people published with differential and snapshot
is generated anew: its snapshot is taken away, and those of all it is built on, down to R4 core. Then both are compared
element by element in what a validator reads: ids and their order, min, max, types, profiles, target profiles, aggregation,
binding, fixed and pattern values, bounds, lengths, constraints, slicing, mustSupport, isModifier, contentReference. Texts
are not compared: R4 core travels with the program without them.

**By meaning** the same are: a canonical with and without `|version`; the rules of an element's own type (`ref-1`, `per-1`,
`ext-1`, the units of a Duration), repeated on the element or not; extensions sliced by url, said or not; content named in
this structure or in the one it comes from; `false` and absent. **To the letter** nothing of this is let through.
"""


def page(cases: Sequence[Case]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_packages(cases), "", *_classes(cases), "", *_refused(cases), ""])


def _packages(cases: Sequence[Case]) -> Iterable[str]:
    yield "| Package | Profiles | Not generated | Identical | Elements | Same by meaning | To the letter |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    names = list(dict.fromkeys(case.package for case in cases))
    for name in names:
        yield _row(f"`{name}`", [case for case in cases if case.package == name])
    yield _row("**all**", cases)


def _row(name: str, cases: Sequence[Case]) -> str:
    compared = [case.comparison for case in cases if case.comparison is not None]
    elements, same = sum(c.elements for c in compared), sum(c.same for c in compared)
    literal = sum(c.literal for c in compared)
    passed, refused = sum(case.passes for case in cases), len(cases) - len(compared)
    return (
        f"| {name} | {len(cases)} | {refused} | {passed} | {elements} | {same} ({_percent(same, elements)}) | "
        f"{literal} ({_percent(literal, elements)}) |"
    )


def _percent(part: int, whole: int) -> str:
    # Rounded down, so that 100.0 % means all.
    return f"{int(1000 * part / whole) / 10:.1f} %" if whole else "-"


def _classes(cases: Sequence[Case]) -> Iterable[str]:
    counts: Counter[str] = Counter()
    for case in cases:
        for one in case.comparison.differences if case.comparison is not None else ():
            found = judgement(case.label, one)
            counts[found.name if found is not None else "not judged"] += 1
    yield "## What differs by meaning\n"
    yield "| Class | Properties | Why | Right |"
    yield "| --- | ---: | --- | --- |"
    for each in JUDGEMENTS:
        if counts[each.name]:
            yield f"| {each.name} | {counts[each.name]} | {each.reason} | {each.who} |"
    if counts["not judged"]:
        yield f"| not judged | {counts['not judged']} | | |"


def _refused(cases: Sequence[Case]) -> Iterable[str]:
    yield "## Not generated\n"
    yield "| Profile | Why |"
    yield "| --- | --- |"
    for case in cases:
        if case.comparison is None:
            yield f"| `{case.label}` | {refused_reason(case.refused) or case.refused} |"
