"""All the ways one concept can be said, and which to show or accept for the languages somebody asked for.

A display without a language is the system's language. Source: R4 ValueSet/$expand `displayLanguage`, and the terminology
ecosystem's rules on languages. Above: `expand`, `check`, `lookup`. Below: `languages`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mihub.core.fhir import Json
from mihub.site.terminology.concepts import STANDARDS_STATUS, extension_value
from mihub.site.terminology.languages import Languages, distance
from mihub.site.terminology.protocol import Concept, Designation, Metadata

PREFERRED: Final[Json] = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
    "display": "Preferred For Language",
}
_DISPLAY_USES: Final = frozenset(
    {
        (PREFERRED["system"], PREFERRED["code"]),
        ("http://terminology.hl7.org/CodeSystem/designation-usage", "display"),
        ("http://snomed.info/sct", "900000000000548007"),
        ("http://snomed.info/sct", "900000000000013009"),
    }
)
_WITHDRAWN: Final = frozenset({"withdrawn", "inactive", "deprecated", "retired"})


@dataclass(frozen=True, slots=True)
class Said:
    """One way. `own`: the display of the system, a supplement or the value set, not a designation."""

    value: str
    language: str = ""
    own: bool = False
    use: Json | None = None
    status: str = ""
    source: str = ""
    extension: tuple[Json, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it may still be used."""
        return self.status not in _WITHDRAWN

    @property
    def is_display(self) -> bool:
        """Whether it is for showing, and not for search, sorting or something unknown."""
        if self.own or self.use is None:
            return True
        return (self.use.get("system", ""), self.use.get("code", "")) in _DISPLAY_USES


@dataclass(slots=True)
class Displays:
    """The ways to say one concept, in the order of preference among equals."""

    language: str = ""
    said: list[Said] = field(default_factory=list)

    @classmethod
    def of(cls, concept: Concept, system: Metadata) -> Displays:
        """From a code system."""
        displays = cls(system.language)
        if concept.display:
            displays.said.append(Said(concept.display, system.language, own=True))
        displays.said.extend(_said(one) for one in concept.designations)
        return displays

    def add_reference(self, concept: Json, language: str) -> None:
        """What a value set says itself about a concept it lists."""
        if concept.get("display"):
            self.said.append(Said(concept["display"].strip(), language, own=True))
        for one in concept.get("designation") or []:
            extension = tuple(one.get("extension") or ())
            self.said.append(
                Said(
                    one["value"].strip(),
                    one.get("language", ""),
                    use=one.get("use"),
                    status=_status(extension),
                    extension=extension,
                )
            )

    def preferred(self, languages: Languages | None) -> Said | None:
        """What to show. With `*;q=0` nothing when no wanted language is there; else the system's own display."""
        if languages is None or not languages.wishes:
            return self._first()
        for tag in languages.wanted:
            found = self._in(tag)
            if found is not None:
                return found
        if languages.hard:
            return next((one for one in self.said if not one.language and one.is_display), None)
        return self._first()

    def _first(self) -> Said | None:
        for choice in (self._displays(active=True), self._displays(active=False), iter(self.said)):
            for one in choice:
                return one
        return None

    def _displays(self, *, active: bool) -> Iterator[Said]:
        return (one for one in self.said if one.is_display and (one.active or not active))

    def _in(self, tag: str) -> Said | None:
        best: tuple[tuple[bool, int, bool], Said] | None = None
        for one in self.said:
            far = (
                distance(tag, one.language or self.language or "")
                if (one.language or self.language)
                else None
            )
            if far is None:
                continue
            rank = (not one.active, far, not one.is_display)
            if best is None or rank < best[0]:
                best = (rank, one)
        return best[1] if best else None

    def accepts(self, text: str, languages: Languages | None, *, active: bool = False, also: str = "") -> str:
        """ "same" (case does not matter), "spaces" (differs in white space only), or "" for not at all.

        `also`: one more language that is good, usually the system's own.
        """
        candidates = [
            one for one in self.said if (one.active or not active) and _wanted(one.language, languages, also)
        ]
        if any(one.value.casefold() == text.casefold() for one in candidates):
            return "same"
        flat = " ".join(text.split()).casefold()
        return "spaces" if any(" ".join(one.value.split()).casefold() == flat for one in candidates) else ""

    def choices(self, languages: Languages | None, *, displays_only: bool = True) -> list[Said]:
        """The good ones in the best matching language that has any."""
        good = [one for one in self.said if one.is_display or not displays_only]
        for far in (0, 1, 2):
            found = [one for one in good if _within(one.language, languages, far)]
            if found:
                return found
        return []

    def presented(self, languages: Languages | None) -> str:
        """For a sentence: `'Display 1' (en) or 'Anzeige 1' (de)`; all of them when none is in a wanted language."""
        displays = [one for one in self.said if one.is_display]
        chosen = [one for one in displays if _wanted(one.language, languages, "")] or displays
        texts = [f"'{one.value}' ({one.language})" if one.language else f"'{one.value}'" for one in chosen]
        return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}" if texts else ""


def _said(one: Designation) -> Said:
    return Said(
        one.value.strip(),
        one.language,
        use=one.use,
        status=_status(one.extension),
        source=one.source,
        extension=one.extension,
    )


def _status(extension: tuple[Json, ...]) -> str:
    value = extension_value({"extension": list(extension)}, STANDARDS_STATUS)
    return value if isinstance(value, str) else ""


def _wanted(language: str, languages: Languages | None, also: str) -> bool:
    if also and language and distance(also, language) is not None:
        return True
    return _within(language, languages, 2)


def _within(language: str, languages: Languages | None, far: int) -> bool:
    if not language or languages is None or not languages.wishes:
        return True
    reached = (distance(tag, language) for tag in languages.wanted)
    return any(one is not None and one <= far for one in reached)
