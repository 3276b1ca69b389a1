"""The smoking history as FHIR Observations: read into intervals of the rule, and written from what a person
types.

A year or a month alone stays one: the rule is told how uncertain it is. What cannot be read becomes "not
known", never "none". Codes: `https://mihub.example/fhir/CodeSystem/observation`; smoking status: LOINC
72166-2.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.rules.lung_screening import PriorCt
from mihub.core.rules.smoking import SmokingInterval
from mihub.errors import InvalidInput

OBSERVATION: Final = "https://mihub.example/fhir/CodeSystem/observation"
FINDING: Final = "https://mihub.example/fhir/CodeSystem/lung-screening-finding"
INTERVAL: Final = "smoking-interval"
PER_DAY: Final = "cigarettes-per-day"
LAST_CT: Final = "last-lung-ct"
LAST_CT_FINDING: Final = "last-lung-ct-finding"
LOINC: Final = "http://loinc.org"
STATUS_LOINC: Final = "72166-2"
# LOINC answer list LL2201-3 and SNOMED CT, "never smoked".
_NEVER: Final = frozenset({"LA18978-9", "266919005"})
_UCUM: Final = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class RecordedInterval:
    """An interval with the Observation that says it; `interval` is None when the Observation cannot be
    understood.
    """

    observation: Resource
    interval: SmokingInterval | None

    @property
    def id(self) -> str:
        return str(self.observation["id"])


@dataclass(frozen=True, slots=True)
class SmokingHistory:
    """What the practice recorded. `intervals` is None when nothing says whether the person ever smoked."""

    recorded: tuple[RecordedInterval, ...]
    status: Resource | None
    never_smoked: bool

    @property
    def intervals(self) -> tuple[SmokingInterval, ...] | None:
        """For the rule: one interval that cannot be understood makes the whole history not known."""
        if not self.recorded:
            return () if self.never_smoked else None
        known = tuple(each.interval for each in self.recorded if each.interval is not None)
        return known if len(known) == len(self.recorded) else None


def read_history(observations: Sequence[Resource]) -> SmokingHistory:
    """From one patient's Observations, in any order; other codes are passed over."""
    valid = [each for each in observations if each.get("status") not in ("entered-in-error", "cancelled")]
    recorded = [RecordedInterval(each, _interval(each)) for each in valid if _is(each, OBSERVATION, INTERVAL)]
    recorded.sort(key=lambda each: str(each.observation.get("effectivePeriod", {}).get("start", "")))
    statuses = [each for each in valid if _is(each, LOINC, STATUS_LOINC)]
    statuses.sort(key=lambda each: str(each.get("effectiveDateTime", "")))
    status = statuses[-1] if statuses else None
    return SmokingHistory(tuple(recorded), status, never_smoked=_says_never(status))


def read_prior_ct(observations: Sequence[Resource]) -> PriorCt | None:
    """The newest answer to "was a CT of the lung made, and when?"; None when nobody asked."""
    answers = [
        each
        for each in observations
        if _is(each, OBSERVATION, LAST_CT) and each.get("status") not in ("entered-in-error", "cancelled")
    ]
    for answer in sorted(answers, key=lambda each: str(each.get("effectiveDateTime", "")), reverse=True):
        if answer.get("valueBoolean") is False:
            return PriorCt(on=None)
        day = _latest(str(answer.get("valueDateTime", "")))
        if day is not None:
            # The later the CT, the stricter the rule: a vague date counts as its last possible day.
            return PriorCt(on=day, control_requiring=_says_control(answer))
    return None


