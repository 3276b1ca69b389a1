"""A FHIR Consent as flat statements: code, permit or deny, days, and the path of the provision.

Only an active Consent speaks. A provision without a code permits nothing and denies everything inside its
parent; the outermost one is the default and states nothing by itself. Days are those of the provision, inside
those of its parents, and never longer than the code lasts. Source: FHIR R4 Consent; MII consent module 2025.
Above: `ruling`.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mihub.core.consent.periods import Interval
from mihub.core.consent.policy import PolicyCatalogue, PolicyCode
from mihub.core.fhir import Json, Resource


@dataclass(frozen=True, slots=True)
class Statement:
    """One code of one provision. `code` is None for a deny of everything."""

    consent: str
    path: str
    decision: Literal["permit", "deny"]
    code: PolicyCode | None
    days: Interval


@dataclass(frozen=True, slots=True)
class Ignored:
    """A Consent or provision that states nothing, and why."""

    consent: str
    path: str
    because: str


def statements(consent: Resource, catalogue: PolicyCatalogue) -> Iterator[Statement | Ignored]:
    """Everything the Consent states, in document order, and everything in it that counts for nothing."""
    key = f"Consent/{consent.get('id', '')}"
    root = consent.get("provision")
    if consent.get("status") != "active":
        yield Ignored(key, "status", "the Consent is not active")
        return
    if not isinstance(root, dict):
        yield Ignored(key, "provision", "the Consent has no provision")
        return
    signed = _span(consent.get("dateTime"))
    reader = _Reader(key, catalogue, signed[1] if signed else None)
    yield from reader.read(root, "provision", (date.min, date.max), outermost=True)


@dataclass(frozen=True, slots=True)
class _Reader:
    consent: str
    catalogue: PolicyCatalogue
    signed: date | None

    def read(
        self, provision: Json, path: str, outer: Interval, *, outermost: bool = False
    ) -> Iterator[Statement | Ignored]:
        days = self._days(provision, outer)
        if days is None:
            yield Ignored(self.consent, path, "its period can not be read; only what it denies counts")
        found = self._all(provision, path, outer if days is None else days, outermost=outermost)
        for one in found:
            if days is not None or (isinstance(one, Statement) and one.decision == "deny"):
                yield one

    def _all(
        self, provision: Json, path: str, days: Interval, *, outermost: bool
    ) -> Iterator[Statement | Ignored]:
        yield from self._own(provision, path, days, outermost=outermost)
        inner = provision.get("provision")
        for i, part in enumerate(inner if isinstance(inner, list) else []):
            if isinstance(part, dict):
                yield from self.read(part, f"{path}.provision[{i}]", days)

    def _own(
        self, provision: Json, path: str, days: Interval, *, outermost: bool
    ) -> Iterator[Statement | Ignored]:
        decision = provision.get("type")
        codes = list(_policy_codings(provision, self.catalogue.system))
        if decision == "deny":
            yield from self._denies(codes, path, days, outermost=outermost)
        elif decision == "permit":
            yield from self._permits(codes, path, days)
        elif not outermost:
            yield Ignored(self.consent, path, "it neither permits nor denies")

    def _denies(
        self, codes: list[str], path: str, days: Interval, *, outermost: bool
    ) -> Iterator[Statement | Ignored]:
        known = [code for code in map(self.catalogue.code, codes) if code is not None]
        if not known and not outermost:
            yield Statement(self.consent, path, "deny", None, days)
        for code in known:
            for part in sorted(self.catalogue.denied_by(code), key=int):
                yield Statement(self.consent, path, "deny", part, days)

    def _permits(self, codes: list[str], path: str, days: Interval) -> Iterator[Statement | Ignored]:
        if not codes:
            yield Ignored(self.consent, path, "a permit without a code permits nothing")
        for text in codes:
            code = self.catalogue.code(text)
            start = days[0] if days[0] != date.min else self.signed
            if code is None or code in self.catalogue.inactive:
                yield Ignored(self.consent, path, "its code is unknown or no longer in force")
            elif start is None:
                yield Ignored(self.consent, path, "it has no beginning and the Consent no date")
            else:
                end = min(days[1], self.catalogue.last_day(code, start))
                yield Statement(self.consent, path, "permit", code, (start, end))

    def _days(self, provision: Json, outer: Interval) -> Interval | None:
        """None when a period can not be read. A month or year widens a deny and narrows a permit."""
        if "period" not in provision:
            return outer
        period = provision["period"] if isinstance(provision["period"], dict) else {"start": None}
        start = _span(period["start"]) if "start" in period else (outer[0], outer[0])
        end = _span(period["end"]) if "end" in period else (outer[1], outer[1])
        if start is None or end is None:
            return None
        if provision.get("type") == "deny":
            return max(start[0], outer[0]), min(end[1], outer[1])
        return max(start[1], outer[0]), min(end[0], outer[1])


def _policy_codings(provision: Json, system: str) -> Iterator[str]:
    """Codes of the policy system; a code of another system is another promise and not read here."""
    concepts = provision.get("code")
    for concept in concepts if isinstance(concepts, list) else []:
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else []:
            if isinstance(coding, dict) and coding.get("system") == system:
                yield str(coding.get("code", ""))


def _span(value: object) -> Interval | None:
    """First and last day that a date, month or year may mean; a time of day is dropped."""
    text = value[:10] if isinstance(value, str) else ""
    try:
        if len(text) == 10:
            return date.fromisoformat(text), date.fromisoformat(text)
        first = date.fromisoformat(f"{text}-01" if len(text) == 7 else f"{text}-01-01")
    except ValueError:
        return None
    month = first.month if len(text) == 7 else 12
    return first, first.replace(month=month, day=calendar.monthrange(first.year, month)[1])
