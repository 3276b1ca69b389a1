"""TNM as it was documented: one staging per site, edition, kind and date; editions stand side by side,
never merged.

No value is converted from one edition to another and no stage is computed: the stage shown is the one a
site wrote. Source: UICC TNM; MII core data set, module oncology (TNM profiles). Above: `items`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mihub.care.tumour_board.read_through import Sourced
from mihub.care.tumour_board.wording import code_text
from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId

_STAGE = {
    "399390009": "", "399537006": "c", "399588009": "p", "263642008": "",
    "21908-9": "c", "21902-2": "p", "21914-7": "",
}  # fmt: skip
_CATEGORY = {
    "78873005": ("T", ""), "399504009": ("T", "c"), "384625004": ("T", "p"),
    "277206009": ("N", ""), "399534004": ("N", "c"), "371494008": ("N", "p"),
    "277208005": ("M", ""), "399387003": ("M", "c"), "371497001": ("M", "p"),
}  # fmt: skip
_PREFIX_EXTENSION = "mii-ex-onko-tnm-cp-praefix"


@dataclass(frozen=True, slots=True)
class Staging:
    """One documented staging. `edition` is "8", "9" or empty when the site did not say; `kind` is "c", "p"
    or empty."""

    edition: str
    kind: str
    categories: tuple[str, ...]
    stage: str
    source: Sourced

    def text(self, language: str) -> str:
        """ "cT1b cN2a cM0 · Stadium IIB · TNM 9"."""
        said = {"de": ("Stadium", "Auflage nicht angegeben"), "en": ("stage", "edition not stated")}
        word, unknown = said["en" if language == "en" else "de"]
        edition = f"TNM {self.edition}" if self.edition else f"TNM, {unknown}"
        parts = [" ".join(self.categories), f"{word} {self.stage}" if self.stage else "", edition]
        return " · ".join(part for part in parts if part)


def stagings(observations: Iterable[Sourced]) -> tuple[Staging, ...]:
    """Every staging, newest first, higher edition first within a day. A lone category without a group
    stands alone."""
    by_place = {(each.member, each.reference): each for each in observations}
    groups = [each for each in by_place.values() if _stage_code(each)]
    used: set[tuple[MemberId, str]] = set()
    found = [_from_group(group, by_place, used) for group in groups]
    loose = [each for place, each in by_place.items() if _category_code(each) and place not in used]
    found.extend(_from_loose(loose))
    return tuple(sorted(found, key=lambda each: (each.source.day, each.edition), reverse=True))


def editions(found: Iterable[Staging]) -> tuple[str, ...]:
    """The editions that occur, highest first; two or more means: show them side by side."""
    return tuple(sorted({each.edition for each in found if each.edition}, reverse=True))


def _from_group(
    group: Sourced, known: dict[tuple[MemberId, str], Sourced], used: set[tuple[MemberId, str]]
) -> Staging:
    kind = _STAGE[_stage_code(group)]
    categories = []
    for link in group.resource.get("hasMember", []):
        place = (group.member, _relative(str(link.get("reference", ""))))
        member = known.get(place)
        if member is not None and _category_code(member):
            used.add(place)
            categories.append(_category_text(member, kind))
    stage = code_text(group.resource.get("valueCodeableConcept"))
    return Staging(_edition(group.resource), kind, _ordered(categories), stage, group)


def _from_loose(loose: list[Sourced]) -> list[Staging]:
    groups: dict[tuple[str, str, str], list[Sourced]] = {}
    for each in loose:
        groups.setdefault((each.member, _edition(each.resource), each.day), []).append(each)
    return [
        Staging(
            edition=edition,
            kind=_CATEGORY[_category_code(members[0])][1],
            categories=_ordered([_category_text(each, "") for each in members]),
            stage="",
            source=members[0],
        )
        for (_, edition, _), members in groups.items()
    ]


def _ordered(categories: list[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(categories), key=lambda text: "TNM".find(text.lstrip("cpuyra")[:1])))


def _category_text(observation: Sourced, kind: str) -> str:
    letter, own_kind = _CATEGORY[_category_code(observation)]
    value = code_text(observation.resource.get("valueCodeableConcept"))
    bare = value if value[:1] == letter or value[1:2] == letter else f"{letter}{value}"
    prefix = _prefix(observation.resource) or own_kind or kind
    return bare if bare[:1] != letter else f"{prefix}{bare}"


def _prefix(resource: Json) -> str:
    for extension in resource.get("code", {}).get("extension", []):
        if str(extension.get("url", "")).endswith(_PREFIX_EXTENSION):
            return code_text(extension.get("valueCodeableConcept"))
    return ""


def _edition(resource: Json) -> str:
    return code_text(resource.get("method"))


def _stage_code(each: Sourced) -> str:
    return _first(each, _STAGE)


def _category_code(each: Sourced) -> str:
    return _first(each, _CATEGORY)


def _first(each: Sourced, known: Iterable[str]) -> str:
    codes = {str(coding.get("code", "")) for coding in each.resource.get("code", {}).get("coding", [])}
    return next((code for code in known if code in codes), "")


def _relative(reference: str) -> str:
    return "/".join(reference.split("/_history/")[0].split("/")[-2:])
