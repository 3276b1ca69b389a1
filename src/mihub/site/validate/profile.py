"""The compiled profiles, by canonical; which of them a resource claims, and whether something conforms to one.

Compiled once, lazily, under the engine's lock. A profile that cannot be read is named and the rest goes on. Above:
`engine`. Below: `delta`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import r4
from mihub.errors import MihubError
from mihub.site.validate.delta import Delta
from mihub.site.validate.demands import extension_url
from mihub.site.validate.names import CORE, model_type, shown_address
from mihub.site.validate.primitives import absolute
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check
from mihub.site.validate.tree import Node

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine

_IMPOSE: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile"
# R4: every observation with one of these LOINC codes conforms to the profile (https://hl7.org/fhir/R4/observation-vitalsigns.html).
_VITAL_SIGNS: Final = {
    "85353-1": "vitalspanel", "9279-1": "resprate", "8867-4": "heartrate", "2708-6": "oxygensat",
    "8310-5": "bodytemp", "8302-2": "bodyheight", "9843-4": "headcircum", "29463-7": "bodyweight",
    "39156-5": "bmi", "85354-9": "bp",
}  # fmt: skip
MAX_UNKNOWN: Final = 5_000
_ABSTRACT: Final = frozenset({"Resource", "DomainResource", "Element", "BackboneElement"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One compiled profile. `check` None: it adds nothing to R4."""

    canonical: str
    type: str
    check: Check | None
    tree: Node
    # Profiles that a resource of this one must fit as well.
    imposed: tuple[str, ...] = ()


