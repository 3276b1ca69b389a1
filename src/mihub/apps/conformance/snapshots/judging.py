"""Why a generated snapshot is not the published one, in a sentence. Judged by reading differential, base and both snapshots.

Each class of differences has one judgement; a case whose differences all have one is explained, any other says so by
an empty reason. Never counts an explained case as passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mihub.apps.conformance.snapshots.comparing import Difference

_FIRELY_SLICE: Final = "mii-pr-fall-kontakt-gesundheitseinrichtung"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A class of differences. `who`: whose snapshot is right, or which tool or base made the other."""

    name: str
    reason: str
    who: str
    holds: Callable[[str, Difference], bool]


def _case(text: str) -> Callable[[str, Difference], bool]:
    return lambda case, difference: text in case


JUDGEMENTS: Final = (
    Judgement(
        "base of another version",
        "its manifest names another version of what it builds on (ISiK 4.0.0, consent management 2.0.0) than the one among the "
        "packages (4.0.3, 2.0.1)",
        "each for its base",
        lambda case, d: (
            "mii-pr-patho-composition" in case or d.element.startswith("Consent.extension:domainReference")
        ),
    ),
    Judgement(
        "profile of a type not here",
        "the type profile of genomics-reporting that adds the slice is not among the packages",
        "published",
        _case("mii-pr-onko-genetische-variante"),
    ),
    Judgement(
        "maxLength of string",
        "code is derived from string and its value takes over string's 1,048,576; R4 as first published left it out, HL7's "
        "package says it",
        "ours",
        lambda case, d: d.property == "maxLength" and d.theirs is None,
    ),
    Judgement(
        "slicing of a choice without rules",
        "the implied slicing of a choice says rules `open`; HL7's tool left the required `rules` out",
        "ours",
        lambda case, d: d.property == "slicing" and d.theirs is not None and d.theirs["rules"] is None,
    ),
    Judgement(
        "slicing of a choice closed",
        "the differential says `open`; the tool wrote `closed`",
        "ours",
        lambda case, d: d.property == "slicing" and d.theirs is not None and d.theirs["rules"] == "closed",
    ),
    Judgement(
        "rules of one type on a choice of several",
        "HL7's tool put binding or constraint of Age, Duration or Period on a choice that allows other types, too",
        "ours",
        lambda case, d: (
            d.property in ("binding", "constraint") and d.ours is None and d.element.endswith("[x]")
        ),
    ),
    Judgement(
        "rules of all slices repeated in each",
        "the tool repeats in each slice what the differential says of the sliced element; it holds for every slice anyway",
        "same meaning",
        lambda case, d: _FIRELY_SLICE in case and d.element.endswith(".physicalType"),
    ),
    Judgement(
        "constraint of R4B",
        "the tool added dom-r4b, which R4 does not have",
        "ours",
        lambda case, d: d.property == "constraint" and d.theirs == ["dom-r4b"],
    ),
)
_REFUSED: Final = {
    "genomics-reporting": "its base is in hl7.fhir.uv.genomics-reporting, which is not among the packages",
    "mii-lm-studie-logicalmodel": "the logical model lets `id` repeat, its base allows one: named, not made up",
    "FamilyMemberHistory.condition": "HL7's own profile cuts slices from an element without a slicing; the index that travels "
    "with the program says an open one",
}


def judgement(case: str, difference: Difference) -> Judgement | None:
    """The class that a difference belongs to, or None when it is new."""
    return next((j for j in JUDGEMENTS if j.holds(case, difference)), None)


def saw(differences: tuple[Difference, ...]) -> str:
    """What differs, in a line: `binding 1, min 2; first at Condition.code`."""
    counts = Counter(one.property for one in differences)
    listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f"{listed}; first at {differences[0].element}"


def reason_of(case: str, differences: tuple[Difference, ...]) -> str:
    """The judgements on a case, "" when one of its differences has none."""
    found = [judgement(case, one) for one in differences]
    if None in found:
        return ""
    return "; ".join(dict.fromkeys(one.reason for one in found if one is not None))


def refused_reason(refused: str) -> str:
    """Why a profile has no snapshot here, "" when nobody knows."""
    return next((reason for mark, reason in _REFUSED.items() if mark in refused), "")
