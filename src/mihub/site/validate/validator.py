"""The way in: R4 and profiles compiled once to plain functions, resources through them, findings out.

Never changes a resource and never reads the record. Compiled lazily, per generation of the definitions; safe from any
thread. Supported and not: docs/reference/validation.md. Below: `core.fhir.definitions`, terminology as `Codes`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Final

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.codes import Codes
from mihub.site.validate.engine import Engine
from mihub.site.validate.finding import Finding
from mihub.site.validate.packaged import PackagedCodes
from mihub.site.validate.reading import read
from mihub.site.validate.run import Run

# Asking a shelf for its generation costs as much as a tenth of a resource: not asked again for so long.
_SURE_SECONDS: Final = 0.002
# FHIRPath steps for the conditions of one resource: between 0.3 and 25 s; a Bundle of 50,000 entries needs half of them.
MAX_STEPS: Final = 2_000_000


class ProfileValidator:
    """Implements `finding.Validator`.

    `best_practice` reports the rules that HL7 marks as best practice (dom-6) as warnings; `max_steps` bounds the
    invariants of one resource: what does not end is named and skipped. Without `terminology` the definitions' own
    value sets count alone.
    """

    def __init__(
        self,
        definitions: Definitions,
        terminology: Codes | None = None,
        *,
        best_practice: bool = True,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self._definitions = definitions
        self._terminology = terminology
        self._best_practice = best_practice
        self._max_steps = max_steps
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._sure_until = 0.0

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """Against R4, the profiles in `meta.profile`, and those named here; [] when there is nothing to say."""
        engine = self.engine()
        run = Run(engine)
        run.resource = run.root = resource
        name = resource.get("resourceType")
        where = (None, name if isinstance(name, str) and name.isalpha() else "Resource", -1)
        try:
            engine.resource(resource, where, run, profiles)
        except RecursionError:
            run.add("json-depth", where, "fatal")
        return merged(run.said) if run.said else []

    def validate_bytes(self, body: bytes, profiles: Sequence[str] = ()) -> list[Finding]:
        """As `validate`, with what only the text shows: syntax, duplicate keys, NaN, depth."""
        run = Run()
        resource = read(body, run)
        if resource is None:
            return run.said
        return merged([*run.said, *self.validate(resource, profiles)])

    def warm(self, profiles: Iterable[str] = ()) -> None:
        """Compile these now rather than at the first resource."""
        engine = self.engine()
        for canonical in profiles:
            engine.profiles.get(canonical)

    def engine(self) -> Engine:
        """What is compiled for the present generation of the definitions."""
        now = perf_counter()
        engine = self._engine
        if engine is not None and now < self._sure_until:
            return engine
        if engine is not None and engine.generation == self._definitions.generation:
            self._sure_until = now + _SURE_SECONDS
            return engine
        with self._lock:
            engine = self._engine
            if engine is None or engine.generation != self._definitions.generation:
                codes = self._terminology or PackagedCodes(self._definitions)
                engine = Engine(
                    self._definitions,
                    codes,
                    best_practice=self._best_practice,
                    max_steps=self._max_steps,
                )
                self._engine = engine
            return engine


def merged(said: Sequence[Finding]) -> list[Finding]:
    """Each finding once: what several profiles say of one place is told by the first."""
    kept: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], Finding] = {}
    for finding in said:
        key = finding.severity, finding.location, finding.rule, tuple(finding.facts.items())
        known = kept.get(key)
        if known is None:
            kept[key] = finding
    return list(kept.values())