class Profiles:
    """The compiled profiles of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Profile | None] = {}

    def get(self, canonical: str) -> Profile | None:
        """The compiled profile; None when nobody knows it or it cannot be read (`engine.broken` says why)."""
        if canonical in self._known:
            return self._known[canonical]
        with self._engine.lock:
            if canonical in self._known:
                return self._known[canonical]
            made = self._made(canonical)
            # What resources claim without end is not remembered without end.
            if made is not None or len(self._known) < MAX_UNKNOWN:
                self._known[canonical] = made
            return made

    def _made(self, canonical: str) -> Profile | None:
        engine = self._engine
        tree = engine.tree(canonical)
        if tree is None:
            return None
        try:
            found = engine.definitions.structure(canonical)
        except MihubError as error:
            engine.broken[canonical] = error.what
            return None
        name = str(found.resource.get("type") or "") if found is not None else ""
        if canonical.partition("|")[0] == CORE + name:
            return Profile(canonical, name, None, tree)
        rows = found.resource.get("extension") if found is not None else None
        imposed = tuple(
            str(row.get("valueCanonical"))
            for row in rows or ()
            if isinstance(row, dict) and row.get("url") == _IMPOSE and row.get("valueCanonical")
        )
        return Profile(canonical, name, Delta(engine, canonical).root(tree, name), tree, imposed)

    def claimed(self, value: Json, name: str, where: Where, run: Run, more: Sequence[str]) -> None:
        """A resource against the profiles it claims and those named."""
        meta = value.get("meta")
        own = meta.get("profile") if meta.__class__ is dict else None
        seen: set[str] = set()
        if own.__class__ is list:
            for index, canonical in enumerate(own):
                if canonical.__class__ is str and canonical not in seen:
                    seen.add(canonical)
                    place = ((where, "meta", -1), "profile", index)
                    self._check(canonical, value, name, where, place, run)
        for canonical in (*more, *_of_code(value)) if name == "Observation" else more:
            if canonical not in seen:
                seen.add(canonical)
                self._check(canonical, value, name, where, where, run)

    def _check(self, canonical: str, value: Json, name: str, where: Where, place: Where, run: Run) -> None:
        known = self._known
        profile = known[canonical] if canonical in known else self.get(canonical)
        if profile is None:
            reason = self._engine.broken.get(canonical)
            if reason is not None:
                run.add(
                    "profile-broken", place, "warning", "", canonical=shown_address(canonical), reason=reason
                )
            else:
                run.add("profile-unknown", place, "warning", "", canonical=shown_address(canonical))
            return
        if profile.type != name and not self._above(profile.type, name):
            run.add("profile-type", place, "error", canonical, expected=profile.type, type=name)
        elif profile.check is not None:
            profile.check(value, where, run)
        for one in profile.imposed:
            if (id(value), one) not in run.trying:
                run.trying.add((id(value), one))
                self._check(one, value, name, where, place, run)
                run.trying.discard((id(value), one))

    def _above(self, wanted: str, name: str) -> bool:
        kind = model_type(name)
        return wanted in _ABSTRACT and kind is not None and kind.is_a(wanted)

    def fits(self, value: Any, canonical: str, run: Run) -> bool:
        """Whether a resource or element conforms. In a circle, and for an unknown profile, it does."""
        key = id(value), canonical
        if key in run.trying:
            return True
        profile = self.get(canonical)
        if profile is None:
            return True
        other = run.branch()
        name = value.get("resourceType")
        if isinstance(name, str):
            if profile.type != name and not self._above(profile.type, name):
                return False
            other.resource = value
            inner = run.root.get("contained")
            if not any(value is one for one in (inner if isinstance(inner, list) else ())):
                other.root = value
        run.trying.add(key)
        try:
            if profile.check is not None:
                profile.check(value, (None, profile.type or "Element", -1), other)
            if isinstance(name, str):
                self._inside(value, name, other)
        finally:
            run.trying.discard(key)
        return other.errors() == 0

    def _inside(self, value: Json, name: str, run: Run) -> None:
        """R4's own rules too: a target that breaks them conforms to no profile."""
        check = self._engine.type_check(name) if r4().is_resource(name) else None
        if check is not None:
            check(value, (None, name, -1), run)

    def one_of(self, canonicals: list[str], profile: str) -> Check:
        """The check of an element whose type names profiles: it conforms to one of them."""
        if len(canonicals) == 1:
            return self._one(canonicals[0], profile)
        expected = ", ".join(canonicals)

        def check(value: Any, where: Where, run: Run) -> None:
            if not any(self.fits(value, canonical, run) for canonical in canonicals):
                run.add("profile-none", where, "error", profile, expected=expected)

        return check

    def _one(self, canonical: str, profile: str) -> Check:
        """A single profile speaks for itself; looked up at the first use, so that profiles may name each other."""

        def check(value: Any, where: Where, run: Run) -> None:
            found = self.get(canonical)
            if found is None:
                run.add("profile-part", where, "warning", profile, canonical=canonical)
            elif found.check is not None and (id(value), canonical) not in run.trying:
                run.trying.add((id(value), canonical))
                found.check(value, where, run)
                run.trying.discard((id(value), canonical))

        return check

    def of_extension(self, url: str, root: Node | None) -> Check | None:
        """The profile of an extension, and that it has only parts it defines."""
        if root is None:
            return None
        check = Delta(self._engine, url).root(root, "Extension")
        parts = root.children.get("extension")
        names = [extension_url(part, self._engine) for part in parts.slices.values()] if parts else []
        known, expected = frozenset(names), ", ".join(names)

        def both(value: Any, where: Where, run: Run) -> None:
            if check is not None:
                check(value, where, run)
            inner = value.get("extension")
            for index, one in enumerate(inner if inner.__class__ is list else ()):
                name = one.get("url") if one.__class__ is dict else None
                if name.__class__ is str and name not in known and not absolute(name):
                    run.add("extension-part-unknown", (where, "extension", index), "error", url,
                            url=url, slices=expected)  # fmt: skip

        return both


def _of_code(observation: Json) -> list[str]:
    """The vital signs profile that an observation's code brings with it."""
    code = observation.get("code")
    codings = code.get("coding") if code.__class__ is dict else None
    for one in codings if codings.__class__ is list else ():
        if one.__class__ is dict and one.get("system") == "http://loinc.org":
            name = _VITAL_SIGNS.get(str(one.get("code")))
            if name is not None:
                return [CORE + name]
    return []
