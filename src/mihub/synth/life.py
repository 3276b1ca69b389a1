"""One person's life in the region: who, where known, how ill, what consented.

`draw` makes person number `index` of a region and needs no other person, so that a region of any size
streams. Above: `region`. Below: `people`, `records`, `tobacco`, `tumours`, `screening_course`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from mihub.synth import consent_state, content, people, records, screening_course, tobacco, tumours
from mihub.synth.calendar import age_on, years_before
from mihub.synth.consent_state import ResearchConsent
from mihub.synth.dice import Dice
from mihub.synth.events import Death, TumourCourse
from mihub.synth.people import Person
from mihub.synth.records import SiteRecord
from mihub.synth.screening_course import ScreeningCourse
from mihub.synth.tobacco import Tobacco

AREAS = {"erzgebirge": 0.45, "elbtal": 0.2, "lausitz": 0.35}
_HOSPITAL = {"erzgebirge": "chemnitz", "elbtal": "dresden", "lausitz": "cottbus"}
_PRACTICE = {"erzgebirge": "praxis-a", "elbtal": "praxis-a", "lausitz": "praxis-b"}


@dataclass(frozen=True, slots=True)
class Illness:
    """One chronic illness: ICD-10-GM code and since when."""

    icd: str
    since: date


@dataclass(frozen=True, slots=True)
class Life:
    """Everything true about one person; `story` names the special person of the demo, if any."""

    person: Person
    group: str
    records: tuple[SiteRecord, ...]
    tobacco: Tobacco
    illnesses: tuple[Illness, ...]
    research: ResearchConsent
    screening: ScreeningCourse | None = None
    tumour: TumourCourse | None = None
    death: date | None = None
    story: str = ""

    def record_at(self, member: str) -> SiteRecord | None:
        """The first record at this member."""
        return next((record for record in self.records if record.member == member), None)

    @property
    def practice(self) -> str | None:
        """The GP practice that knows this person."""
        return next((record.member for record in self.records if record.member.startswith("praxis")), None)


def draw(seed: int, index: int, today: date) -> Life:
    """Person number `index` of the region."""
    if index % 2 and Dice(seed, "family", index // 2).chance(content.rates("records")["twins"]):
        return _twin(seed, index, today)
    dice = Dice(seed, "life", index)
    group = dice.weighted(content.rates("groups"))
    person = _person(dice, seed, index, group, today)
    return _lived(dice, seed, person, group, today)


def _twin(seed: int, index: int, today: date) -> Life:
    """A practice patient born on the same day as the person before."""
    first = draw(seed, index - 1, today).person
    person = people.twin_of(seed, index, first)
    return _lived(Dice(seed, "life", index), seed, person, "practice", today)


def _person(dice: Dice, seed: int, index: int, group: str, today: date) -> Person:
    area = dice.weighted(
        AREAS if group not in ("practice", "screening") else {"erzgebirge": 0.58, "lausitz": 0.42}
    )
    if group in tumours.ENTITIES:
        rates = content.parameters()[group]
        male = dice.chance(rates["male"])
        # The rate is the age at diagnosis, which lies two years back on average.
        age = 2 + round(dice.bell(rates["median_age"], rates["age_spread"], 34, 90))
    else:
        male = dice.chance(0.5)
        age = dice.whole(50, 75) if group == "screening" else dice.whole(18, 89)
    return people.person(seed, index, sex="male" if male else "female", age=age, area=area, today=today)


def _lived(dice: Dice, seed: int, person: Person, group: str, today: date) -> Life:
    tumour = (
        tumours.draw(dice, group, person, _HOSPITAL[person.area], today)
        if group in tumours.ENTITIES
        else None
    )
    screening, smoked = None, _tobacco(dice, group, person, tumour, today)
    if (
        group == "screening"
        and smoked.kind == "eligible"
        and dice.chance(content.parameters()["screening"]["screened"])
    ):
        screening = screening_course.draw(dice, today)
    if tumour and tumour.screen_detected:
        screening = screening_course.before_diagnosis(dice, tumour.diagnosis.day)
    death = next((event.day for event in tumour.events if isinstance(event, Death)), None) if tumour else None
    members = _members(dice, person, group, tumour, screening)
    first_contact = tumour.diagnosis.day if tumour else today - timedelta(days=dice.whole(200, 1500))
    last_contact = death or today
    return Life(
        person,
        group,
        records.records_of(seed, person, members),
        smoked,
        _illnesses(dice, person, group, last_contact),
        consent_state.draw(dice, first_contact, last_contact),
        screening,
        tumour,
        death,
    )


def _tobacco(dice: Dice, group: str, person: Person, tumour: TumourCourse | None, today: date) -> Tobacco:
    age = age_on(person.birth_date, today)
    if group == "screening":
        kinds = {key: content.parameters()["screening"][key] for key in tobacco.SCREENING_KINDS}
        return tobacco.for_screening(dice, dice.weighted(kinds), person.birth_date, age, today)
    if tumour and tumour.entity == "lung":
        ever = content.parameters()["lung"]["ever_smoker"]["sclc" if tumour.small_cell_extent else "nsclc"]
        smoker = dice.chance(ever) or tumour.screen_detected
        return tobacco.until_diagnosis(dice, person.birth_date, tumour.diagnosis.day, smoker)
    return tobacco.for_practice(dice, person.birth_date, age, today)


def _members(
    dice: Dice, person: Person, group: str, tumour: TumourCourse | None, screening: ScreeningCourse | None
) -> tuple[str, ...]:
    """Where the person is known, in the order of the catalogue's habit: hospitals, practice, radiology,
    care record.
    """
    found = list(tumour.hospitals) if tumour else []
    if not tumour and dice.chance(0.25):
        found.append(_HOSPITAL[person.area])
    if group in ("practice", "screening") or dice.chance(0.3 if person.area == "elbtal" else 0.85):
        found.append(_PRACTICE[person.area])
    scans = screening.scans if screening else ()
    if scans or (group == "lung" and dice.chance(0.2)):
        found.append("radiologie")
    if any(scan.second_reading for scan in scans) and "dresden" not in found:
        found.append("dresden")
    if dice.chance(_care_share(group, screening)):
        found.append("netzwerk")
    return tuple(found)


def _care_share(group: str, screening: ScreeningCourse | None) -> float:
    if screening:
        return 0.6
    return {"lung": 0.75, "colorectal": 0.45, "breast": 0.45}.get(group, 0.0)


_CHRONIC = (
    ("I10.90", 0.012, 25),
    ("E11.90", 0.005, 35),
    ("E78.0", 0.007, 30),
    ("I25.19", 0.004, 45),
    ("J44.99", 0.003, 45),
    ("N18.3", 0.002, 50),
    ("M54.5", 0.006, 20),
    ("F32.9", 0.002, 18),
    ("E03.9", 0.003, 25),
    ("I48.9", 0.002, 55),
)


def _illnesses(dice: Dice, person: Person, group: str, until: date) -> tuple[Illness, ...]:
    """More with the years; lung disease more often among smokers."""
    age = age_on(person.birth_date, until)
    found = []
    for icd, per_year, from_age in _CHRONIC:
        weight = 4.0 if icd == "J44.99" and group in ("screening", "lung") else 1.0
        if dice.chance(min(0.75, max(0, age - from_age) * per_year * weight)):
            first = years_before(until, max(0, age - from_age))
            found.append(Illness(icd, dice.day(first, until - timedelta(days=30))))
    return tuple(found)