def interval_observation(
    patient_id: str, start: str, end: str, per_day: Decimal | None, recorded_on: date
) -> Resource:
    """The Observation for what a person typed: `start` and `end` as "1984" or "1984-05", `end` empty while
    smoking.

    Raises `InvalidInput` for a date or number that the rule cannot use.
    """
    if partial_day(start) is None or (end and partial_day(end) is None):
        raise InvalidInput("Start and end of smoking are a year or a month.", rule="YYYY or YYYY-MM")
    period = {"start": start, **({"end": end} if end else {})}
    found: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": _own(INTERVAL),
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectivePeriod": period,
        "issued": f"{recorded_on.isoformat()}T00:00:00Z",
    }
    if per_day is not None:
        quantity = {"value": float(per_day), "unit": "/d", "system": _UCUM, "code": "/d"}
        found["component"] = [{"code": _own(PER_DAY), "valueQuantity": quantity}]
    _checked(found)
    return found


def ended(observation: Resource, end: str) -> Resource:
    """The same interval with an end. Raises `InvalidInput` as `interval_observation`."""
    if partial_day(end) is None:
        raise InvalidInput("The end of smoking is a year or a month.", rule="YYYY or YYYY-MM")
    found = {**observation, "effectivePeriod": {**observation.get("effectivePeriod", {}), "end": end}}
    _checked(found)
    return found


def last_ct_observation(
    patient_id: str, on: date | None, control_requiring: bool, recorded_on: date
) -> Resource:
    """The answer to "was a CT of the lung made?": `on` is None for "no"."""
    value: Json = {"valueBoolean": False} if on is None else {"valueDateTime": on.isoformat()}
    found: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": _own(LAST_CT),
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": recorded_on.isoformat(),
        **value,
    }
    if on is not None and control_requiring:
        finding = {"coding": [{"system": FINDING, "code": "control-requiring"}]}
        found["component"] = [{"code": _own(LAST_CT_FINDING), "valueCodeableConcept": finding}]
    return found


def partial_day(text: str) -> tuple[date, int] | None:
    """The first day that "1984", "1984-05" or "1984-05-03" can mean, and by how many months it may lie
    later.
    """
    parts = text[:10].split("-")
    try:
        numbers = [int(part) for part in parts]
        day = date(*[*numbers, 1, 1][:3]) if len(numbers) <= 3 else None
    except (ValueError, TypeError):
        return None
    return None if day is None else (day, 11 if len(numbers) == 1 else 0)


def _latest(text: str) -> date | None:
    """The last day that "1984", "1984-05" or "1984-05-03" can mean; None when it is no date."""
    known = partial_day(text)
    if known is None or len(text) >= 10:
        return known[0] if known else None
    month = known[0].month if len(text) > 4 else 12
    return date(known[0].year, month, monthrange(known[0].year, month)[1])


def _interval(observation: Resource) -> SmokingInterval | None:
    try:
        return _checked(observation)
    except InvalidInput:
        return None


def _checked(observation: Resource) -> SmokingInterval:
    period = observation.get("effectivePeriod", {})
    start, end = partial_day(str(period.get("start", ""))), partial_day(str(period.get("end", "")))
    if start is None or (end is None and period.get("end")):
        raise InvalidInput("A smoking interval has no usable start or end.", rule="effectivePeriod")
    return SmokingInterval(
        start=start[0],
        end=end[0] if end else None,
        cigarettes_per_day=_amount(observation),
        start_uncertain_months=start[1],
        end_uncertain_months=end[1] if end else 0,
    )


def _amount(observation: Resource) -> Fraction | None:
    for component in observation.get("component", []):
        value: Any = component.get("valueQuantity", {}).get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Fraction(str(value))
    return None


def _is(observation: Resource, system: str, code: str) -> bool:
    codings = observation.get("code", {}).get("coding", [])
    return any(coding.get("system") == system and coding.get("code") == code for coding in codings)


def _says_never(status: Resource | None) -> bool:
    codings = (status or {}).get("valueCodeableConcept", {}).get("coding", [])
    return any(coding.get("code") in _NEVER for coding in codings)


def _says_control(answer: Resource) -> bool:
    codings = [
        coding
        for component in answer.get("component", [])
        for coding in component.get("valueCodeableConcept", {}).get("coding", [])
    ]
    return any(coding.get("code") == "control-requiring" for coding in codings)


def _own(code: str) -> Json:
    return {"coding": [{"system": OBSERVATION, "code": code}]}
